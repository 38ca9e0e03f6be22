"""Guardrails: the hard limits that no signal, however good, may cross."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightning_gex.core.decision import Cap, Scalar
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.risk.check import Check, first_failure, over_bound

POSITION_SIZE_CAP = "guardrail_position_size"
EXPOSURE_CAP = "guardrail_total_exposure"
_ROUNDING = 1e-9  # fractions of equity; sums of decimal fractions miss by their last bits
_CAP_DECIMALS = 12  # rounds away what subtraction of decimal fractions leaves behind


@dataclass(frozen=True, slots=True)
class GuardrailLimits:
    """The founding document's hard limits and its defaults.

    Parameters
    ----------
    max_daily_trades : entries in one session.
    max_daily_loss_pct : loss since the session's open over equity at that open, in (0, 1].
    max_position_size_pct : notional of one position over equity, in (0, 1].
    max_total_exposure_pct : all notionals over equity, in (0, 1].
    max_orders_per_minute : orders in any 60 seconds.

    Raises
    ------
    SettingsError : naming the limit that is out of range.
    """

    max_daily_trades: int = 20
    max_daily_loss_pct: float = 0.05
    max_position_size_pct: float = 0.15
    max_total_exposure_pct: float = 0.80
    max_orders_per_minute: int = 10

    def __post_init__(self) -> None:
        for name in ("max_daily_trades", "max_orders_per_minute"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise SettingsError(f"guardrail {name} must be a whole number of at least 1, not {value!r}")
        for name in ("max_daily_loss_pct", "max_position_size_pct", "max_total_exposure_pct"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0.0 < value <= 1.0:
                raise SettingsError(f"guardrail {name} must be a fraction above 0 and up to 1, not {value!r}")


def check_entry(limits: GuardrailLimits, portfolio: PortfolioView, position_pct: float) -> Check:
    """Whether an entry stays within every hard limit.

    Parameters
    ----------
    limits : the bounds.
    portfolio : the account before the entry.
    position_pct : notional of the entry over equity.

    Returns
    -------
    The check, with every value beside its bound; the reason is the first that fails. A latched breaker fails, equity
    that is not a positive number fails, and so does any value that is no number.
    """
    exposure_after = portfolio.exposure_pct + position_pct
    detail: dict[str, Scalar] = {
        "equity": portfolio.equity,
        "tripped": ", ".join(sorted(portfolio.tripped)),
        "daily_trades": portfolio.daily_trades,
        "max_daily_trades": limits.max_daily_trades,
        "daily_loss_pct": portfolio.daily_loss_pct,
        "max_daily_loss_pct": limits.max_daily_loss_pct,
        "position_pct": position_pct,
        "max_position_size_pct": limits.max_position_size_pct,
        "exposure_after_pct": exposure_after,
        "max_total_exposure_pct": limits.max_total_exposure_pct,
        "orders_last_minute": portfolio.orders_last_minute,
        "max_orders_per_minute": limits.max_orders_per_minute,
    }
    failures = (
        _equity_failure(portfolio.equity),
        *(f"circuit breaker {name} is tripped: {why}" for name, why in sorted(portfolio.tripped.items())),
        over_bound("trades today", portfolio.daily_trades, limits.max_daily_trades, shown_as="g"),
        over_bound("the loss of the day", portfolio.daily_loss_pct, limits.max_daily_loss_pct),
        "the position's size is negative" if position_pct < 0.0 else None,
        over_bound("the position", position_pct - _ROUNDING, limits.max_position_size_pct, reaching_fails=False),
        "the exposure so far is negative" if portfolio.exposure_pct < 0.0 else None,
        over_bound("total exposure", exposure_after - _ROUNDING, limits.max_total_exposure_pct, reaching_fails=False),
        over_bound(
            "orders in the last minute", portfolio.orders_last_minute, limits.max_orders_per_minute, shown_as="g"
        ),
    )
    return first_failure(failures, "within every guardrail", detail)


def size_caps(limits: GuardrailLimits, portfolio: PortfolioView) -> tuple[Cap, ...]:
    """What the guardrails leave for one more position, as fractions of equity.

    Parameters
    ----------
    limits : the bounds.
    portfolio : the account before the entry.

    Returns
    -------
    The cap on one position, and the room below the cap on total exposure: 0 where there is none, and 0 where exposure
    or equity is not known.
    """
    known = math.isfinite(portfolio.exposure_pct) and _equity_failure(portfolio.equity) is None
    room = limits.max_total_exposure_pct - portfolio.exposure_pct if known else 0.0
    left = (
        f"{portfolio.exposure_pct:.1%} of at most {limits.max_total_exposure_pct:.0%} is invested"
        if known
        else "exposure or equity is not known"
    )
    return (
        Cap(POSITION_SIZE_CAP, limits.max_position_size_pct, f"at most {limits.max_position_size_pct:.0%} a position"),
        Cap(EXPOSURE_CAP, max(0.0, round(room, _CAP_DECIMALS)), left),
    )


def _equity_failure(equity: float) -> str | None:
    return None if 0.0 < equity < math.inf else f"equity {equity} is no positive number"
