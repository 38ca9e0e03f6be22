"""What became of similar past signals, as a recalibrated probability, and how far a confidence follows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from lightning_gex.analytics.similarity import weighted_outcomes
from lightning_gex.core.deferred import Deferred, deferring
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.patterns import Neighbours
from lightning_gex.core.quick_init import quick_init
from lightning_gex.memory.say import MemorySay
from lightning_gex.memory.shelf import microseconds

#: The founding document's bounds of the multiplier. A configuration may narrow them, never widen them.
LOWEST_MULTIPLIER = 0.8
HIGHEST_MULTIPLIER = 1.2
RECENT_SIGNALS = 50  # the founding document's short-term memory
_MICROSECONDS_PER_DAY = 86_400e6
_MICROSECONDS_PER_YEAR = 365.25 * _MICROSECONDS_PER_DAY
_FIRST_DAY = date(1970, 1, 1).toordinal()
#: Probabilities nearer to 0 or 1 than this are taken to lie here: log-odds have an end nowhere else.
_SUREST = 1e-6


@quick_init
@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """How memory is asked and how far its answer counts.

    Parameters
    ----------
    neighbours : how many similar signals are recalled.
    similarity_threshold : in [0, 1]; less similar signals are not considered. 0.8 is a root mean square difference of
        0.4 on a scale from -1 to 1.
    minimum_neighbours : with fewer to consider memory gives no advice.
    prior_strength : how many imagined signals at the base rate the considered ones are averaged with.
    half_life_years : after how long an outcome counts half.
    lowest_multiplier, highest_multiplier : bounds, within 0.8 .. 1.2 and around 1.
    recent_signals : length of the short-term memory.
    """

    neighbours: int = 20
    similarity_threshold: float = 0.8
    minimum_neighbours: int = 10
    prior_strength: float = 30.0
    half_life_years: float = 5.0
    lowest_multiplier: float = LOWEST_MULTIPLIER
    highest_multiplier: float = HIGHEST_MULTIPLIER
    recent_signals: int = RECENT_SIGNALS

    def __post_init__(self) -> None:
        if self.neighbours < 1 or self.minimum_neighbours < 1 or self.recent_signals < 1:
            raise SettingsError("memory: neighbours, minimum_neighbours and recent_signals must be at least 1")
        if not 0.0 <= self.similarity_threshold <= 1.0:
            raise SettingsError(f"memory: similarity_threshold {self.similarity_threshold} must lie in [0, 1]")
        for name in ("prior_strength", "half_life_years"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise SettingsError(f"memory: {name} {getattr(self, name)} must be a positive number")
        if not LOWEST_MULTIPLIER <= self.lowest_multiplier <= 1.0 <= self.highest_multiplier <= HIGHEST_MULTIPLIER:
            raise SettingsError(
                f"memory: the multiplier's bounds {self.lowest_multiplier} and {self.highest_multiplier} must lie "
                f"within {LOWEST_MULTIPLIER} and {HIGHEST_MULTIPLIER}, on either side of 1"
            )


@quick_init
@dataclass(frozen=True, slots=True)
class ConfidenceAdjustment(Deferred):
    """What memory made of a confidence.

    Parameters
    ----------
    confidence : the probability after memory, [0, 1]; NaN where there was none to adjust.
    multiplier : that over the one before, within the configured bounds; exactly 1 where memory has nothing to say, or
        has not earned a say.
    reason : why, in words.
    considered : how many neighbours counted.
    right : how many of those were right.
    success_rate : how often such signals are right: weighted by likeness and age, shrunk to the base rate; NaN where
        too few were considered.
    base_rate : what it was shrunk to and is held against; NaN likewise.
    shift : what memory advises, in log-odds; NaN where it advises nothing.
    share : the share of that advice that memory has earned, [0, 1].
    fallback : what stood in for something missing, or None.
    """

    confidence: float
    multiplier: float
    reason: str
    considered: int
    right: int
    success_rate: float
    base_rate: float
    shift: float
    share: float
    fallback: str | None

    @property
    def advice(self) -> dict[str, float]:
        """The numbers behind the advice by name; empty where there is none."""
        if math.isnan(self.shift):
            return {}
        rates = {"right": self.right, "success_rate": self.success_rate, "base_rate": self.base_rate}
        return {**rates, "shift": self.shift, "share": self.share}


_adjustment_later = deferring(ConfidenceAdjustment)


def adjust_confidence(
    confidence: float,
    neighbours: Neighbours,
    *,
    base_rate: float,
    as_of: datetime,
    say: MemorySay,
    config: MemoryConfig,
) -> ConfidenceAdjustment:
    """Recalibrate a probability by how often similar past signals were right, as far as such advice has proved right.

    The neighbours at or above the similarity threshold are averaged with a Beta prior of ``prior_strength`` signals at
    the base rate: with weight ``w`` = likeness x 2^(-age / half-life), shared among neighbours whose windows overlap,

        success rate r = (s b + sum of w over those that were right) / (s + sum of w)
        shift        m = log-odds(r) - log-odds(b)
        recalibrated   = probability of the log-odds(p) + share x m

    and the multiplier is the recalibrated probability over p, cut to the bounds. ``share`` is what memory's earlier
    advice has earned it (``MemorySay``).

    Parameters
    ----------
    confidence : p, the probability that the direction is right; cut to [0, 1].
    neighbours : what ``recall`` answered.
    base_rate : b, how often such a direction is right at all, in [0, 1]; NaN where nobody knows, then what was said of
        the neighbours stands in for it and the record says so.
    as_of : aware, the moment of asking.
    say : what became of memory's advice before.
    config : thresholds, prior and bounds.

    Returns
    -------
    The probability after memory, never falling when another neighbour was right. A NaN confidence stays NaN.

    Raises
    ------
    InputError : a base rate outside [0, 1], or a naive time.
    """
    if base_rate < 0.0 or base_rate > 1.0:
        raise InputError(f"{base_rate} is no share of signals", field="base_rate")
    if math.isnan(confidence):
        return _unchanged(confidence, "there is no confidence to adjust", 0)
    confidence = min(1.0, max(0.0, confidence))
    considered, right, weight, weight_right, told, said = weighted_outcomes(
        neighbours.table,
        config.similarity_threshold,
        float(microseconds(as_of, "as_of")),
        config.half_life_years * _MICROSECONDS_PER_YEAR,
    )
    if considered < config.minimum_neighbours:
        reason = (
            f"{considered} of {neighbours.resolved_in_book} resolved signals are similar enough, "
            f"{config.minimum_neighbours} are needed: confidence unchanged"
        )
        return _unchanged(confidence, reason, considered)
    base, fallback = _base(base_rate, told, said)
    prior = config.prior_strength
    rate = (prior * base + weight_right) / (prior + weight)
    shift, share = _log_odds(rate) - _log_odds(base), say.share
    multiplier = _multiplier(confidence, share * shift, config)
    return _adjustment_later(
        {"reason": lambda: _reason(right, considered, rate, base, multiplier, say)},
        confidence=min(1.0, confidence * multiplier),
        multiplier=multiplier,
        considered=considered,
        right=right,
        success_rate=rate,
        base_rate=base,
        shift=shift,
        share=share,
        fallback=fallback,
    )


def _base(base_rate: float, told: float, said: float) -> tuple[float, str | None]:
    if not math.isnan(base_rate):
        return base_rate, None
    if told == 0.0:
        return 0.5, "no base rate is known, nor what was said of similar signals: even odds stand in"
    return min(1.0, max(0.0, said / told)), "no base rate is known: what was said of similar signals stands in"


def _multiplier(confidence: float, shift: float, config: MemoryConfig) -> float:
    if confidence == 0.0 or shift == 0.0:
        return 1.0
    moved = 1.0 / (1.0 + math.exp(-(_log_odds(confidence) + shift))) / confidence
    moved = max(1.0, moved) if shift > 0.0 else min(1.0, moved)  # at the very ends log-odds lose their last digits
    return min(config.highest_multiplier, max(config.lowest_multiplier, moved))


def _log_odds(probability: float) -> float:
    inside = min(1.0 - _SUREST, max(_SUREST, probability))
    return math.log(inside / (1.0 - inside))


def _reason(right: int, considered: int, rate: float, base: float, multiplier: float, say: MemorySay) -> str:
    met = f"{right} of {considered} similar past signals were right ({rate:.1%} after shrinking, {base:.1%} usual)"
    if say.share > 0.0:
        return f"{met}; {say.share:.0%} of memory's advice counts: confidence x {multiplier:.3f}"
    if say.outcomes == 0:
        return f"{met}; memory's advice has not been tried on any outcome yet: confidence unchanged"
    return (
        f"{met}; over {say.outcomes} outcomes memory's advice was no proven gain "
        f"({say.evidence:+.1f} standard errors): confidence unchanged"
    )


def _unchanged(confidence: float, reason: str, considered: int) -> ConfidenceAdjustment:
    nothing = math.nan
    return ConfidenceAdjustment(confidence, 1.0, reason, considered, 0, nothing, nothing, nothing, 0.0, None)


#: How many similar setups a decision names.
SHOWN_SETUPS = 5


def similar_setups(neighbours: Neighbours) -> str:
    """The most similar setups with their dates and results, for a person and the record; empty where there are none.

    Examples
    --------
    >>> import numpy as np
    >>> found = Neighbours.of(
    ...     ("a",), similarity=[0.912], net_return=[0.0213], won=[True], resolved_in_book=1,
    ...     given_at=np.array(["2020-05-04T20:00"], dtype="datetime64[us]"),
    ... )
    >>> similar_setups(found)
    '2020-05-04 +2.1 % (alike 0.91)'
    """
    rows = neighbours.table[:, :SHOWN_SETUPS].T.tolist()
    return "; ".join([f"{_day(r[2] // _MICROSECONDS_PER_DAY)} {100.0 * r[4]:+.1f} % (alike {r[0]:.2f})" for r in rows])


@lru_cache(maxsize=16_384)  # the days of a run come again and again
def _day(days_since_1970: float) -> str:
    return date.fromordinal(_FIRST_DAY + int(days_since_1970)).isoformat()
