"""Scales of the pictures of dealer positioning: units one can read, price ranges, bars wide enough, labels apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lightning_gex.core.units import Float64Array1D, Float64Array2D

_MONEY = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand"))
_SHORT = {"trillion": "tn", "billion": "bn", "million": "m", "thousand": "k", "": ""}
_NICE = (1.0, 2.0, 2.5, 5.0)  # steps people count in, times powers of ten
_ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)  # ends of scales, times powers of ten
MINUS, NBSP = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"
NOT_AVAILABLE = "n/a"
_AROUND = 3  # characters of room for each mark's sign and the gap to the next label


@dataclass(frozen=True, slots=True)
class Unit:
    """What one of the picture's numbers is worth.

    Parameters
    ----------
    usd : USD that one of it stands for, 1, 1e3, 1e6, 1e9 or 1e12.
    words : for an axis, ``USD billion per 1 %``.
    short : for beside a number, ``bn``.
    """

    usd: float
    words: str
    short: str

    def of(self, values: Float64Array1D) -> Float64Array1D:
        """Amounts in USD, in this unit."""
        return np.asarray(values, dtype=np.float64) / self.usd


def money_unit(largest_usd: float, per: str = "") -> Unit:
    """The largest unit in which an amount is at least one.

    Parameters
    ----------
    largest_usd : the largest amount to be shown, of either sign; NaN and 0 are shown in USD.
    per : what the amount is per, ``per 1 %``.

    Examples
    --------
    >>> money_unit(-2.5e9, "per 1 %").words
    'USD billion per 1 %'
    """
    size = abs(largest_usd)
    usd, word = next(((u, w) for u, w in _MONEY if size >= u), (1.0, ""))
    return Unit(usd, " ".join(part for part in ("USD", word, per) if part), _SHORT[word])


def amount(usd: float, *, signed: bool = True) -> str:
    """An amount of USD with three digits that matter: ``+2.51 bn``; ``n/a`` where there is none.

    Examples
    --------
    >>> [amount(usd).replace(MINUS, "-").replace(NBSP, " ") for usd in (2.514e9, -43.2e6, 0.0)]
    ['+2.51 bn', '-43.2 m', '0']
    """
    if not math.isfinite(usd):
        return NOT_AVAILABLE
    if usd == 0:
        return "0"
    unit = money_unit(usd)
    size = abs(usd) / unit.usd
    digits = 2 if size < 10 else 1 if size < 100 else 0
    sign = MINUS if usd < 0 else "+" if signed else ""
    return f"{sign}{size:,.{digits}f}{NBSP}{unit.short}".rstrip()


def round_amount(usd: float) -> str:
    """An amount of USD that is a round number, without idle zeros: ``+30 bn``, for the ends of scales.

    Examples
    --------
    >>> round_amount(30e9).replace(NBSP, " "), round_amount(2.5e6).replace(NBSP, " ")
    ('+30 bn', '+2.5 m')
    """
    unit = money_unit(usd)
    sign = MINUS if usd < 0 else "+" if usd > 0 else ""
    return f"{sign}{abs(usd) / unit.usd:.4g}{NBSP}{unit.short}".rstrip()


def price_text(price: float) -> str:
    """A price as people write it, cents only where there are any: ``7,412.35``, ``7,500``; ``n/a`` where there is none.

    Examples
    --------
    >>> price_text(7500.0), price_text(7412.351), price_text(12.5)
    ('7,500', '7,412.35', '12.50')
    """
    if not math.isfinite(price):
        return NOT_AVAILABLE
    return f"{price:,.2f}".removesuffix(".00")


def percent_text(share: float, *, signed: bool = False, digits: int = 1) -> str:
    """A share in per cent; ``n/a`` where there is none.

    Examples
    --------
    >>> percent_text(0.0123, signed=True).replace(NBSP, " ")
    '+1.2 %'
    """
    if not math.isfinite(share):
        return NOT_AVAILABLE
    shown = f"{abs(share):.{digits}%}".removesuffix("%")
    plain = not shown.strip("0.")
    sign = "" if plain else MINUS if share < 0 else "+" if signed else ""
    return f"{sign}{shown}{NBSP}%"


class MarkKind(StrEnum):
    """Prices that stand out."""

    SPOT = "spot"
    ZERO_GAMMA = "zero gamma"
    CALL_WALL = "call wall"
    PUT_WALL = "put wall"
    MAX_PAIN = "max pain"


@dataclass(frozen=True, slots=True)
class Mark:
    """A price to mark in a picture.

    Parameters
    ----------
    kind : what it is.
    price : USD, finite.
    """

    kind: MarkKind
    price: float

    @property
    def text(self) -> str:
        """Its label: ``call wall 7,500``."""
        return f"{self.kind} {price_text(self.price)}"


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices a picture shows, USD."""

    low: float
    high: float

    def holds(self, price: float) -> bool:
        """Whether a price lies in it; NaN does not."""
        return self.low <= price <= self.high

    def share(self, price: float) -> float:
        """How far along the axis a price lies, 0..1."""
        return (price - self.low) / (self.high - self.low)


def nice_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that cuts a span into at most so many pieces.

    Parameters
    ----------
    span : positive.
    most : at least 1.

    Examples
    --------
    >>> nice_step(1_000.0, 120)
    10.0
    """
    return _at_least(span / most, _NICE)


def round_above(value: float) -> float:
    """The next round number, for the end of a scale; ``value`` is positive.

    Examples
    --------
    >>> round_above(26.4), round_above(0.012)
    (30.0, 0.015)
    """
    return _at_least(value, _ROUND)


def _at_least(value: float, digits: Sequence[float]) -> float:
    scale = 10.0 ** math.floor(math.log10(value))
    found = next(digit * scale for digit in (*digits, 10.0) if digit * scale >= value * (1 - 1e-12))
    return float(f"{found:.12g}")


def bar_step(strikes: Float64Array1D, shown: PriceRange, most: int) -> float:
    """The width of bars at which strikes shown in a range make at most so many, USD.

    Parameters
    ----------
    strikes : (k,) rising, distinct.
    shown : the price range.
    most : bars at most, at least 1.

    Returns
    -------
    0.0 where every strike can have its own bar; otherwise a nice step.
    """
    inside = strikes[(strikes >= shown.low) & (strikes <= shown.high)]
    return 0.0 if len(inside) <= most else nice_step(shown.high - shown.low, most)


def binned(
    strikes: Float64Array1D, values: Float64Array2D, shown: PriceRange, step: float
) -> tuple[Float64Array1D, Float64Array2D]:
    """Values by strike, summed into bars.

    Parameters
    ----------
    strikes : (k,) rising, distinct, USD.
    values : (r, k) one row a quantity.
    shown : only strikes in it are taken.
    step : as from :func:`bar_step`; bars stand on its multiples and hold the strikes from half a step below up to,
        but without, half a step above. 0: a bar a strike.

    Returns
    -------
    (b,) prices the bars stand on, rising, and (r, b) sums. Bars without a strike are left out.
    """
    inside = (strikes >= shown.low) & (strikes <= shown.high)
    x, y = strikes[inside], values[:, inside]
    if step == 0 or len(x) == 0:
        return x, y
    place = np.floor(x / step + 0.5)
    first = np.flatnonzero(np.r_[True, np.diff(place) > 0])
    return place[first] * step, np.add.reduceat(y, first, axis=1)


def closest(strikes: Float64Array1D, shown: PriceRange) -> float:
    """How far apart the two closest strikes in a range are, USD; 0 where there are not two."""
    inside = strikes[(strikes >= shown.low) & (strikes <= shown.high)]
    return float(np.diff(inside).min()) if len(inside) > 1 else 0.0


def gridded(
    strikes: Float64Array1D, values: Float64Array2D, shown: PriceRange, most: int
) -> tuple[float, Float64Array1D, Float64Array2D]:
    """Values by strike, summed into cells of one width that leave no gap.

    Parameters
    ----------
    strikes, values, shown : as in :func:`binned`.
    most : cells at most, unless strikes themselves stand closer.

    Returns
    -------
    The cells' width, a nice step in which no strike stands between two of its neighbours' cells; (c,) middles, evenly
    spaced; (r, c) sums, 0 where no strike is.
    """
    apart = closest(strikes, shown)
    step = max(nice_step(shown.high - shown.low, most), nice_step(apart, 1) if apart > 0 else 0.0)
    at, sums = binned(strikes, values, shown, step)
    first, last = math.ceil(shown.low / step), math.floor(shown.high / step)
    places = np.arange(min(first, last), last + 1)
    place = np.rint(at / step).astype(np.int64)
    places = np.arange(min(places[0], *place), max(places[-1], *place) + 1) if len(place) else places
    out = np.zeros((len(values), len(places)))
    out[:, place - places[0]] = sums
    middles: Float64Array1D = places.astype(np.float64) * step
    return step, middles, out


def bar_width(prices: Float64Array1D, step: float, shown: PriceRange) -> float:
    """How wide to draw bars, USD: the step, or the closest two strikes' distance."""
    if step > 0:
        return step
    gaps = np.diff(prices)
    widest = (shown.high - shown.low) / 6  # one lonely strike is still a bar
    return float(min(gaps.min(), widest)) if len(gaps) else widest


@dataclass(frozen=True, slots=True)
class PlacedLabel:
    """Where a label stands above its picture.

    Parameters
    ----------
    marks : what it labels: one, or several at one price.
    row : 0 at the bottom.
    share : middle of the label along the axis, 0..1.
    """

    marks: tuple[Mark, ...]
    row: int
    share: float

    @property
    def text(self) -> str:
        """``call wall, put wall 5,500``."""
        return f"{', '.join(mark.kind for mark in self.marks)} {price_text(self.marks[0].price)}"


def placed_labels(marks: Sequence[Mark], shown: PriceRange, character_share: float) -> tuple[PlacedLabel, ...]:
    """Labels in rows so that no two touch, each as close above its line as it fits.

    Parameters
    ----------
    marks : to be labelled; those outside the range are left out, those at one price share a label.
    shown : the price range along the axis.
    character_share : width of one character as a share of the axis.
    """
    free: list[float] = []  # where each row is empty from
    out: list[PlacedLabel] = []
    together: dict[str, list[Mark]] = {}
    for mark in sorted((m for m in marks if shown.holds(m.price)), key=lambda m: m.price):
        together.setdefault(price_text(mark.price), []).append(mark)
    for group in together.values():
        label = PlacedLabel(tuple(group), 0, shown.share(group[0].price))
        width = min((len(label.text) + _AROUND * len(group)) * character_share, 1.0)
        left = min(max(label.share - width / 2, 0.0), 1.0 - width)
        row = next((k for k, empty_from in enumerate(free) if empty_from <= left + 1e-9), len(free))
        free[row : row + 1] = [left + width]
        out.append(PlacedLabel(label.marks, row, left + width / 2))
    return tuple(out)
