"""Circuit breakers: conditions under which no new trade is opened until a person looks. Exits go on.

The functions here are pure: whether a breaker's condition holds now. That it stays tripped once it did is the journal's
work.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from lightning_gex.core.errors import SettingsError
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.risk.check import over_bound


class Breaker(StrEnum):
    """The breakers by name."""

    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    LOSING_STREAK = "losing_streak"
    VIX_JUMP = "vix_jump"
    STALE_DATA = "stale_data"
    ERROR_RATE = "error_rate"


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """Where each breaker trips: at its limit or beyond.

    Parameters
    ----------
    max_daily_loss_pct : loss since the session's open over equity at that open (the founding document's 5 %).
    max_drawdown_pct : fall from the highest equity.
    max_losing_streak : trades lost in a row. Positions that are held together lose together: three whole books of
        twelve, not twelve trades, are a streak.
    max_vix_jump : rise of the VIX over the session before, as a fraction. Five sessions from 1999 to 2021 reached
        one half.
    max_data_age_sessions : sessions between the latest bar and now.
    max_error_rate : share of recent operations that failed.

    Raises
    ------
    SettingsError : naming the limit that is out of range.
    """

    max_daily_loss_pct: float = 0.05
    max_drawdown_pct: float = 0.25
    max_losing_streak: int = 36
    max_vix_jump: float = 0.50
    max_data_age_sessions: int = 3
    max_error_rate: float = 0.20

    def __post_init__(self) -> None:
        for name in ("max_daily_loss_pct", "max_drawdown_pct", "max_error_rate"):
            value = getattr(self, name)
            if not 0.0 < value <= 1.0:
                raise SettingsError(f"circuit breaker {name} must be a fraction above 0 and up to 1, not {value!r}")
        if not 0.0 < self.max_vix_jump < math.inf:
            raise SettingsError(f"circuit breaker max_vix_jump must be a positive number, not {self.max_vix_jump!r}")
        for name in ("max_losing_streak", "max_data_age_sessions"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise SettingsError(f"circuit breaker {name} must be a whole number of at least 1, not {value!r}")


@dataclass(frozen=True, slots=True)
class BreakerInputs:
    """What every breaker looks at, the user's own among them.

    Parameters
    ----------
    portfolio : the account; ``daily_loss_pct``, ``drawdown_pct``, ``losing_streak`` and ``equity`` are required, and
        trip their breaker where they are no numbers.
    vix_now, vix_before : index points at this session and the one before; NaN where there is none, which is noted.
        A VIX that is infinite or not positive trips.
    data_age_sessions : sessions since the latest bar; None where the driver does not measure it, which is noted. NaN
        trips.
    error_rate : share of recent operations that failed; None where there was none yet, which is noted. NaN trips.
    """

    portfolio: PortfolioView
    vix_now: float = math.nan
    vix_before: float = math.nan
    data_age_sessions: float | None = None
    error_rate: float | None = None


class OwnBreaker(Protocol):
    """A breaker of the user's own: latched, kept across restarts and reset like the others."""

    @property
    def name(self) -> str:
        """Unique among the breakers of a run, and none of ``Breaker``."""
        ...

    def reason(self, inputs: BreakerInputs) -> str | None:
        """Why it trips now; None where it does not. What it raises trips it: a broken watchman is no watchman."""
        ...


@dataclass(frozen=True, slots=True)
class BreakerReading:
    """Which breakers' conditions hold, and which could not be watched.

    Parameters
    ----------
    tripped : name -> reason.
    unwatched : name -> why an optional input was absent.
    """

    tripped: dict[str, str] = field(default_factory=dict)
    unwatched: dict[str, str] = field(default_factory=dict)


def read_breakers(limits: BreakerLimits, inputs: BreakerInputs) -> BreakerReading:
    """Every built-in breaker's condition at one moment.

    Parameters
    ----------
    limits : where they trip.
    inputs : what they look at.

    Returns
    -------
    The breakers that trip and those that could not be watched.
    """
    portfolio = inputs.portfolio
    equity_fails = None if 0.0 < portfolio.equity < math.inf else f"equity {portfolio.equity} is no positive number"
    found = {
        Breaker.DAILY_LOSS: over_bound("the loss of the day", portfolio.daily_loss_pct, limits.max_daily_loss_pct),
        Breaker.DRAWDOWN: equity_fails or over_bound("drawdown", portfolio.drawdown_pct, limits.max_drawdown_pct),
        Breaker.LOSING_STREAK: over_bound(
            "trades lost in a row", portfolio.losing_streak, limits.max_losing_streak, shown_as="g"
        ),
    }
    unwatched: dict[str, str] = {}
    if math.isnan(inputs.vix_now) or math.isnan(inputs.vix_before):
        unwatched[str(Breaker.VIX_JUMP)] = "no VIX of this session and the one before"
    else:
        found[Breaker.VIX_JUMP] = _vix_failure(inputs.vix_now, inputs.vix_before, limits.max_vix_jump)
    if inputs.data_age_sessions is None:
        unwatched[str(Breaker.STALE_DATA)] = "the age of the data is not measured"
    else:
        found[Breaker.STALE_DATA] = over_bound(
            "age of the data in sessions", inputs.data_age_sessions, limits.max_data_age_sessions, shown_as="g"
        )
    if inputs.error_rate is None:
        unwatched[str(Breaker.ERROR_RATE)] = "failed operations are not counted"
    else:
        found[Breaker.ERROR_RATE] = over_bound("share of failed operations", inputs.error_rate, limits.max_error_rate)
    return BreakerReading({str(name): why for name, why in found.items() if why is not None}, unwatched)


def tripped(limits: BreakerLimits, inputs: BreakerInputs, own: Iterable[OwnBreaker] = ()) -> dict[str, str]:
    """The breakers whose condition holds now, name -> reason.

    Parameters
    ----------
    limits : where the built-in ones trip.
    inputs : what they look at.
    own : the user's.
    """
    found = read_breakers(limits, inputs).tripped
    for breaker in own:
        why = _own_reason(breaker, inputs)
        if why is not None:
            found[breaker.name] = why
    return found


def _own_reason(breaker: OwnBreaker, inputs: BreakerInputs) -> str | None:
    try:
        why = breaker.reason(inputs)
    except Exception as error:  # fails closed, whatever it was
        return f"it could not be asked: {type(error).__name__}"
    return why if why is None or (isinstance(why, str) and why) else f"it answered {type(why).__name__}, not a reason"


def _vix_failure(now: float, before: float, limit: float) -> str | None:
    if not (0.0 < now < math.inf and 0.0 < before < math.inf):
        return f"the VIX went from {before} to {now}, which it cannot"
    return over_bound("the rise of the VIX", now / before - 1.0, limit)
