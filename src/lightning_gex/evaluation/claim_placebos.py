"""Statistics of claims that are set beside placebos: the same marks on other sessions, the same levels on other days.

The null distribution is the statistic with the marks (a fifth of a rank, the expiry days) or the distances of levels
moved along time in a circle: how they follow each other stays, what they say about the day does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, disjoint_windows, percentile_interval
from lightning_gex.analytics.null_distribution import (
    circular_shifts,
    placebo_p,
    separate_count,
    shifted_sums,
    student_critical,
    student_p,
)
from lightning_gex.core.units import (
    BASIS_POINT,
    SESSIONS_PER_YEAR,
    BoolArray1D,
    Float64Array1D,
    Float64Array2D,
    Int64Array1D,
)
from lightning_gex.evaluation.claim_data import ClaimData, expiry_sessions, expiry_week
from lightning_gex.evaluation.claim_measures import (
    Measured,
    Observations,
    Point,
    TooLittle,
    Trial,
    by_fifth,
    points_of,
    resampled_means,
    resampled_quotients,
    too_few,
)
from lightning_gex.evaluation.hypotheses import Part

#: Placebos without which there is no p-value.
LEAST_PLACEBOS = 200
#: Of the levels' tests, whose every placebo is judged bar by bar.
LEVEL_PLACEBOS = 250
#: Marked sessions, or touches of a level, without which nothing is compared.
LEAST_MARKED = 30
FIFTH = 0.6  # ranks lie in -1..1: the lowest fifth ends at -0.6, the highest begins at 0.6
#: Equally spaced levels beside a level, in expected daily deviations from it.
SPACING_DEVIATIONS = np.array([-1.0, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0])
_RESISTANCE, _SUPPORT = {"call_wall", "zero_gamma"}, {"put_wall", "zero_gamma"}
#: Marks moved so that they meet themselves more often than this, as a multiple of chance, are no placebo.
_MOST_OVERLAP = 2.0
_SHIFTED = "the same marks on other sessions, moved along time in a circle"


def least_shift(count: int) -> int:
    """Rows that a placebo is moved by at least: a year, or a fifth of a shorter sample."""
    return min(SESSIONS_PER_YEAR, count // 5)


def share_of_rises(trial: Trial) -> Measured | TooLittle:
    """How much more often prices rise over the horizon after a session in a fifth of the rank than after any."""
    back = trial.data.returns(trial.hypothesis.horizon_sessions)
    rows = trial.rows(back, trial.feature)
    rank, highest = trial.feature[rows], trial.hypothesis.part is Part.HIGHEST_FIFTH
    marked = rank >= FIFTH if highest else rank <= -FIFTH
    rose = (back[rows] > 0).astype(np.float64)
    base, back_bp = float(rose.mean()) if len(rows) else np.nan, back[rows] / BASIS_POINT
    windows = np.flatnonzero(marked)
    return _marked(
        trial,
        rows,
        marked,
        rose,
        circular_shifts(len(rows), least_shift(len(rows))),
        against_rest=False,
        outcome="share of rises",
        points=lambda: by_fifth(trial, rows, rank, rose),
        figures=lambda: {
            "base_rate": base,
            "share_of_rises": float(rose[marked].mean()),
            "mean_return_bp": float(back_bp[marked].mean()),
            "base_mean_return_bp": float(back_bp.mean()),
            "marked": float(len(windows)),
            "separate_windows": float(disjoint_windows(windows, windows + trial.hypothesis.horizon_sessions)),
        },
    )


def calendar_return(trial: Trial) -> Measured | TooLittle:
    """The mean log return of the sessions up to monthly expiry less that of all others, basis points a session."""
    close = trial.data.bars.close
    back = np.r_[np.nan, np.log(close[1:] / close[:-1])] / BASIS_POINT
    rows = trial.rows(back)
    marked = expiry_week(trial.data.session)[rows]
    return _marked_days(trial, rows, marked, back[rows], 1.0, "return, bp a session", ("other sessions", "expiry week"))


def close_to_strike(trial: Trial) -> Measured | TooLittle:
    """How much nearer to a strike the close lies at expiry than on other days, in strike steps.

    A close that knows nothing of strikes lies a quarter of a step away on average.
    """
    data = trial.data
    if data.raw_close is None or data.strike_step is None:
        return TooLittle("no raw closes or no distance between strikes")
    steps = data.raw_close / data.strike_step
    away = np.abs(steps - np.round(steps))
    rows = trial.rows(away)
    marked = _expiry(trial)[rows]
    found = _marked_days(
        trial, rows, marked, away[rows], -1.0, "distance to the next strike, steps", ("other", "expiry")
    )
    if isinstance(found, TooLittle):
        return found
    as_near = _shifted_grids(steps[rows][marked], float(away[rows][marked].mean()))
    return _with(found, {"shifted_grids_as_near": as_near})


def close_to_wall(trial: Trial) -> Measured | TooLittle:
    """How much nearer the close lies at expiry to the nearer wall of the evening before than other days' moves would
    leave it, in expected deviations.

    A wall stands nearer on the eve of an expiry, whose gamma lies at the money, so distances of other days are no
    measure. The walls of expiry days stay where they are, and the day's moves are those of other days: the mean over
    all of them is what the effect is counted from, each shift of them is a placebo.
    """
    data = trial.data
    away, move = np.full(len(data), np.nan), np.full(len(data), np.nan)
    move[1:] = np.log(data.bars.close[1:] / data.bars.close[:-1]) / data.deviation[:-1]
    for name in ("call_wall", "put_wall"):
        if name in data.levels:
            distance = np.r_[np.nan, (np.log(data.levels[name] / data.bars.close) / data.deviation)[:-1]]
            away = np.where(np.abs(distance) < np.where(np.isnan(away), np.inf, np.abs(away)), distance, away)
    rows = trial.rows(away, move)
    marked = np.flatnonzero(_expiry(trial)[rows])
    if (few := too_few(rows)) is not None:
        return few
    if len(marked) < LEAST_MARKED:
        return TooLittle(f"{len(marked)} expiries with a wall the evening before: at least {LEAST_MARKED} are needed")
    moves, wall = move[rows], away[rows][marked]
    lying = np.abs(wall[None, :] - moves[(marked[None, :] - np.arange(len(rows))[:, None]) % len(rows)])
    usual = lying.mean(axis=0)
    nearer = usual - lying[0]
    drawn = trial.multiplicities(rows[marked])
    resampled = resampled_means(drawn, np.ones((len(marked), 1)), nearer)[:, 0]
    groups = {"other days' moves": float(usual.mean()), "expiry": float(lying[0].mean())}
    shown = tuple(Point(label, value, NO_INTERVAL, len(marked)) for label, value in groups.items())
    return _concluded(
        trial,
        float(nearer.mean()),
        resampled,
        usual.mean() - lying[1:].mean(axis=1),
        null_kind="other days' moves from the same walls, moved along time in a circle",
        observations=Observations(data.session[rows[marked] - 1], wall, lying[0]),
        figures={"marked": float(len(marked)), "mean_marked": float(lying[0].mean())},
        outcome="distance to the nearer wall, expected deviations",
        points=shown,
    )


def _expiry(trial: Trial) -> BoolArray1D:
    return expiry_sessions(trial.data.session, monthly=trial.hypothesis.feature == "monthly_expiry")


def _shifted_grids(steps: Float64Array1D, away: float) -> float:
    """The share of grids of strikes, shifted by even parts of a step, to which the closes lie as near."""
    offsets = (np.arange(LEAST_PLACEBOS) + 0.5) / LEAST_PLACEBOS
    moved = steps[None, :] + offsets[:, None]
    return float(np.mean(np.abs(moved - np.round(moved)).mean(axis=1) <= away))


def _marked_days(
    trial: Trial,
    rows: Int64Array1D,
    marked: BoolArray1D,
    values: Float64Array1D,
    way: float,
    outcome: str,
    labels: tuple[str, str],
) -> Measured | TooLittle:
    """Marked sessions against the others; ``way`` is +1 where more is the effect, -1 where less is."""
    marks = marked.astype(np.float64)
    shifts = np.arange(1, len(rows), dtype=np.int64)
    overlap = shifted_sums(marks, marks, shifts) if len(rows) > 1 else np.zeros(0)
    chance = _MOST_OVERLAP * marks.sum() ** 2 / max(len(rows), 1)

    def points() -> tuple[Point, ...]:
        return points_of(trial.multiplicities(rows), {labels[0]: ~marked, labels[1]: marked}, values)

    return _marked(
        trial,
        rows,
        marked,
        way * values,
        shifts[overlap <= chance],
        against_rest=True,
        outcome=outcome,
        points=points,
        figures=lambda: {"marked": float(marks.sum()), "mean_marked": float(values[marked].mean())},
    )


def _marked(
    trial: Trial,
    rows: Int64Array1D,
    marked: BoolArray1D,
    values: Float64Array1D,
    shifts: Int64Array1D,
    *,
    against_rest: bool,
    outcome: str,
    points: Callable[[], tuple[Point, ...]],
    figures: Callable[[], dict[str, float]],
) -> Measured | TooLittle:
    """The mean at marked rows less that of all rows, or of the rest, beside the same marks elsewhere."""
    few = too_few(rows)
    count = int(np.count_nonzero(marked))
    if few is None and min(count, len(rows) - count) < LEAST_MARKED:
        few = TooLittle(f"{count} of {len(rows)} sessions are marked: at least {LEAST_MARKED} of either are needed")
    if few is None and len(shifts) < LEAST_PLACEBOS:
        few = TooLittle(f"{len(shifts)} placebos can be made of {len(rows)} sessions: {LEAST_PLACEBOS} are needed")
    if few is not None:
        return few
    marks = marked.astype(np.float64)
    beside = 1.0 - marks if against_rest else np.ones(len(rows))
    total = float(values.sum())

    def difference(of_marked: Float64Array1D) -> Float64Array1D:
        of_beside = (total - of_marked) / beside.sum() if against_rest else total / beside.sum()
        return np.asarray(of_marked / count - of_beside)

    effect = float(difference(np.array([values[marked].sum()]))[0])
    null = difference(shifted_sums(marks, values, shifts))
    drawn = trial.multiplicities(rows)
    means = resampled_means(drawn, np.column_stack([marks, beside]), values)
    return _concluded(
        trial,
        effect,
        means[:, 0] - means[:, 1],
        null,
        null_kind=_SHIFTED,
        observations=Observations(trial.data.session[rows], _known(trial, rows, marks), values),
        figures=figures(),
        outcome=outcome,
        points=points(),
    )


def _concluded(
    trial: Trial,
    effect: float,
    resampled: Float64Array1D,
    null: Float64Array1D,
    *,
    null_kind: str,
    observations: Observations,
    figures: Mapping[str, float],
    outcome: str,
    points: tuple[Point, ...],
) -> Measured:
    """A statistic beside its placebos.

    Placebos moved by a session more or less are nearly the same one, so their share beyond the effect, which is a
    figure, comes from few separate ones. The p-value is Student's, with as many degrees of freedom as there are.
    """
    hypothesis, sign = trial.hypothesis, trial.hypothesis.sign
    two_sided, centred = hypothesis.two_sided, null - np.nanmean(null)
    separate, spread = separate_count(null), float(np.nanstd(null))
    return Measured(
        effect=effect,
        interval=percentile_interval(resampled),
        p_value=student_p(sign * effect, spread, separate, two_sided=two_sided),
        critical=student_critical(spread, separate, level=hypothesis.level, two_sided=two_sided),
        null=centred,
        null_kind=null_kind,
        observations=observations,
        figures={
            "placebos": float(len(null)),
            "separate_placebos": separate,
            "share_of_placebos": placebo_p(sign * centred, sign * effect, two_sided=two_sided),
            **figures,
        },
        outcome=outcome,
        points=points,
    )


def _known(trial: Trial, rows: Int64Array1D, marks: Float64Array1D) -> Float64Array1D:
    """What was known: the rank where there is one, else the calendar's mark."""
    feature = trial.data.features.get(trial.hypothesis.feature)
    return marks if feature is None else feature[rows]


def _with(found: Measured, figures: dict[str, float]) -> Measured:
    return replace(found, figures={**found.figures, **figures})


@dataclass(frozen=True, slots=True, eq=False)
class _Day:
    """The session after each of (m,) evenings, and what was expected of it."""

    before: Float64Array1D
    deviation: Float64Array1D
    open: Float64Array1D
    high: Float64Array1D
    low: Float64Array1D
    close: Float64Array1D

    @classmethod
    def after(cls, data: ClaimData, rows: Int64Array1D) -> _Day:
        """The sessions after those of ``rows``."""
        bars, then = data.bars, rows + 1
        prices = (bars.open[then], bars.high[then], bars.low[then], bars.close[then])
        return cls(bars.close[rows], data.deviation[rows], *prices)

    def judged(self, level: Float64Array2D, name: str) -> tuple[BoolArray1D, BoolArray1D]:
        """(..., m) whether each level was touched from the open's side, and whether the close is back on that side."""
        above, below = level > self.open, level < self.open
        touched = np.zeros(level.shape, dtype=np.bool_)
        if name in _RESISTANCE:
            touched |= above & (self.high >= level)
        if name in _SUPPORT:
            touched |= below & (self.low <= level)
        held = touched & np.where(above, self.close < level, self.close > level)
        return touched, held


def level_holds(trial: Trial) -> Measured | TooLittle:
    """How much more often a level that is touched holds than equally spaced levels beside it on the same day.

    A level above the open is touched where the high reaches it, and holds where the close is below it again; below the
    open the other way round. For any path that is symmetric after the touch, half of the touches hold whatever the
    distance and the volatility (the reflection principle), which is why touches are compared and not closes. Levels
    beside it stand at a quarter, half, three quarters and one expected deviation to either side, as far as they lie on
    the same side of the open. A placebo is the level at another day's distance.
    """
    data, name = trial.data, trial.hypothesis.feature
    if name not in data.levels:
        return TooLittle(f"the history holds no {name}")
    if not np.isfinite(data.levels[name]).any():
        return TooLittle(f"no {name} stands beside the bars: no chain of their sessions, or adjusted prices")
    distance = np.log(data.levels[name] / data.bars.close) / data.deviation
    distance[-1] = np.nan  # no session after it
    rows = trial.rows(distance)
    shifts = circular_shifts(len(rows), least_shift(len(rows)))
    if (few := too_few(rows)) is not None:
        return few
    if len(shifts) < LEAST_PLACEBOS:
        return TooLittle(f"{len(shifts)} placebos can be made of {len(rows)} sessions: {LEAST_PLACEBOS} are needed")
    day = _Day.after(data, rows)
    real = _touches(day, distance[rows], name)
    if real.touched.sum() < LEAST_MARKED or real.beside_touched.sum() < LEAST_MARKED:
        return TooLittle(f"{int(real.touched.sum())} sessions touched it: at least {LEAST_MARKED} are needed")
    chosen = shifts[np.unique(np.linspace(0, len(shifts) - 1, LEVEL_PLACEBOS).astype(np.int64))]
    null = np.array([_touches(day, np.roll(distance[rows], shift), name).excess for shift in chosen])
    shares = resampled_quotients(
        trial.multiplicities(rows),
        np.column_stack([real.held, real.beside_held]),
        np.column_stack([real.touched, real.beside_touched]),
    )
    shown = tuple(
        Point(label, share, percentile_interval(shares[:, k]), count)
        for k, (label, share, count) in enumerate(
            (
                (name.replace("_", " "), real.share, int(real.touched.sum())),
                ("spaced levels", real.beside_share, int(real.beside_touched.sum())),
            )
        )
    )
    return _concluded(
        trial,
        real.excess,
        shares[:, 0] - shares[:, 1],
        null,
        null_kind="the level at other days' distances, moved along time in a circle",
        observations=Observations(data.session[rows], distance[rows], np.where(real.touched > 0, real.held, np.nan)),
        figures={
            "touches": float(real.touched.sum()),
            "share_that_holds": real.share,
            "share_of_spaced_levels": real.beside_share,
        },
        outcome="share of touches that hold",
        points=shown,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Touches:
    """(m,) touches and holds of a level, and their numbers among the spaced levels beside it."""

    touched: Float64Array1D
    held: Float64Array1D
    beside_touched: Float64Array1D
    beside_held: Float64Array1D

    @property
    def share(self) -> float:
        """Of touches that hold; NaN without any."""
        return _ratio(self.held, self.touched)

    @property
    def beside_share(self) -> float:
        """The same of the levels beside it."""
        return _ratio(self.beside_held, self.beside_touched)

    @property
    def excess(self) -> float:
        """The one less the other."""
        return self.share - self.beside_share


def _ratio(part: Float64Array1D, whole: Float64Array1D) -> float:
    return float(part.sum() / whole.sum()) if whole.sum() else np.nan


def _touches(day: _Day, distance: Float64Array1D, name: str) -> _Touches:
    level = day.before * np.exp(distance * day.deviation)
    spaced = day.before * np.exp((distance + SPACING_DEVIATIONS[:, None]) * day.deviation)
    touched, held = day.judged(level, name)
    beside, beside_held = day.judged(spaced, name)
    above = level > day.open
    beside &= (spaced > day.open) == above
    if name not in _SUPPORT:
        beside &= above
    elif name not in _RESISTANCE:
        beside &= level < day.open
    return _Touches(
        touched.astype(np.float64),
        held.astype(np.float64),
        beside.sum(axis=0).astype(np.float64),
        (beside_held & beside).sum(axis=0).astype(np.float64),
    )
