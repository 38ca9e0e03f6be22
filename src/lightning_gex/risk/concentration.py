"""How much of the same thing an account may hold: forecast volatility, correlated positions, sectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightning_gex.core.decision import Cap
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.units import Float64Array1D, Float64Array2D

VOLATILITY_CAP = "volatility_target"
POSITION_VOLATILITY_CAP = "position_volatility"
CORRELATION_CAP = "correlated_exposure"
SECTOR_CAP = "sector_exposure"
_CAP_DECIMALS = 12  # rounds away what subtraction of decimal fractions leaves behind
_COUNTED_AS_ONE = 1.0  # a correlation that is not known: the most careful


@dataclass(frozen=True, slots=True)
class ConcentrationLimits:
    """How much of the same thing an account may hold.

    Parameters
    ----------
    target_volatility : forecast standard deviation of the account's return a year, as a fraction of equity, that an
        entry may bring it to; infinity sets no such cap.
    max_position_volatility : what one position may add to it alone, as a fraction of equity a year: position value over
        equity times the ticker's own forecast volatility; infinity sets no such cap.
    max_correlated_pct : position values, over equity, of everything that moves with the idea; 1 sets no such cap.
    correlated_from : correlation of daily returns from which a position moves with another.
    max_sector_pct : position values, over equity, in one sector; 1 sets no such cap.
    correlation_sessions : sessions that the correlation is taken over.
    fewest_sessions : sessions two tickers must share for theirs to be known.

    Raises
    ------
    SettingsError : naming the limit that is out of range.
    """

    target_volatility: float = 0.10
    max_position_volatility: float = 0.02
    max_correlated_pct: float = 0.40
    correlated_from: float = 0.70
    max_sector_pct: float = 0.30
    correlation_sessions: int = 126
    fewest_sessions: int = 40

    def __post_init__(self) -> None:
        for name in ("target_volatility", "max_position_volatility"):
            if not getattr(self, name) > 0.0:
                raise SettingsError(f"concentration: {name} must be positive, not {getattr(self, name)!r}")
        for name in ("max_correlated_pct", "max_sector_pct", "correlated_from"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise SettingsError(f"concentration: {name} must be above 0 and up to 1, not {getattr(self, name)!r}")
        if not 3 <= self.fewest_sessions <= self.correlation_sessions:
            raise SettingsError("concentration: fewest_sessions must be from 3 to correlation_sessions")


@dataclass(frozen=True, slots=True, eq=False)
class HeldBeside:
    """What an account holds or has ordered, as one new idea sees it.

    Parameters
    ----------
    ticker : (k) of each position.
    weight : (k,) position value over equity, its sign the direction's; NaN where it is not known.
    volatility : (k,) forecast of each, annualised fraction; NaN where it is not known.
    sector : (k) of each; None where it is not known.
    correlation : (k, k) of their daily returns; NaN where it is not known.
    to_idea : (k,) correlation of each with the idea's ticker; NaN where it is not known.
    idea_volatility : forecast of the idea's ticker, annualised fraction; NaN where it is not known.
    idea_sector : None where it is not known.
    basis : what the volatilities rest on, in words.
    """

    ticker: tuple[str, ...]
    weight: Float64Array1D
    volatility: Float64Array1D
    sector: tuple[str | None, ...]
    correlation: Float64Array2D
    to_idea: Float64Array1D
    idea_volatility: float
    idea_sector: str | None
    basis: str


def concentration_caps(
    direction: Direction, held: HeldBeside, limits: ConcentrationLimits
) -> tuple[tuple[Cap, ...], str | None]:
    """The most that one more position may be, as fractions of equity, and what stood in for what is not known.

    Parameters
    ----------
    direction : of the idea.
    held : what is held beside it.
    limits : bounds.

    Returns
    -------
    The caps that have something to say, none negative, and a note or None. A correlation that is not known counts as 1,
    a position's unknown volatility as the idea's own.
    """
    notes: list[str] = []
    caps = [
        cap
        for cap in (
            _volatility_cap(direction, held, limits, notes),
            _position_volatility_cap(held, limits),
            _correlation_cap(direction, held, limits, notes),
            _sector_cap(held, limits, notes),
        )
        if cap is not None
    ]
    return tuple(caps), "; ".join(notes) or None


def book_volatility(held: HeldBeside) -> float:
    """Forecast standard deviation of what is held, annualised, as a fraction of equity: sqrt(w' S w)."""
    risk = _signed_risk(held)
    known = np.where(np.isnan(held.correlation), _COUNTED_AS_ONE, held.correlation)
    return math.sqrt(max(0.0, float(risk @ known @ risk)))


def largest_weight(own: float, together: float, book: float, target: float) -> float:
    """The largest weight that keeps the account's forecast volatility within a target.

    Parameters
    ----------
    own : the idea's volatility, annualised fraction, positive.
    together : its correlation with the book times the book's volatility.
    book : volatility of what is held.
    target : of the whole.

    Returns
    -------
    The larger root of own^2 w^2 + 2 own together w + book^2 = target^2, not negative: 0 where nothing may be added.

    Examples
    --------
    >>> largest_weight(0.20, 0.0, 0.0, 0.10)
    0.5
    >>> round(largest_weight(0.20, 0.06, 0.06, 0.10), 9)  # everything moves as one: 0.06 + 0.2 w = 0.1
    0.2
    """
    inside = together * together + target * target - book * book
    return max(0.0, (math.sqrt(inside) - together) / own) if inside > 0.0 else 0.0


def _volatility_cap(
    direction: Direction, held: HeldBeside, limits: ConcentrationLimits, notes: list[str]
) -> Cap | None:
    own, target = held.idea_volatility, limits.target_volatility
    if math.isinf(target):
        return None
    if not 0.0 < own < math.inf:
        notes.append("no volatility is known: the position is not held to the target")
        return None
    if np.isnan(held.volatility).any() and len(held.ticker):
        missing = [t for t, v in zip(held.ticker, held.volatility.tolist(), strict=True) if math.isnan(v)]
        notes.append(f"the volatility of {', '.join(missing)} is not known and counts as the idea's own")
    book = book_volatility(held)
    correlation = np.where(np.isnan(held.to_idea), _COUNTED_AS_ONE * _sign(held, direction), held.to_idea)
    together = int(direction) * float(_signed_risk(held) @ correlation)
    room = largest_weight(own, together, book, target)
    said = f"{held.basis} {own:.1%} a year; with {book:.1%} in the book a target of {target:.1%} leaves this much"
    return Cap(VOLATILITY_CAP, round(room, _CAP_DECIMALS), said)


def _position_volatility_cap(held: HeldBeside, limits: ConcentrationLimits) -> Cap | None:
    own, most = held.idea_volatility, limits.max_position_volatility
    if math.isinf(most) or not 0.0 < own < math.inf:
        return None
    said = f"{held.basis} {own:.1%} a year; one position may add {most:.1%}"
    return Cap(POSITION_VOLATILITY_CAP, round(most / own, _CAP_DECIMALS), said)


def _correlation_cap(
    direction: Direction, held: HeldBeside, limits: ConcentrationLimits, notes: list[str]
) -> Cap | None:
    if not held.ticker or limits.max_correlated_pct >= 1.0:
        return None
    unknown = np.isnan(held.to_idea)
    if unknown.any():
        missing = [t for t, u in zip(held.ticker, unknown.tolist(), strict=True) if u]
        notes.append(f"the correlation with {', '.join(missing)} is not known and counts as 1")
    moved = np.where(unknown, _COUNTED_AS_ONE, held.to_idea * _sign(held, direction))
    with_it = moved >= limits.correlated_from
    if not with_it.any():
        return None
    exposure = float(np.abs(held.weight[with_it]).sum())
    names = [t for t, moves in zip(held.ticker, with_it.tolist(), strict=True) if moves]
    return Cap(
        CORRELATION_CAP,
        _room(limits.max_correlated_pct, exposure),
        f"{exposure:.1%} of at most {limits.max_correlated_pct:.0%} moves with it: {', '.join(names)}",
    )


def _sector_cap(held: HeldBeside, limits: ConcentrationLimits, notes: list[str]) -> Cap | None:
    if limits.max_sector_pct >= 1.0 or held.idea_sector is None:
        return None
    unknown = [t for t, sector in zip(held.ticker, held.sector, strict=True) if sector is None]
    if unknown:
        notes.append(f"the sector of {', '.join(unknown)} is not known: not counted in any")
    same = np.array([sector == held.idea_sector for sector in held.sector], dtype=np.bool_)
    exposure = float(np.abs(held.weight[same]).sum())
    return Cap(
        SECTOR_CAP,
        _room(limits.max_sector_pct, exposure),
        f"{exposure:.1%} of at most {limits.max_sector_pct:.0%} is in {held.idea_sector}",
    )


def _room(bound: float, taken: float) -> float:
    """What is left below a bound; nothing where what is taken is not known."""
    return max(0.0, round(bound - taken, _CAP_DECIMALS)) if math.isfinite(taken) else 0.0


def _sign(held: HeldBeside, direction: Direction) -> Float64Array1D:
    """(k,) 1 where a position leans the idea's way, -1 where against it."""
    return np.where(held.weight < 0.0, -1.0, 1.0) * int(direction)


def _signed_risk(held: HeldBeside) -> Float64Array1D:
    """(k,) weight times volatility; an unknown volatility counts as the idea's own."""
    filled = np.where(np.isnan(held.volatility), held.idea_volatility, held.volatility)
    risk: Float64Array1D = held.weight * filled
    return risk
