"""How much: Kelly's fraction of equity put at risk, every other cap beside it, and the tightest wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from lightning_gex.analytics.kelly import kelly_fraction, wilson_interval
from lightning_gex.core.decision import Cap
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.quick_init import quick_init
from lightning_gex.sizing.ladder import rung_at_or_below
from lightning_gex.sizing.track_record import TrackRecord

KELLY_CAP = "kelly"


@dataclass(frozen=True, slots=True)
class KellyConfig:
    """How far Kelly is trusted.

    Parameters
    ----------
    fraction : of Kelly's fraction that is put at risk, in (0, 1].
    minimum_outcomes : with fewer resolved outcomes that do not overlap the size is ``cold_start_size_pct``.
    cold_start_size_pct : notional over equity.
    level : two-sided confidence of the win rate's interval, which must exclude no edge where outcomes have no dates.
    edge_level : two-sided confidence of the interval of the mean net return, which must exclude no edge.
    prior_outcomes : outcomes at the base rate that the resolved ones are averaged with, as if they had been seen too.
    """

    fraction: float = 0.25
    minimum_outcomes: int = 30
    cold_start_size_pct: float = 0.02
    level: float = 0.95
    prior_outcomes: float = 30.0
    edge_level: float = 0.50

    def __post_init__(self) -> None:
        for name in ("fraction", "cold_start_size_pct"):
            value = getattr(self, name)
            if not 0.0 < value <= 1.0:
                raise SettingsError(f"kelly: {name} must be a fraction above 0 and up to 1, not {value!r}")
        if self.minimum_outcomes < 1:
            raise SettingsError(f"kelly: minimum_outcomes must be at least 1, not {self.minimum_outcomes!r}")
        for name in ("level", "edge_level"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise SettingsError(f"kelly: {name} must lie between 0 and 1, not {getattr(self, name)!r}")
        if not 0.0 <= self.prior_outcomes < math.inf:
            raise SettingsError(f"kelly: prior_outcomes must be 0 or more, not {self.prior_outcomes!r}")


@quick_init
@dataclass(frozen=True, slots=True)
class KellySizing:
    """Kelly's answer. Numbers are NaN where there is nothing to take them from.

    Parameters
    ----------
    size_pct_cap : the largest notional over equity that Kelly allows; not on the ladder yet, and it may exceed 1.
    reason : why, in words.
    cold_start : whether too few outcomes are resolved for Kelly to speak.
    win_rate : share of resolved outcomes that won.
    interval : of the win rate, as wide as the outcomes that do not overlap make it.
    payoff_ratio : target over stop, both after costs.
    fraction : Kelly's full fraction f at ``probability``; at most 0 where there is no edge.
    independent : resolved outcomes that do not overlap.
    base_rate : chance that a signal without skill reaches this target before this stop.
    probability : the win rate shrunk to the base rate, which f is taken at.
    """

    size_pct_cap: float
    reason: str
    cold_start: bool
    win_rate: float
    interval: tuple[float, float]
    payoff_ratio: float
    fraction: float
    independent: int
    base_rate: float
    probability: float

    @property
    def cap(self) -> Cap:
        """The same as one of the limits on the size."""
        return Cap(KELLY_CAP, self.size_pct_cap, self.reason)


def kelly_cap(
    *,
    record: TrackRecord,
    target_return: float,
    stop_return: float,
    cost_per_side: float,
    config: KellyConfig,
) -> KellySizing:
    """The largest position that a quarter of Kelly's fraction allows.

    p is the share of resolved outcomes that won, shrunk to the base rate: averaged with ``config.prior_outcomes`` at
    the chance stop / (target + stop) that a price without drift reaches the target first. With b = (target - costs) /
    (stop + costs), costs being both sides, f = p - (1 - p) / b is the fraction of equity to put at risk. The cap is the
    notional whose loss at the stop, costs included, is ``config.fraction`` of f. It is 0 where the interval of the edge
    includes zero: of the mean net return of the resolved outcomes, as wide as the months that they came in make it
    (``TrackRecord.edge_interval``). A record without dates has no months; there f has to be positive at the lower end
    of the win rate's Wilson interval. Overlapping outcomes are not independent: shrinkage and cold start count
    ``record.independent`` of them, and so does Wilson's interval.

    Parameters
    ----------
    record : how past signals of this direction ended.
    target_return, stop_return : distances of target and stop as positive fractions of the entry; a cap of 0 where one
        is not a positive number.
    cost_per_side : fraction of the notional, not negative.
    config : how far Kelly is trusted.

    Returns
    -------
    The cap and what it rests on.

    Raises
    ------
    InputError : a negative cost.

    Notes
    -----
    The base rate is the gambler's ruin of a fair game (Feller, An Introduction to Probability Theory and Its
    Applications I, 1968, XIV.2); the average with imagined outcomes is the mean of a beta posterior.
    """
    if not 0.0 <= cost_per_side < 1.0:
        raise InputError(f"{cost_per_side} is no cost as a fraction", field="cost_per_side")
    win_rate, count = record.win_rate, record.independent
    interval = wilson_interval(win_rate * count, count, config.level) if count else (math.nan, math.nan)
    gain, loss = target_return - 2.0 * cost_per_side, stop_return + 2.0 * cost_per_side
    payoff = gain / loss if 0.0 < loss < math.inf else math.nan
    usable = 0.0 < stop_return < math.inf and 0.0 < target_return < math.inf
    base_rate = stop_return / (target_return + stop_return) if usable else math.nan
    prior = config.prior_outcomes
    probability = (win_rate * count + base_rate * prior) / (count + prior) if count and usable else math.nan
    fraction = kelly_fraction(probability, payoff) if count and usable and payoff > 0.0 else math.nan

    def answer(size_pct_cap: float, reason: str, *, cold_start: bool = False) -> KellySizing:
        return KellySizing(
            size_pct_cap, reason, cold_start, win_rate, interval, payoff, fraction, count, base_rate, probability
        )

    if not usable:
        return answer(0.0, f"target {target_return} or stop {stop_return} is no positive distance")
    if gain <= 0.0:
        return answer(0.0, f"costs of {2.0 * cost_per_side:.2%} leave nothing of a target {target_return:.2%} away")
    if count < config.minimum_outcomes:
        reason = f"cold_start: {count} of {config.minimum_outcomes} outcomes that do not overlap are resolved"
        return answer(config.cold_start_size_pct, reason, cold_start=True)
    break_even = 1.0 / (1.0 + payoff)
    unproven = _unproven(record, interval, payoff, config)
    if unproven is not None:
        return answer(0.0, unproven)
    if fraction <= 0.0:
        shrunk = f"{probability:.0%} after shrinking to the base rate of {base_rate:.0%}"
        return answer(0.0, f"no edge left: a win rate of {shrunk}, above {break_even:.0%} is needed")
    at_risk = config.fraction * fraction
    reason = f"{config.fraction:.0%} of Kelly's {fraction:.1%} at risk, with a loss of {loss:.2%} at the stop"
    return answer(at_risk / loss, reason)


def _unproven(record: TrackRecord, win_interval: tuple[float, float], payoff: float, config: KellyConfig) -> str | None:
    """Why the edge may be none, or None where its interval lies above zero."""
    low, high = record.edge_interval(config.edge_level)
    if not math.isnan(low):
        known = f"the mean net return lies in [{low:+.2%}, {high:+.2%}], above 0 is needed"
        return f"no proven edge: {known}" if low <= 0.0 else None
    low, high = win_interval
    if kelly_fraction(low, payoff) > 0.0:
        return None
    break_even = 1.0 / (1.0 + payoff)
    return f"no proven edge: the win rate lies in [{low:.0%}, {high:.0%}], above {break_even:.0%} is needed"


def choose_size(caps: Sequence[Cap]) -> tuple[float, str]:
    """The size that every cap allows, and the cap that decided.

    Parameters
    ----------
    caps : at least one limit, fractions of equity; one that is NaN allows nothing.

    Returns
    -------
    The largest rung of the ladder at or below the tightest cap, and that cap's name; of equally tight ones the first.

    Raises
    ------
    InputError : without a cap: an unlimited position is never meant.
    """
    if not caps:
        raise InputError("a size needs at least one cap", field="caps")
    tightest = min(caps, key=lambda cap: -math.inf if math.isnan(cap.size_pct) else cap.size_pct)
    return rung_at_or_below(tightest.size_pct), tightest.name


def quantity_for(size_pct: float, equity: float, price: float) -> int:
    """Whole shares whose value does not exceed a fraction of equity.

    Parameters
    ----------
    size_pct : notional over equity.
    equity, price : USD.

    Returns
    -------
    Shares, at least 0; 0 where an argument is not a positive number.

    Examples
    --------
    >>> quantity_for(0.15, 100_000.0, 180.0)
    83
    """
    if not all(0.0 < value < math.inf for value in (size_pct, equity, price)):
        return 0
    # Decimal of the shortest form, or 0.29 of 100 USD would buy 28 shares at 1 USD: binary floats make 28.99 of it
    notional = Decimal(str(size_pct)) * Decimal(str(equity))
    return int((notional / Decimal(str(price))).to_integral_value(ROUND_FLOOR))
