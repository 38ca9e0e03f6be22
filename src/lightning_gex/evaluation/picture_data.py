"""What the pictures of dealer positioning show: arrays in readable units, ranges, marks, titles and captions.

Nothing is drawn here. The page and the image are two renderers of these values, so they cannot tell different stories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.core.units import Float64Array1D, Float64Array2D
from lightning_gex.evaluation.picture_scale import Mark, PriceRange, Unit, round_amount

_AIR = 0.06  # of the span of values, above and below
_TICK_SHARES = (-1.0, -0.25, 0.0, 0.25, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """An exposure by strike, of calls and puts.

    Parameters
    ----------
    title, gist, caption : words: what it is, how to read it in one line, and the figures and reservations.
    shown : prices of the first view.
    prices : (b,) where the bars stand, USD, rising; width : of one, USD.
    calls, puts, net : (b,) in ``unit``, dealer sign applied, net = calls + puts.
    unit : of the exposure.
    marks : levels in price.
    """

    title: str
    gist: str
    caption: str
    shown: PriceRange
    prices: Float64Array1D
    width: float
    calls: Float64Array1D
    puts: Float64Array1D
    net: Float64Array1D
    unit: Unit
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NetBars:
    """The net of an exposure by strike.

    Parameters
    ----------
    title, gist, caption, shown, prices, width, net, unit, marks : as in ``Bars``.
    """

    title: str
    gist: str
    caption: str
    shown: PriceRange
    prices: Float64Array1D
    width: float
    net: Float64Array1D
    unit: Unit
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Net gamma against spot.

    Parameters
    ----------
    title, gist, caption : as in ``Bars``.
    shown : prices of the first view.
    prices : (m,) USD, rising.
    net : (m,) in ``unit``, the chain re-priced at each price under the chosen dealer model.
    low, high : (m,) least and greatest over the dealer models with a view; NaN where fewer than two have one.
    models : their names.
    unit : of the exposure.
    marks : spot and every zero gamma.
    move : prices one expected move below and above spot; NaN where unknown.
    """

    title: str
    gist: str
    caption: str
    shown: PriceRange
    prices: Float64Array1D
    net: Float64Array1D
    low: Float64Array1D
    high: Float64Array1D
    models: tuple[str, ...]
    unit: Unit
    marks: tuple[Mark, ...]
    move: tuple[float, float]

    @property
    def reach(self) -> tuple[float, float]:
        """Least and greatest of what is in view, and zero, with a little air: the value axis."""
        inside = (self.prices >= self.shown.low) & (self.prices <= self.shown.high)
        values = np.concatenate([line[inside] for line in (self.net, self.low, self.high)])
        low, high = np.nanmin(np.r_[values, 0.0]), np.nanmax(np.r_[values, 0.0])
        air = _AIR * (high - low) or 1.0
        return float(low - air), float(high + air)


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """Net gamma by price and by something that runs downwards: expiries, or days to come.

    Parameters
    ----------
    title, gist, caption : as in ``Bars``.
    row_title : what runs downwards, with its unit.
    shown : prices of the first view.
    prices : (c,) middles of the columns, USD, rising.
    rows : (r,) labels, the first on top.
    net : (r, c) in ``unit``; NaN where nothing is listed.
    limit : the colour scale runs from minus to plus this, in ``unit``; positive.
    unit : of the exposure.
    marks : levels in price.
    zero : (price USD, position of the row) of every zero gamma of every row; empty where rows are not moments.
    """

    title: str
    gist: str
    caption: str
    row_title: str
    shown: PriceRange
    prices: Float64Array1D
    rows: tuple[str, ...]
    net: Float64Array2D
    limit: float
    unit: Unit
    marks: tuple[Mark, ...]
    zero: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class HedgingFlow:
    """What dealers must trade until each moment to stay hedged, if price and volatilities stand still.

    Parameters
    ----------
    title, gist, caption : as in ``Bars``.
    moments : (d,) labels.
    usd : (d,) in ``unit``, summed from now; + they buy.
    unit : of the flow.
    """

    title: str
    gist: str
    caption: str
    moments: tuple[str, ...]
    usd: Float64Array1D
    unit: Unit


@dataclass(frozen=True, slots=True, eq=False)
class TermStructure:
    """What each expiry prices in and holds.

    Parameters
    ----------
    title, gist, caption : as in ``Bars``.
    expiries : (e,) labels, date and days.
    atm_vol_pct : (e,) at-the-money implied volatility, % a year; NaN where it could not be told.
    straddle_pct : (e,) price of the at-the-money straddle, % of spot; NaN where no quotes surround the money.
    net_gamma : (e,) in ``unit``.
    unit : of the exposure.
    """

    title: str
    gist: str
    caption: str
    expiries: tuple[str, ...]
    atm_vol_pct: Float64Array1D
    straddle_pct: Float64Array1D
    net_gamma: Float64Array1D
    unit: Unit


def tone(values: Float64Array1D | Float64Array2D, limit: float) -> Float64Array2D:
    """Where values lie on the colour scale: the signed root of their share of the limit, -1..1; NaN stays NaN.

    The root keeps the many small values visible beside the few large ones; zero stays in the middle.

    Examples
    --------
    >>> tone(np.array([-4.0, 0.0, 1.0]), 4.0)
    array([-1. ,  0. ,  0.5])
    """
    share = np.clip(np.asarray(values, dtype=np.float64) / limit, -1.0, 1.0)
    return np.asarray(np.sign(share) * np.sqrt(np.abs(share)))


def tone_ticks(limit: float, unit: Unit) -> tuple[tuple[float, str], ...]:
    """Places on the colour scale, -1..1, and the amounts they stand for."""
    return tuple((tone(np.array([s * limit]), limit)[0], round_amount(s * limit * unit.usd)) for s in _TICK_SHARES)
