"""Between which prices the close is expected some sessions on, and how probable that is.

A band and a probability. The band is one standard deviation to either side of the price, from VIX where VIX is the
ticker's own index and from the ticker's own year otherwise. The probability that the close lies inside comes from how
large past moves were against what was forecast for them: where the forecast is small against the band, it is high.

References
----------
- Barone-Adesi, Giannopoulos & Vosper (1999), VaR without correlations for portfolios of derivative securities, Journal
  of Futures Markets 19(5): past moves over their own forecast as the distribution of the next (filtered historical
  simulation).
- Spiegelhalter & Lauritzen (1990), Sequential updating of conditional probabilities on directed graphical structures,
  Networks 20(5), section 5: logistic regression updated one outcome at a time by Laplace's approximation.
- Brier (1950), Monthly Weather Review 78(1): a probability is judged by what happened.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from lightning_gex.analytics.volatility_forecast import trailing_year_mean
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import SESSIONS_PER_YEAR, Float64Array1D, Int64Array1D

#: Tickers whose own index VIX is: the S&P 500 and the funds on it.
VIX_TICKERS = frozenset({"SPX", "^SPX", "GSPC", "^GSPC", "XSP", "SPY", "VOO", "IVV"})
#: Past moves below which nothing is said of a probability: half a year.
LEAST_MOVES = 126
#: Weight of the share of all past moves that stayed inside, in moves that do not overlap.
BASE_WEIGHT_MOVES = 25.0
#: Prior precision of the two coefficients that recalibrate, in moves that do not overlap. Chosen among 1, 3 and 10 on
#: SPY up to 2018.
RECALIBRATION_PRECISION = 10.0
#: Grid on which past moves over their forecast are counted: natural logarithms, from a hundredth to twenty times.
_GRID_FROM, _GRID_STEP, _GRID_CELLS = math.log(0.01), 0.02, 380
_PERCENT = 100.0


def band_volatility(
    variance: Float64Array1D, vix: Float64Array1D | None = None, *, vix_is_own: bool = False
) -> Float64Array1D:
    """The volatility whose one standard deviation is the band.

    Parameters
    ----------
    variance : (n,) of each session.
    vix : (n,) index points, NaN where absent; None: none.
    vix_is_own : whether VIX is the ticker's own index (``VIX_TICKERS``).

    Returns
    -------
    (n,) annualised fraction: VIX / 100 where it is the ticker's own and known, elsewhere the root of the mean variance
    of the last 252 sessions; NaN where neither is known.
    """
    own = np.sqrt(trailing_year_mean(variance) * SESSIONS_PER_YEAR)
    if not vix_is_own or vix is None:
        return own
    return np.where(vix > 0.0, vix / _PERCENT, own)


def price_band(price: float, volatility: float, horizon_sessions: float) -> tuple[float, float]:
    """One standard deviation to either side, in logarithms.

    Parameters
    ----------
    price : USD.
    volatility : annualised fraction.
    horizon_sessions : sessions ahead.

    Returns
    -------
    Lower and upper price, USD: price exp(-+ volatility sqrt(horizon / 252)). NaN where an input is.

    Examples
    --------
    >>> [round(x, 2) for x in price_band(100.0, 0.16, 5)]
    [97.77, 102.28]
    """
    half = volatility * math.sqrt(horizon_sessions / SESSIONS_PER_YEAR)
    return price * math.exp(-half), price * math.exp(half)


def range_probability(
    close: Float64Array1D,
    volatility: Float64Array1D,
    forecast: Float64Array1D,
    *,
    horizon_sessions: int,
    gex_rank: Float64Array1D | None = None,
) -> Float64Array1D:
    """How probable it is that the close some sessions on lies inside the band.

    With b the band's and f the forecast's standard deviation of the move over the horizon, and m past moves:
    P0 = (share of past m / f at or below b / f), drawn towards the share of past m that were at or below their b with
    the weight of 25 moves that do not overlap; logit P = logit P0 + a + c (rank of dealers' gamma), a and c learnt from
    past moves around 0. Overlapping moves count 1 / horizon each. Where the rank is absent, a alone is learnt and used.

    Parameters
    ----------
    close : (n,) USD, positive.
    volatility : (n,) of the band, annualised fraction; NaN where absent.
    forecast : (n,) expected mean volatility over the horizon, annualised fraction; NaN where absent.
    horizon_sessions : sessions ahead, positive.
    gex_rank : (n,) in [-1, 1], NaN where absent; None: none.

    Returns
    -------
    (n,) probability; NaN where band or forecast is absent, and until 126 past moves had both. A row rests on moves that
    had ended at its close.

    Raises
    ------
    InputError : a column has not one value a session, or the horizon is not positive.
    """
    if horizon_sessions < 1:
        raise InputError(f"a horizon is at least one session, not {horizon_sessions}", field="horizon_sessions")
    rank = np.full(len(close), np.nan) if gex_rank is None else gex_rank
    for name, values in (("volatility", volatility), ("forecast", forecast), ("gex_rank", rank)):
        if values.shape != close.shape:
            raise InputError(f"{name} has not one value a session", field=name)
    scale = math.sqrt(horizon_sessions / SESSIONS_PER_YEAR)
    out = np.full(len(close), np.nan)
    if len(close):
        _probabilities(np.log(close), volatility * scale, forecast * scale, rank, horizon_sessions, out)
    return out


@numba.njit(cache=True, error_model="numpy")
def _probabilities(
    log_close: Float64Array1D,
    band: Float64Array1D,
    expected: Float64Array1D,
    rank: Float64Array1D,
    lag: int,
    out: Float64Array1D,
) -> None:
    n = log_close.shape[0]
    counts = np.zeros(_GRID_CELLS, dtype=np.int64)
    moves, banded, inside = 0, 0, 0
    log_odds = np.full(n, np.nan)
    bias, learnt = np.zeros((2, 2)), np.zeros((2, 3))  # without the rank, and with it: coefficients and precision
    learnt[:, 0] = learnt[:, 2] = RECALIBRATION_PRECISION
    for i in range(n):
        past = i - lag
        move = abs(log_close[i] - log_close[past]) if past >= 0 else math.nan
        if past >= 0 and not math.isnan(band[past]) and not math.isnan(move):
            banded += 1
            held = 1.0 if move <= band[past] else 0.0
            inside += int(held)
            if not math.isnan(expected[past]):
                moves += 1
                counts[_cell(move / expected[past])] += 1
            if not math.isnan(log_odds[past]):
                _learn(bias[0], learnt[0], log_odds[past], 0.0, held, 1.0 / lag)
                if not math.isnan(rank[past]):
                    _learn(bias[1], learnt[1], log_odds[past], rank[past], held, 1.0 / lag)
        if moves >= LEAST_MOVES and not math.isnan(band[i]) and not math.isnan(expected[i]):
            below = _counted_below(counts, band[i] / expected[i])
            base = (inside + 0.5) / (banded + 1.0)  # never 0 or 1, whose odds are infinite
            share = (below / lag + BASE_WEIGHT_MOVES * base) / (moves / lag + BASE_WEIGHT_MOVES)
            log_odds[i] = math.log(share / (1.0 - share))
            with_rank = 0 if math.isnan(rank[i]) else 1
            shift = bias[with_rank, 0] + (bias[with_rank, 1] * rank[i] if with_rank else 0.0)
            out[i] = 1.0 / (1.0 + math.exp(-(log_odds[i] + shift)))


@numba.njit(cache=True, error_model="numpy")
def _cell(ratio: float) -> int:
    """The cell of the grid that a move over its forecast falls in; the ends take what lies beyond them."""
    if ratio <= 0.0:
        return 0
    place = math.floor((math.log(ratio) - _GRID_FROM) / _GRID_STEP)
    return int(min(max(place, 0.0), _GRID_CELLS - 1.0))


@numba.njit(cache=True, error_model="numpy")
def _counted_below(counts: Int64Array1D, ratio: float) -> float:
    """How many past moves lie below a ratio; within its cell in proportion."""
    cell = _cell(ratio)
    below = 0
    for j in range(cell):
        below += counts[j]
    part = (math.log(ratio) - _GRID_FROM) / _GRID_STEP - cell if ratio > 0.0 else 0.0
    return float(below + counts[cell] * min(max(part, 0.0), 1.0))


@numba.njit(cache=True, error_model="numpy")
def _learn(
    coefficient: Float64Array1D,
    precision: Float64Array1D,
    log_odds: float,
    rank: float,
    held: float,
    weight: float,
) -> None:
    """One outcome moves constant and slope by one Newton step on their posterior.

    Parameters
    ----------
    coefficient : (2,) constant and slope, changed.
    precision : (3,) of the constant, of the pair, of the slope, changed.
    log_odds, rank : of the row that the outcome belongs to.
    held : 1 where the close lay inside, else 0.
    weight : of the outcome.
    """
    chance = 1.0 / (1.0 + math.exp(-(log_odds + coefficient[0] + coefficient[1] * rank)))
    information = weight * chance * (1.0 - chance)
    precision[0] += information
    precision[1] += information * rank
    precision[2] += information * rank * rank
    error = weight * (held - chance)
    determinant = precision[0] * precision[2] - precision[1] * precision[1]
    coefficient[0] += error * (precision[2] - precision[1] * rank) / determinant
    coefficient[1] += error * (precision[0] * rank - precision[1]) / determinant
