"""Guardrails: the hard limits that no signal, however good, may cross."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightning_gex.core.decision import Cap, Scalar
from lightning_gex.core.errors import SettingsError, shown
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.risk.account_usage import HALT
from lightning_gex.risk.check import Check, Gate, first_failure, over_bound

POSITION_SIZE_CAP = "guardrail_position_size"
EXPOSURE_CAP = "guardrail_total_exposure"
TICKER_CAP = "guardrail_ticker_exposure"
CAPITAL_CAP = "guardrail_small_capital"
_MOST_COUNTED = 10**9  # entries or orders: more is no limit
_MOST_USD = 1e12  # the ledger counts no more to the cent
_ROUNDING = 1e-9  # fractions of equity; sums of decimal fractions miss by their last bits
_FRACTIONS = (
    "max_daily_loss_pct",
    "max_position_size_pct",
    "max_total_exposure_pct",
    "max_ticker_exposure_pct",
    "price_collar_pct",
)
_CENTS = 2  # decimals of a dollar
_CAP_DECIMALS = 12  # rounds away what subtraction of decimal fractions leaves behind


@dataclass(frozen=True, slots=True)
class GuardrailLimits:
    """The hard limits: the founding document's five with its defaults, and three more.

    Parameters
    ----------
    max_daily_trades : entries in one session.
    max_daily_loss_pct : loss since the session's open over equity at that open, in (0, 1].
    max_position_size_pct : notional of one position over equity, in (0, 1].
    max_total_exposure_pct : all notionals over equity, in (0, 1].
    max_orders_per_minute : orders in any 60 seconds.
    max_ticker_exposure_pct : all notionals in one ticker over equity, whichever run of the account holds them, in
        (0, 1]: a full position and the rung below it.
    price_collar_pct : distance of the price from the latest one seen of the ticker, as a fraction of that, in (0, 1].
        A fifth is the exchanges' own limit up-limit down band for tier 2 stocks around the close (10 %, doubled): what
        lies beyond is a wrong price, a split nobody adjusted for, or a market to stay out of.
    max_capital_usd : all notionals in USD, positive; infinity sets no such cap.

    Raises
    ------
    SettingsError : naming the limit that is out of range.
    """

    max_daily_trades: int = 20
    max_daily_loss_pct: float = 0.05
    max_position_size_pct: float = 0.15
    max_total_exposure_pct: float = 0.80
    max_orders_per_minute: int = 10
    max_ticker_exposure_pct: float = 0.20
    price_collar_pct: float = 0.20
    max_capital_usd: float = math.inf

    def __post_init__(self) -> None:
        for name in ("max_daily_trades", "max_orders_per_minute"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_COUNTED:
                raise SettingsError(f"guardrail {name} must be a whole number of at least 1, not {shown(value)}")
        for name in _FRACTIONS:
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0.0 < value <= 1.0:
                raise SettingsError(f"guardrail {name} must be a fraction above 0 and up to 1, not {shown(value)}")
        cap = self.max_capital_usd
        right = (
            isinstance(cap, int | float) and not isinstance(cap, bool) and (0.0 < cap <= _MOST_USD or cap == math.inf)
        )
        if not right:
            raise SettingsError(f"guardrail max_capital_usd must be a positive number of dollars, not {shown(cap)}")

    @property
    def caps_capital(self) -> bool:
        """Whether there is a cap in dollars."""
        return math.isfinite(self.max_capital_usd)


def check_entry(
    limits: GuardrailLimits, portfolio: PortfolioView, position_pct: float, *, ticker: str, price: float
) -> Check:
    """Whether an entry stays within every hard limit.

    Parameters
    ----------
    limits : the bounds.
    portfolio : the account before the entry.
    position_pct : notional of the entry over equity.
    ticker : what is bought or sold short.
    price : USD a share that it was decided at.

    Returns
    -------
    The check, with every value beside its bound; the reason is the first that fails. A latched breaker fails, equity
    that is not a positive number fails, and so does any value that is no number. The collar has nothing to compare a
    ticker's first price with: ``last_price`` is None then, and it passes.
    """
    in_ticker = portfolio.ticker_exposure_pct.get(ticker, 0.0)
    last_price = portfolio.last_prices.get(ticker)
    move = 0.0 if last_price is None else _distance(price, last_price)
    exposure_after, ticker_after = portfolio.exposure_pct + position_pct, in_ticker + position_pct
    detail: dict[str, Scalar] = {
        "equity": portfolio.equity,
        "tripped": ", ".join(sorted(portfolio.tripped)),
        "daily_trades": portfolio.daily_trades,
        "max_daily_trades": limits.max_daily_trades,
        "daily_loss_pct": portfolio.daily_loss_pct,
        "max_daily_loss_pct": limits.max_daily_loss_pct,
        "position_pct": position_pct,
        "max_position_size_pct": limits.max_position_size_pct,
        "ticker_exposure_after_pct": ticker_after,
        "max_ticker_exposure_pct": limits.max_ticker_exposure_pct,
        "exposure_after_pct": exposure_after,
        "max_total_exposure_pct": limits.max_total_exposure_pct,
        "orders_last_minute": portfolio.orders_last_minute,
        "max_orders_per_minute": limits.max_orders_per_minute,
        "last_price": last_price,
        "price_move": move,
        "price_collar_pct": limits.price_collar_pct,
    }
    capital_after = round(exposure_after * portfolio.equity, _CENTS)
    if limits.caps_capital:
        detail |= {"capital_after_usd": capital_after, "max_capital_usd": limits.max_capital_usd}
    failures = (
        (Gate.EQUITY, _equity_failure(portfolio.equity)),
        *(
            (Gate.HALT if name == HALT else Gate.BREAKER, f"circuit breaker {name} is tripped: {why}")
            for name, why in sorted(portfolio.tripped.items())
        ),
        (Gate.DAILY_TRADES, over_bound("trades today", portfolio.daily_trades, limits.max_daily_trades, shown_as="g")),
        (Gate.DAILY_LOSS, over_bound("the loss of the day", portfolio.daily_loss_pct, limits.max_daily_loss_pct)),
        (Gate.POSITION_SIZE, "the position's size is negative" if position_pct < 0.0 else None),
        (Gate.POSITION_SIZE, _over("the position", position_pct, limits.max_position_size_pct)),
        (
            Gate.TOTAL_EXPOSURE,
            "the exposure so far is negative" if portfolio.exposure_pct < 0.0 or in_ticker < 0.0 else None,
        ),
        (Gate.TICKER_EXPOSURE, _over("exposure to " + ticker, ticker_after, limits.max_ticker_exposure_pct)),
        (Gate.TOTAL_EXPOSURE, _over("total exposure", exposure_after, limits.max_total_exposure_pct)),
        (
            Gate.CAPITAL_AT_WORK,
            over_bound(
                "capital at work in USD", capital_after, limits.max_capital_usd, shown_as=".2f", reaching_fails=False
            )
            if limits.caps_capital
            else None,
        ),
        (
            Gate.ORDER_RATE,
            over_bound(
                "orders in the last minute", portfolio.orders_last_minute, limits.max_orders_per_minute, shown_as="g"
            ),
        ),
        (
            Gate.PRICE_COLLAR,
            over_bound("the price's distance from the last one", move, limits.price_collar_pct, reaching_fails=False),
        ),
    )
    return first_failure(failures, "within every guardrail", detail)


def size_caps(limits: GuardrailLimits, portfolio: PortfolioView, ticker: str) -> tuple[Cap, ...]:
    """What the guardrails leave for one more position, as fractions of equity.

    Parameters
    ----------
    limits : the bounds.
    portfolio : the account before the entry.
    ticker : what would be held.

    Returns
    -------
    The cap on one position, and the room below the caps on total exposure, on exposure to the ticker and, where there
    is one, on capital in USD: 0 where there is none, and 0 where exposure or equity is not known.
    """
    known = math.isfinite(portfolio.exposure_pct) and _equity_failure(portfolio.equity) is None
    room = limits.max_total_exposure_pct - portfolio.exposure_pct if known else 0.0
    left = (
        f"{portfolio.exposure_pct:.1%} of at most {limits.max_total_exposure_pct:.0%} is invested"
        if known
        else "exposure or equity is not known"
    )
    in_ticker = portfolio.ticker_exposure_pct.get(ticker, 0.0)
    ticker_room = limits.max_ticker_exposure_pct - in_ticker if known and math.isfinite(in_ticker) else 0.0
    caps = (
        Cap(POSITION_SIZE_CAP, limits.max_position_size_pct, f"at most {limits.max_position_size_pct:.0%} a position"),
        Cap(EXPOSURE_CAP, max(0.0, round(room, _CAP_DECIMALS)), left),
        Cap(
            TICKER_CAP,
            max(0.0, round(ticker_room, _CAP_DECIMALS)),
            f"{in_ticker:.1%} of at most {limits.max_ticker_exposure_pct:.0%} is in {ticker}",
        ),
    )
    return (*caps, _capital_cap(limits, portfolio, known)) if limits.caps_capital else caps


def _capital_cap(limits: GuardrailLimits, portfolio: PortfolioView, known: bool) -> Cap:
    at_work = portfolio.exposure_pct * portfolio.equity
    room = (limits.max_capital_usd - at_work) / portfolio.equity if known else 0.0
    used = f"{at_work:,.0f}" if known else "an unknown part"
    reason = f"{used} of at most {limits.max_capital_usd:,.0f} USD is at work (small_capital.max_capital_usd)"
    return Cap(CAPITAL_CAP, max(0.0, round(room, _CAP_DECIMALS)), reason)


def _over(name: str, share: float, bound: float) -> str | None:
    """Why a share of equity is over its bound, or None; what rounding adds is forgiven."""
    return over_bound(name, share - _ROUNDING, bound, reaching_fails=False)


def _distance(price: float, last_price: float) -> float:
    """How far a price is from the last one, as a fraction of it; NaN where one of them is no price."""
    usable = 0.0 < price < math.inf and 0.0 < last_price < math.inf
    return abs(price / last_price - 1.0) if usable else math.nan


def _equity_failure(equity: float) -> str | None:
    return None if 0.0 < equity < math.inf else f"equity {equity} is no positive number"
