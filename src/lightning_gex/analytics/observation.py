"""The seven numbers a sizing policy looks at, the same in training and in trading."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float32Array1D

#: Order of the observation vector, as the founding document lists it.
OBSERVATION_NAMES = (
    "gex_signal",
    "charm_pressure",
    "vanna_sensitivity",
    "drawdown",
    "win_rate",
    "volatility",
    "portfolio_heat",
)
OBSERVATION_LOW = np.array([-1, -1, -1, 0, -1, -1, 0], dtype=np.float32)
OBSERVATION_HIGH = np.ones(7, dtype=np.float32)

#: A fall of this fraction of the highest equity, and more, reads as 1.
DRAWDOWN_AT_ONE = 0.25
#: Open risk of this fraction of equity, and more, reads as 1; near the largest budget of any regime.
HEAT_AT_ONE = 0.15
#: Annualised volatility that reads as 0, near the long-run level of US indices; a quarter and four times of it read as
#: -1 and 1.
VOLATILITY_AT_ZERO = 0.16
VOLATILITY_SPAN = 4.0
#: More absent entries than this and a policy would be guessing: size by Kelly instead.
MAX_ABSENT = 3


class Observation(NamedTuple):
    """What a policy sees, and what of it is not there.

    ``values`` is (7,) float32 in the order of :data:`OBSERVATION_NAMES`. ``absent`` names the entries that are unknown:
    they read 0, the middle of their range, because a network needs a number; whoever decides records them.
    """

    values: Float32Array1D
    absent: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether so much is known that a policy may be asked: at most ``MAX_ABSENT`` entries absent."""
        return len(self.absent) <= MAX_ABSENT


def observation(
    *,
    gex_signal: float,
    charm_pressure: float,
    vanna_sensitivity: float,
    drawdown: float,
    win_rate: float,
    volatility: float,
    portfolio_heat: float,
) -> Observation:
    """The observation vector, every entry bounded.

    Parameters
    ----------
    gex_signal, charm_pressure, vanna_sensitivity : ranks in [-1, 1], passed through; NaN where absent.
    drawdown : fall from the highest equity as a fraction, >= 0; 0..25 % becomes 0..1.
    win_rate : share of closed trades with a profit, [0, 1], becomes -1..1; NaN before the first closed trade.
    volatility : annualised, as a fraction, >= 0; ln(volatility / 16 %) / ln 4, clipped to -1..1; NaN where absent.
    portfolio_heat : sum of (stop distance x quantity) of open trades / equity, >= 0; 0..15 % becomes 0..1.

    Returns
    -------
    The vector and the names of what is absent.

    Raises
    ------
    InputError : where a value lies outside its range, or the account's own drawdown or heat is no number.

    Examples
    --------
    >>> nan = float("nan")
    >>> seen = observation(
    ...     gex_signal=0.5, charm_pressure=nan, vanna_sensitivity=-0.25, drawdown=0.05, win_rate=0.75,
    ...     volatility=0.16, portfolio_heat=0.03,
    ... )
    >>> seen.values
    array([ 0.5 ,  0.  , -0.25,  0.2 ,  0.5 ,  0.  ,  0.2 ], dtype=float32)
    >>> seen.absent, seen.enough
    (('charm_pressure',), True)
    """
    for name, value in (("drawdown", drawdown), ("portfolio_heat", portfolio_heat)):
        if not 0 <= value < math.inf:
            raise InputError(f"{value} is not a fraction of equity, 0 or more", field=name)
    raw = (
        _within("gex_signal", gex_signal, -1.0, 1.0),
        _within("charm_pressure", charm_pressure, -1.0, 1.0),
        _within("vanna_sensitivity", vanna_sensitivity, -1.0, 1.0),
        min(drawdown / DRAWDOWN_AT_ONE, 1.0),
        2.0 * _within("win_rate", win_rate, 0.0, 1.0) - 1.0,
        _volatility_level(_within("volatility", volatility, 0.0, math.inf)),
        min(portfolio_heat / HEAT_AT_ONE, 1.0),
    )
    absent = tuple(name for name, value in zip(OBSERVATION_NAMES, raw, strict=True) if math.isnan(value))
    return Observation(np.array([0.0 if math.isnan(v) else v for v in raw], dtype=np.float32), absent)


def _within(name: str, value: float, low: float, high: float) -> float:
    if value < low or value > high or math.isinf(value):  # NaN passes: it is absent, not wrong
        raise InputError(f"{value} lies outside {low:g}..{high:g}", field=name)
    return value


def _volatility_level(volatility: float) -> float:
    if math.isnan(volatility):
        return volatility
    lowest = VOLATILITY_AT_ZERO / VOLATILITY_SPAN
    return min(math.log(max(volatility, lowest) / VOLATILITY_AT_ZERO) / math.log(VOLATILITY_SPAN), 1.0)
