"""Statistics of claims that are slopes: volatility, moves, returns, and how one move follows another.

Intervals and the null distribution come from resampling blocks of sessions, the latter as the resampled coefficients
around their estimate. Behind a slope's p-value stands the larger of Newey and West's standard error and the
bootstrap's: a rank that moves slowly makes the first too small (t beyond 1.96 in 11 % of simulated markets without any
effect).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lightning_gex.analytics.bootstrap import percentile_interval
from lightning_gex.analytics.indicators import trailing_mean
from lightning_gex.analytics.null_distribution import student_critical, student_p
from lightning_gex.analytics.robust_regression import (
    clark_west_t,
    lags_for,
    mean_t,
    normal_p,
    regress,
    resampled_coefficients,
)
from lightning_gex.analytics.volatility_forecast import (
    FORECAST_HORIZONS,
    LEAST_VARIANCE,
    MONTH_SESSIONS,
    WEEK_SESSIONS,
    VolatilityForecast,
    log_mean_ahead,
)
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.units import (
    BASIS_POINT,
    SESSIONS_PER_YEAR,
    BoolArray1D,
    Float64Array1D,
    Float64Array2D,
    Int64Array1D,
)
from lightning_gex.evaluation.claim_data import ClaimData
from lightning_gex.evaluation.claim_measures import (
    Measured,
    Observations,
    Point,
    TooLittle,
    Trial,
    by_fifth,
    points_of,
    too_few,
)

#: Sessions on the rarer side of zero gamma without which the two sides are not compared: a quarter.
LEAST_OF_A_SIDE = 63
_PER_CENT = 100.0
_BOOTSTRAP = "resampled blocks of sessions around the estimate"


def variance_coefficient(trial: Trial) -> Measured | TooLittle:
    """The slope of the log mean variance of the horizon on the feature's rank, beside HAR and VIX.

    Beside it stand what the forecast rests on: the logarithm of the session's variance with its means over a week and a
    month (Corsi 2009), and the logarithm of VIX's variance a session with the same.
    """
    data = trial.data
    log_variance = np.log(np.maximum(data.variance, LEAST_VARIANCE))
    outcome = log_mean_ahead(log_variance, trial.hypothesis.horizon_sessions)
    beside = [
        found
        for column in (log_variance, _log_implied(data))
        for found in (column, trailing_mean(column, WEEK_SESSIONS), trailing_mean(column, MONTH_SESSIONS))
    ]
    return _slope(trial, trial.feature, outcome, beside, "log mean variance, less what HAR and VIX explain")


def move_coefficient(trial: Trial) -> Measured | TooLittle:
    """The slope of the size of the move over the horizon, basis points, on the feature's rank, beside VIX."""
    data = trial.data
    outcome = np.abs(_close_to_close(trial)) / BASIS_POINT
    vix = np.full(len(data), np.nan) if data.vix is None else data.vix
    return _slope(trial, trial.feature, outcome, [vix], "size of the move, bp, less what VIX explains")


def return_coefficient(trial: Trial) -> Measured | TooLittle:
    """The slope of the log return over the horizon, close to close, basis points, on the feature's rank.

    The return begins with the very close that the feature is known after: it says what prices did, not what an order
    would have earned.
    """
    outcome = _close_to_close(trial) / BASIS_POINT
    return _slope(trial, trial.feature, outcome, [], "return over the horizon, bp")


def _slope(
    trial: Trial,
    feature: Float64Array1D,
    outcome: Float64Array1D,
    beside: Sequence[Float64Array1D],
    outcome_words: str,
) -> Measured | TooLittle:
    """The last coefficient of outcome on a constant, what stands beside, and the feature."""
    rows = trial.rows(outcome, feature, *beside)
    if (few := too_few(rows)) is not None:
        return few
    plain = np.column_stack([np.ones(len(rows)), *(column[rows] for column in beside)])
    design = np.column_stack([plain, feature[rows]])
    rest = outcome[rows] - plain @ np.linalg.lstsq(plain, outcome[rows], rcond=None)[0] if beside else outcome[rows]
    shown = by_fifth(trial, rows, feature[rows], rest)
    return _fitted(trial, rows, design, outcome[rows], feature[rows], outcome_words, shown, {})


def _fitted(
    trial: Trial,
    rows: Int64Array1D,
    design: Float64Array2D,
    outcome: Float64Array1D,
    feature: Float64Array1D,
    outcome_words: str,
    points: tuple[Point, ...],
    figures: Mapping[str, float],
) -> Measured | TooLittle:
    """What the last column's coefficient is worth."""
    lags = lags_for(len(rows)) + trial.hypothesis.horizon_sessions - 1
    try:
        fit = regress(design, outcome, lags=lags)
    except InsufficientDataError as refused:
        return TooLittle(str(refused))
    resampled = resampled_coefficients(design, outcome, trial.multiplicities(rows))[:, -1]
    effect, newey_west = float(fit.coefficient[-1]), float(fit.standard_error[-1])
    bootstrap = float(np.nanstd(resampled))
    error, hypothesis = max(newey_west, bootstrap), trial.hypothesis
    two_sided = hypothesis.two_sided
    return Measured(
        effect=effect,
        interval=percentile_interval(resampled),
        p_value=student_p(hypothesis.sign * effect, error, math.inf, two_sided=two_sided),
        critical=student_critical(error, math.inf, level=hypothesis.level, two_sided=two_sided),
        null=resampled - np.nanmean(resampled),
        null_kind=_BOOTSTRAP,
        observations=Observations(trial.data.session[rows], feature, outcome),
        figures={
            "t": float(fit.t[-1]),
            "standard_error": newey_west,
            "bootstrap_error": bootstrap,
            "lags": lags,
            "r2": fit.r_squared,
            **figures,
        },
        outcome=outcome_words,
        points=points,
    )


def log_mse_gain(trial: Trial) -> Measured | TooLittle:
    """The share of squared errors in log variance that the walk-forward forecast with gamma removes."""
    return _forecast_gain(trial, in_qlike=False)


def qlike_gain(trial: Trial) -> Measured | TooLittle:
    """The share of QLIKE that the walk-forward forecast with gamma removes.

    QLIKE = V / f - ln(V / f) - 1 on variances (Patton 2011, Journal of Econometrics 160(1)).
    """
    return _forecast_gain(trial, in_qlike=True)


def _forecast_gain(trial: Trial, *, in_qlike: bool) -> Measured | TooLittle:
    """One walk-forward forecast with the rank and one without it, judged on the same sessions."""
    data, horizon = trial.data, trial.hypothesis.horizon_sessions
    if horizon not in FORECAST_HORIZONS:
        return TooLittle(f"there are forecasts of {', '.join(map(str, FORECAST_HORIZONS))} sessions only")
    k = FORECAST_HORIZONS.index(horizon)
    plain, richer = trial.forecast(""), trial.forecast(trial.hypothesis.feature)
    outcome = log_mean_ahead(np.log(np.maximum(data.variance, LEAST_VARIANCE)), horizon)
    uses_rank = np.where(richer.basis[:, k] != plain.basis[:, k], richer.log_variance[:, k], np.nan)
    rows = trial.rows(outcome, plain.log_variance[:, k], uses_rank)
    if (few := too_few(rows)) is not None:
        return few
    errors = [outcome[rows] - found.log_variance[rows, k] for found in (plain, richer)]
    losses = [
        _qlike(outcome, found, k)[rows] if in_qlike else e**2 for found, e in zip((plain, richer), errors, strict=True)
    ]
    lags = lags_for(len(rows)) + horizon - 1
    less = losses[0] - losses[1]
    drawn = trial.multiplicities(rows)
    resampled = 1.0 - (drawn @ losses[1]) / (drawn @ losses[0])
    t, effect, hypothesis = mean_t(less, lags=lags), 1.0 - float(losses[1].mean() / losses[0].mean()), trial.hypothesis
    level, two_sided = hypothesis.level, hypothesis.two_sided
    return Measured(
        effect=effect,
        interval=percentile_interval(resampled),
        p_value=normal_p(hypothesis.sign * t, two_sided=two_sided),
        critical=student_critical(effect / t if t else math.nan, math.inf, level=level, two_sided=two_sided),
        null=resampled - np.nanmean(resampled),
        null_kind=_BOOTSTRAP,
        observations=Observations(data.session[rows], trial.feature[rows], less),
        figures={
            "diebold_mariano_t": t,
            "clark_west_t": clark_west_t(errors[0], errors[1], errors[0] - errors[1], lags=lags),
            "lags": lags,
            "log_r2": 1.0 - float(np.sum(errors[1] ** 2) / np.sum((outcome[rows] - outcome[rows].mean()) ** 2)),
        },
        outcome="loss removed, " + ("QLIKE" if in_qlike else "squared log error"),
        points=by_fifth(trial, rows, trial.feature[rows], less),
    )


def autocorrelation_by_rank(trial: Trial) -> Measured | TooLittle:
    """How the slope of a session's move on the one before changes with the rank of gamma between them.

    Both moves are close to close, over the deviation expected at the close before each, so that no crisis rules.
    """
    before, after = _moves(trial.data)
    rows = trial.rows(before, after, trial.feature)
    return _conditional(trial, rows, before, after, trial.feature, "move over the expected deviation")


def autocorrelation_by_sign(trial: Trial) -> Measured | TooLittle:
    """The slope of a session's move on the one before, below zero gamma less above."""
    data = trial.data
    before, after = _moves(data)
    gamma = np.full(len(data), np.nan) if data.gamma is None else data.gamma
    negative = np.where(np.isfinite(gamma), (gamma < 0).astype(np.float64), np.nan)
    rows = trial.rows(before, after, negative)
    rarer = int(min(np.sum(negative[rows] == 1), np.sum(negative[rows] == 0)))
    if rarer < LEAST_OF_A_SIDE:
        return TooLittle(f"{rarer} sessions on the rarer side of zero gamma, and at least {LEAST_OF_A_SIDE} are needed")
    return _conditional(trial, rows, before, after, negative, "move over the expected deviation")


def last_half_hour_by_rank(trial: Trial) -> Measured | TooLittle:
    """How the slope of the last half-hour's return on the day's until then changes with gamma at the close before."""
    data = trial.data
    empty = np.full(len(data), np.nan)
    until, after = empty.copy(), empty.copy()
    if data.half_hours is not None:  # row d: the session after, so that its gamma was known
        until[:-1], after[:-1] = data.half_hours.until_cut[1:], data.half_hours.after_cut[1:]
    rows = trial.rows(until, after, trial.feature)
    return _conditional(trial, rows, until / BASIS_POINT, after / BASIS_POINT, trial.feature, "last half-hour, bp")


def _conditional(
    trial: Trial,
    rows: Int64Array1D,
    before: Float64Array1D,
    after: Float64Array1D,
    state: Float64Array1D,
    outcome_words: str,
) -> Measured | TooLittle:
    """The coefficient of before times state, beside a constant, before and state."""
    if (few := too_few(rows)) is not None:
        return few
    x, y, s = before[rows], after[rows], state[rows]
    low, high = s <= np.quantile(s, 0.2), s >= np.quantile(s, 0.8)
    figures = {"slope_lowest_fifth": _plain_slope(x, y, low), "slope_highest_fifth": _plain_slope(x, y, high)}
    drawn = trial.multiplicities(rows)
    product = np.sign(x) * y  # how far the later move goes on with the earlier
    if len(np.unique(s)) == 2:
        groups: dict[str, BoolArray1D] = {"above zero": s == 0, "below zero": s == 1}
        figures = {"slope_below_zero": _plain_slope(x, y, s == 1), "slope_above_zero": _plain_slope(x, y, s == 0)}
        shown = points_of(drawn, groups, product)
    else:
        shown = by_fifth(trial, rows, s, product)
    design = np.column_stack([np.ones(len(rows)), x, s, x * s])
    return _fitted(trial, rows, design, y, s, f"{outcome_words}, in the direction of the move before", shown, figures)


def _plain_slope(x: Float64Array1D, y: Float64Array1D, inside: BoolArray1D) -> float:
    x, y = x[inside], y[inside]
    if len(x) < 3:
        return math.nan
    spread = float(np.sum((x - x.mean()) ** 2))
    return float(np.sum((x - x.mean()) * (y - y.mean()))) / spread if spread > 0 else math.nan


def _moves(data: ClaimData) -> tuple[Float64Array1D, Float64Array1D]:
    """(n,) the session's own move, and the next one's, each over the deviation expected at the close before it."""
    close, n = data.bars.close, len(data)
    scaled = np.full(n, np.nan)
    scaled[1:] = np.log(close[1:] / close[:-1]) / data.deviation[:-1]
    after = np.full(n, np.nan)
    after[:-1] = scaled[1:]
    return scaled, after


def _close_to_close(trial: Trial) -> Float64Array1D:
    """(n,) log return over the horizon from each close; NaN where it is not known yet."""
    close, horizon = trial.data.bars.close, trial.hypothesis.horizon_sessions
    out = np.full(len(close), np.nan)
    if len(close) > horizon:
        out[:-horizon] = np.log(close[horizon:] / close[:-horizon])
    return out


def _log_implied(data: ClaimData) -> Float64Array1D:
    if data.vix is None:
        return np.full(len(data), np.nan)
    return np.asarray(np.log((data.vix / _PER_CENT) ** 2 / SESSIONS_PER_YEAR))


def _qlike(outcome: Float64Array1D, found: VolatilityForecast, k: int) -> Float64Array1D:
    log_ratio = outcome - found.log_variance[:, k] - found.residual_variance[:, k] / 2.0
    return np.asarray(np.exp(log_ratio) - log_ratio - 1.0)
