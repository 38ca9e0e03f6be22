"""How volatile the coming sessions will be: HAR on realised variance, with VIX, its nine-day sister and dealers' gamma.

Everything walks forward: the value of a row rests on outcomes known after that row's close. A fit is made afresh on the
first row of each month from everything before it, so that cost grows with the number of rows and no faster.

References
----------
- Corsi (2009), A simple approximate long-memory model of realized volatility, Journal of Financial Econometrics 7(2):
  the sum of a daily, a weekly and a monthly component; here of logarithms (Andersen, Bollerslev & Diebold 2007, Review
  of Economics and Statistics 89(4), their equation 7).
- Garman & Klass (1980), On the estimation of security price volatilities from historical data, Journal of Business
  53(1), equation (20) without its terms of lower weight.
- Hoerl & Kennard (1970), Ridge regression, Technometrics 12(1): the penalty on what is added to HAR and VIX.
- Ni, Pearson, Poteshman & White (2021), Does option trading have a pervasive impact on underlying stock prices?, Review
  of Financial Studies 34(4): dealers' gamma lowers volatility.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from lightning_gex.analytics.indicators import trailing_mean
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import (
    SESSIONS_PER_YEAR,
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Float64Array2D,
    Int8Array2D,
)

#: Sessions ahead that are forecast directly: a day, a week, two weeks, a month.
FORECAST_HORIZONS = (1, 5, 10, 21)
WEEK_SESSIONS, MONTH_SESSIONS = 5, 22  # Corsi's windows
#: A session's variance below this is a price that was not traded: one basis point, squared.
LEAST_VARIANCE = 1e-8
#: Outcomes that a fit needs: half a year, and a dozen that do not overlap.
LEAST_OUTCOMES, LEAST_SEPARATE_OUTCOMES = 126, 12
#: Ridge penalty on a standardised added regressor, in outcomes that do not overlap. Chosen among 0, 10, 30 and 100 on
#: SPY up to 2018.
PENALTY_OUTCOMES = 30.0
#: Sessions up to which dealers' gamma and the nine-day VIX are regressors: for a month ahead gamma lost on SPY and on
#: most stocks up to 2018, and the nine days are over.
SHORT_LIVED_LONGEST_HORIZON = 10
#: A regressor whose variance, or what the others leave of it, is a smaller share than this tells nothing of its own.
_LEAST_PIVOT = 1e-10
_PERCENT = 100.0
_YEAR_BLOCK = 21  # rows summed at once on the way to a year's mean: 252 is twelve of them

#: What a forecast rests on, by its code in ``VolatilityForecast.basis``.
BASES = (
    "nothing",
    "past volatility (HAR)",
    "past volatility and GEX (HAR, GEX)",
    "past volatility and VIX (HAR, VIX)",
    "past volatility, VIX and GEX (HAR, VIX, GEX)",
    "past volatility, VIX and VIX9D (HAR, VIX, VIX9D)",
    "past volatility, VIX, VIX9D and GEX (HAR, VIX, VIX9D, GEX)",
)
#: Columns of the design: three of HAR, VIX and its weekly and monthly mean, VIX9D over VIX, GEX.
_PENALISED = np.array([False, False, False, False, True, True, True, True])
_NINE_DAY, _GEX = 6, 7
#: Code of a basis -> its columns. A later one is preferred where all its columns are known.
_COLUMNS = {
    1: (0, 1, 2),
    2: (0, 1, 2, _GEX),
    3: (0, 1, 2, 3, 4, 5),
    4: (0, 1, 2, 3, 4, 5, _GEX),
    5: (0, 1, 2, 3, 4, 5, _NINE_DAY),
    6: (0, 1, 2, 3, 4, 5, _NINE_DAY, _GEX),
}
#: Code of a basis -> code of the same one without what lives short.
LONG_LIVED = np.array([0, 1, 1, 3, 3, 3, 3], dtype=np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class VolatilityForecast:
    """Forecasts of the mean variance of the coming sessions, along time.

    Parameters
    ----------
    log_variance : (n, 4) expectation of the logarithm of the mean variance a session over each of
        ``FORECAST_HORIZONS``; NaN where there is no forecast.
    residual_variance : (n, 4) variance of the logarithm around it in the sample of the fit.
    basis : (n, 4) int8 index into ``BASES``; 0 where there is no forecast.
    """

    log_variance: Float64Array2D
    residual_variance: Float64Array2D
    basis: Int8Array2D

    @property
    def variance(self) -> Float64Array2D:
        """(n, 4) expected mean variance a session: exp(log_variance + residual_variance / 2), of a log-normal."""
        expected: Float64Array2D = np.exp(self.log_variance + self.residual_variance / 2.0)
        return expected

    @property
    def volatility(self) -> Float64Array2D:
        """(n, 4) square root of the variance, annualised fraction."""
        annualised: Float64Array2D = np.sqrt(self.variance * SESSIONS_PER_YEAR)
        return annualised


def realised_variance(
    open_: Float64Array1D, high: Float64Array1D, low: Float64Array1D, close: Float64Array1D
) -> Float64Array1D:
    """Variance of each session from its bar: the overnight move squared, and Garman-Klass for the day.

    Parameters
    ----------
    open_, high, low, close : (n,) USD, positive, ``low <= open, close <= high``.

    Returns
    -------
    (n,) variance a session: ln(O / C')^2 + 0.5 ln(H / L)^2 - (2 ln 2 - 1) ln(C / O)^2, C' the close before; never
    negative. NaN on the first row, before which there is no close.

    Examples
    --------
    >>> import numpy as np
    >>> bars = [np.array(x) for x in ([100.0, 101.0], [101.0, 103.0], [99.0, 100.0], [100.0, 102.0])]
    >>> realised_variance(*bars).round(8).tolist()
    [nan, 0.00049837]
    """
    out = np.full(len(close), np.nan)
    overnight = np.log(open_[1:] / close[:-1])
    spread, move = np.log(high[1:] / low[1:]), np.log(close[1:] / open_[1:])
    out[1:] = overnight**2 + 0.5 * spread**2 - (2.0 * math.log(2.0) - 1.0) * move**2
    return out


def forecast_volatility(
    sessions: DateArray1D,
    variance: Float64Array1D,
    *,
    vix: Float64Array1D | None = None,
    nine_day_vix: Float64Array1D | None = None,
    gex_rank: Float64Array1D | None = None,
) -> VolatilityForecast:
    """Forecast the mean variance of the next 1, 5, 10 and 21 sessions, on every row, from what was known on it.

    The logarithm of the mean variance is regressed on the logarithm of today's variance, its means over a week and a
    month, the logarithm of VIX's variance a session, its means over a week and a month, and (up to ten sessions ahead)
    the logarithm of VIX9D over VIX and the rank of dealers' gamma. The first four are fitted by least squares; the last
    four, standardised, carry a ridge penalty of 30 outcomes that do not overlap. A fit sees the outcomes known at the
    close of the month's first row. Where VIX, VIX9D or GEX is absent on a row, or the fit with it has seen too few
    outcomes, the fit without it stands in, as ``basis`` says. A row does depend on where the bars begin: give live and
    backtest the same first bar.

    Parameters
    ----------
    sessions : (n,) ``datetime64[D]``, strictly increasing.
    variance : (n,) of each session, as ``realised_variance`` gives it; below ``LEAST_VARIANCE`` it counts as that.
        NaN where absent, and with it the rows whose month holds it.
    vix : (n,) index points at each close, NaN where absent; None: none.
    nine_day_vix : (n,) VIX9D, the same for nine days; only of use where VIX is the ticker's own index.
    gex_rank : (n,) rolling rank of dealers' gamma in [-1, 1] at each close, NaN where absent; None: none.

    Returns
    -------
    (n, 4) forecasts. NaN on the first month of rows, and until a fit has seen 126 outcomes and 12 that do not overlap.

    Raises
    ------
    InputError : a column has not one value a session.
    """
    columns = {"variance": variance, "vix": vix, "nine_day_vix": nine_day_vix, "gex_rank": gex_rank}
    for name, values in columns.items():
        if values is not None and values.shape != sessions.shape:
            raise InputError(f"{name} has not one value a session", field=name)
    log_variance = np.log(np.maximum(variance, LEAST_VARIANCE))
    design = _design(log_variance, vix, nine_day_vix, gex_rank)
    refit = _first_of_month(sessions)
    shape = (len(sessions), len(FORECAST_HORIZONS))
    found = VolatilityForecast(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int8))
    richest_first = [_Regressors.of(code, design) for code in sorted(_COLUMNS, reverse=True)]
    for k, horizon in enumerate(FORECAST_HORIZONS):
        outcome = log_mean_ahead(log_variance, horizon)
        for regressors in richest_first:
            if horizon <= SHORT_LIVED_LONGEST_HORIZON or LONG_LIVED[regressors.code] == regressors.code:
                _fill(found, k, regressors, outcome, refit)
    return found


def log_mean_ahead(log_variance: Float64Array1D, horizon: int) -> Float64Array1D:
    """The logarithm of the mean variance of the next ``horizon`` sessions: what a forecast is about.

    Parameters
    ----------
    log_variance : (n,) natural logarithms.
    horizon : sessions, positive.

    Returns
    -------
    (n,); NaN on the last ``horizon`` rows and where one of those sessions is absent.
    """
    out = np.full(len(log_variance), np.nan)
    if len(log_variance) > horizon:
        out[:-horizon] = np.log(trailing_mean(np.exp(log_variance), horizon)[horizon:])
    return out


def trailing_year_mean(values: Float64Array1D) -> Float64Array1D:
    """The mean of the last 252 rows, the row's own among them: of twelve sums of 21 rows, in a fixed order.

    Parameters
    ----------
    values : (n,).

    Returns
    -------
    (n,) in the unit of ``values``; NaN where any of the rows is NaN or there are too few.
    """
    out = np.full(len(values), np.nan)
    count = len(values) - SESSIONS_PER_YEAR + 1
    if count > 0:
        blocks = trailing_mean(values, _YEAR_BLOCK)[_YEAR_BLOCK - 1 :]
        total = np.zeros(count)
        for first in range(0, SESSIONS_PER_YEAR, _YEAR_BLOCK):
            total += blocks[first : first + count]
        out[SESSIONS_PER_YEAR - 1 :] = total / (SESSIONS_PER_YEAR // _YEAR_BLOCK)
    return out


def forecast_true_range(
    high: Float64Array1D,
    low: Float64Array1D,
    close: Float64Array1D,
    *,
    atr: Float64Array1D,
    variance: Float64Array1D,
    forecast: Float64Array1D,
) -> Float64Array1D:
    """The mean true range to expect of the sessions ahead: midway between the present ATR and what a forecast implies.

    What it implies is the price times the forecast's standard deviation a session, times the ticker's own
    ratio of true range to standard deviation over the last year. Midway in logarithms: each errs for itself.

    Parameters
    ----------
    high, low, close : (n,) USD, positive.
    atr : (n,) average true range up to each row, USD.
    variance : (n,) of each session, as ``realised_variance`` gives it.
    forecast : (n,) expected mean variance of the sessions ahead.

    Returns
    -------
    (n,) USD; NaN where ATR or forecast is absent and on the first 252 rows.
    """
    share = np.full(len(close), np.nan)
    before = close[:-1]
    share[1:] = (np.maximum(high[1:], before) - np.minimum(low[1:], before)) / before
    usual_variance = trailing_year_mean(variance)
    usual = np.sqrt(np.where(usual_variance > 0.0, usual_variance, np.nan))
    implied = close * np.sqrt(forecast) * trailing_year_mean(share) / usual
    expected: Float64Array1D = np.sqrt(atr * implied)
    return expected


def _design(
    log_variance: Float64Array1D,
    vix: Float64Array1D | None,
    nine_day_vix: Float64Array1D | None,
    gex_rank: Float64Array1D | None,
) -> Float64Array2D:
    """(n, 8) regressors in the order of ``_PENALISED``, NaN where absent."""
    absent = np.full(len(log_variance), np.nan)
    quoted = absent if vix is None else np.where(vix > 0.0, vix, np.nan)
    short = absent if nine_day_vix is None else np.where(nine_day_vix > 0.0, nine_day_vix, np.nan)
    implied = np.log((quoted / _PERCENT) ** 2 / SESSIONS_PER_YEAR)
    return np.column_stack(
        [
            log_variance,
            trailing_mean(log_variance, WEEK_SESSIONS),
            trailing_mean(log_variance, MONTH_SESSIONS),
            implied,
            trailing_mean(implied, WEEK_SESSIONS),
            trailing_mean(implied, MONTH_SESSIONS),
            np.log(short / quoted),
            absent if gex_rank is None else gex_rank,
        ]
    )


def _first_of_month(sessions: DateArray1D) -> BoolArray1D:
    month = sessions.astype("datetime64[M]")
    first = np.ones(len(month), dtype=np.bool_)
    first[1:] = month[1:] != month[:-1]
    return first


@dataclass(frozen=True, slots=True, eq=False)
class _Regressors:
    """The columns of one basis, (n, k); ``known`` where a row has all of them, ``penalised`` which carry a penalty."""

    code: int
    values: Float64Array2D
    known: BoolArray1D
    penalised: BoolArray1D

    @classmethod
    def of(cls, code: int, design: Float64Array2D) -> _Regressors:
        used = list(_COLUMNS[code])
        values = np.ascontiguousarray(design[:, used])
        known = np.asarray(~np.isnan(values.sum(axis=1)))  # one absent value makes the sum absent
        return cls(code, values, known, _PENALISED[used])


def _fill(
    found: VolatilityForecast, k: int, regressors: _Regressors, outcome: Float64Array1D, refit: BoolArray1D
) -> None:
    """Put the forecasts of one horizon and basis where richer bases left none; later rows are not looked at."""
    horizon, known = FORECAST_HORIZONS[k], regressors.known
    wanted = np.flatnonzero(known & np.isnan(found.log_variance[:, k]))
    least = max(LEAST_OUTCOMES, LEAST_SEPARATE_OUTCOMES * horizon)
    rows = int(wanted[-1]) + 1 if len(wanted) else 0
    if np.count_nonzero(known[:rows]) <= least:
        return
    mean, residual = np.full(rows, np.nan), np.full(rows, np.nan)
    penalty = np.where(regressors.penalised, PENALTY_OUTCOMES * horizon, 0.0)
    learnt = known[:rows] & ~np.isnan(outcome[:rows])
    walk_forward(regressors.values[:rows], outcome, known, learnt, refit, penalty, horizon, least, mean, residual)
    there = wanted[~np.isnan(mean[wanted])]
    found.log_variance[there, k] = mean[there]
    found.residual_variance[there, k] = residual[there]
    found.basis[there, k] = regressors.code


@numba.njit(cache=True, error_model="numpy")
def walk_forward(
    regressors: Float64Array2D,
    outcome: Float64Array1D,
    known: BoolArray1D,
    learnt: BoolArray1D,
    refit: BoolArray1D,
    penalty: Float64Array1D,
    lag: int,
    least_outcomes: int,
    mean: Float64Array1D,
    residual: Float64Array1D,
) -> None:
    """Forecast every row by the latest fit on what was known then.

    Parameters
    ----------
    regressors : (n, k).
    outcome : (n,) or more, of each row, known ``lag`` rows later.
    known : (n,) or more, whether a row has every regressor: only such a row is forecast.
    learnt : (n,) whether it has its outcome as well: only such a row is learnt from.
    refit : (n,) or more, where a new fit is made, of the outcomes known on that row.
    penalty : (k,) on the squared coefficient of each standardised regressor.
    lag : rows until an outcome is known, positive.
    least_outcomes : outcomes below which there is no fit.
    mean, residual : (n,) written: the forecast, and the variance around it in the sample of its fit.
    """
    n, k = regressors.shape
    centre, away = np.zeros(k + 1), np.zeros(k + 1)  # of the regressors, then of the outcome
    spread = np.zeros((k + 1, k + 1))  # sums of products around the centre
    coefficient, count = np.zeros(k), 0
    intercept, scatter = math.nan, math.nan
    for i in range(n):
        if i >= lag and learnt[i - lag]:
            count += 1
            _absorb(regressors, outcome, i - lag, count, centre, spread, away)
        if refit[i] and count >= least_outcomes:
            scatter = _solve(spread, penalty, count, coefficient)
            intercept = float(centre[k])
            for j in range(k):
                intercept -= coefficient[j] * centre[j]
        if known[i]:
            total = intercept  # NaN until there is a fit
            for j in range(k):
                total += coefficient[j] * regressors[i, j]
            mean[i] = total
            residual[i] = scatter


@numba.njit(cache=True, error_model="numpy")
def _absorb(
    regressors: Float64Array2D,
    outcome: Float64Array1D,
    row: int,
    count: int,
    centre: Float64Array1D,
    spread: Float64Array2D,
    away: Float64Array1D,
) -> None:
    """One more observation: means and sums of products around them (Welford 1962, Technometrics 4(3))."""
    k = regressors.shape[1]
    for j in range(k):
        away[j] = regressors[row, j] - centre[j]
    away[k] = outcome[row] - centre[k]
    share = (count - 1.0) / count
    for j in range(k + 1):
        for m in range(j + 1):
            spread[j, m] += share * away[j] * away[m]
        centre[j] += away[j] / count


@numba.njit(cache=True, error_model="numpy")
def _solve(spread: Float64Array2D, penalty: Float64Array1D, count: int, coefficient: Float64Array1D) -> float:
    """Coefficients by Cholesky's method; a regressor that the earlier ones explain wholly gets 0. Residual variance."""
    k = penalty.shape[0]
    factor, forward = np.zeros((k, k)), np.zeros(k)
    for j in range(k):
        penalised = spread[j, j] * (1.0 + penalty[j] / count)  # the penalty on the scale of a standardised regressor
        for m in range(j + 1):
            entry = penalised if m == j else spread[j, m]
            for p in range(m):
                entry -= factor[j, p] * factor[m, p]
            if m < j:
                factor[j, m] = entry / factor[m, m] if factor[m, m] > 0.0 else 0.0
            elif entry > _LEAST_PIVOT * penalised and spread[j, j] > _LEAST_PIVOT * count:
                factor[j, j] = math.sqrt(entry)
        value = spread[k, j]
        for p in range(j):
            value -= factor[j, p] * forward[p]
        forward[j] = value / factor[j, j] if factor[j, j] > 0.0 else 0.0
    for j in range(k - 1, -1, -1):
        value = forward[j]
        for p in range(j + 1, k):
            value -= factor[p, j] * coefficient[p]
        coefficient[j] = value / factor[j, j] if factor[j, j] > 0.0 else 0.0
    return _scatter(spread, coefficient, count)


@numba.njit(cache=True, error_model="numpy")
def _scatter(spread: Float64Array2D, coefficient: Float64Array1D, count: int) -> float:
    """Mean squared residual of the fit, with the degrees of freedom of its coefficients taken off."""
    k = coefficient.shape[0]
    total = spread[k, k]
    for j in range(k):
        total -= 2.0 * coefficient[j] * spread[k, j]
        for m in range(k):
            total += coefficient[j] * coefficient[m] * spread[max(j, m), min(j, m)]
    return float(max(total, 0.0) / (count - k - 1))
