"""What a run must reach to be called an edge, and whether it does: figures with intervals, placebos and verdicts.

Each goal has a least and an ambition. A figure is met where the run reaches it and, where the goal says so, its
interval does; it is missed otherwise, and "too little" where there are fewer trades or episodes than the goal asks for.
Intervals are 95 % (90 % where said), by a stationary bootstrap of whole dates; placebos are circular shifts of the same
calls.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, disjoint_windows
from lightning_gex.analytics.calibration import brier, brier_skill, ece
from lightning_gex.analytics.performance import cagr, calmar, max_drawdown, session_returns, sharpe
from lightning_gex.analytics.resampled_paths import path_drawdowns, stationary_paths
from lightning_gex.core.enums import ExitReason
from lightning_gex.core.units import BASIS_POINT, SESSIONS_PER_YEAR
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.ablation import SHIPPED_POLICY, Ablation, Verdict
from lightning_gex.evaluation.benchmarks import benchmarks, risk_free_by_session
from lightning_gex.evaluation.calls import Calls, RunIndex, sessions_of
from lightning_gex.evaluation.intervals import DateBootstrap
from lightning_gex.evaluation.metrics import RunMetrics

SHIFTS = 200  # circular shifts a placebo is made of
PERIODS = {"2012-2018": ("2012-01-01", "2018-12-31"), "2019-2021": ("2019-01-01", "2021-12-31")}
SEED = 0
PATHS = 2_000
SPREAD_OF_A_PROBABILITY = 0.02  # a standard deviation below it is a constant, which needs no calibration
APART_SESSIONS = 10  # between two episodes: what follows within two weeks belongs to the same move
CONVICTION = 0.98  # quantile of the confidences said before that a conviction must exceed
FEWEST_IDEAS = 250  # ideas before the first that can be called a conviction


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table.

    Parameters
    ----------
    number : of the goal.
    measure : what is measured, on what.
    least, ambition : what is asked for, in words.
    value, interval : as measured; NaN where there is nothing.
    placebo_p : chance that the same calls at another time do as well; NaN where there is no such thing.
    least_met, ambition_met : None where there is too little to judge.
    detail : further figures.
    """

    number: int
    measure: str
    least: str
    ambition: str
    value: float
    interval: Interval
    placebo_p: float
    least_met: bool | None
    ambition_met: bool | None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json_dict(self) -> dict[str, Any]:
        """As plain values; absent is null."""
        return _plain(asdict(self))


def goals_of_names(run: RunResult) -> list[Goal]:
    """Goals 1, 3, 4, 8 and 10 on a universe of stocks."""
    index = RunIndex.of(run)
    return [
        same_date_accuracy(run, index),
        same_date_return(run, index),
        *calibration(run, index, "names"),
        drawdown_of_universe(run, index),
        high_conviction(run, index, "names"),
    ]


def goals_of_index(run: RunResult) -> list[Goal]:
    """Goals 2, 4, 8 and 10 on one index fund."""
    index = RunIndex.of(run)
    return [
        index_timing(run, index),
        *calibration(run, index, "SPY"),
        drawdown_of_exposure(run, index),
        high_conviction(run, index, "SPY"),
    ]


# --- direction -----------------------------------------------------------------------------------------------------


def same_date_accuracy(run: RunResult, index: RunIndex) -> Goal:
    """Goal 1: the calls taken against the same dates' universe, one at a time a ticker."""
    calls = one_at_a_time(index.taken()[0].resolved)
    excess = excess_of_universe(index, calls)
    known = np.isfinite(excess)
    calls, excess = calls.where(known), excess[known]
    bootstrap = bootstrap_of(run, calls)
    value = _mean(excess)
    interval = bootstrap.mean(excess, calls.date, calls.disjoint)[0]
    parts = {name: _mean(excess[within(run, calls.date, name)]) for name in PERIODS}
    same_sign = len({np.sign(v) for v in parts.values()}) == 1
    enough = len(calls) >= 1_000 and len(np.unique(calls.date)) >= 250
    return Goal(
        1,
        "same-date excess accuracy of taken stock trades",
        ">= +1 point (1,000 trades on 250 dates)",
        ">= +3 points, interval above 0, same sign in both periods",
        value,
        interval,
        shifted_p(index, calls, value, excess_of_universe),
        value >= 0.01 if enough else None,
        (value >= 0.03 and interval[0] > 0 and same_sign) if enough else None,
        {"trades": len(calls), "dates": len(np.unique(calls.date)), "periods": parts},
    )


def same_date_return(run: RunResult, index: RunIndex) -> Goal:
    """Goal 3: what a trade made after costs, less what the universe made over the same sessions."""
    date, value_bp = _trades_less_universe(run, index)
    bootstrap = DateBootstrap(len(run.sessions), _block(index.taken()[0]), SEED)
    first, last = date + 1, date + 1 + bootstrap.block_length
    value = _mean(value_bp)
    interval = bootstrap.mean(value_bp, date, disjoint_windows(first, last))[0] if len(date) else NO_INTERVAL
    calls = index.taken()[0].resolved
    return Goal(
        3,
        "net expectancy less the same-date universe, bp a trade",
        "> 0",
        ">= +15",
        value,
        interval,
        shifted_p(index, calls, _mean(returns_over_universe(index, calls)), returns_over_universe),
        value > 0 if len(date) else None,
        value >= 15 if len(date) else None,
        {"trades": len(date), "horizons_net_bp": _mean(returns_over_universe(index, calls)) - 2 * _cost(run)},
    )


def index_timing(run: RunResult, index: RunIndex) -> Goal:
    """Goal 2: long calls of five to ten sessions on an index, against always being long."""
    calls = index.taken()[0].resolved
    calls = calls.where((calls.horizon >= 5) & (calls.horizon <= 10) & (calls.direction > 0))
    chosen = one_at_a_time(calls)
    base = np.array([_base_rate(index, int(h)) for h in chosen.horizon])
    excess = chosen.hit - base
    bootstrap = bootstrap_of(run, chosen)
    value = _mean(excess)
    spread = bootstrap.ratios(bootstrap.by_date(chosen.date, excess), bootstrap.by_date(chosen.date))
    interval = _quantiles(spread, 0.05)
    held = float(np.mean(run.exposure > 0))
    episodes = episodes_of(chosen.first, chosen.last)
    enough = len(chosen) >= 60 and episodes >= 20 and held <= 0.8
    return Goal(
        2,
        "index timing of SPY, 5 to 10 sessions: excess over the base rate",
        ">= 0 (60 trades, 20 episodes, long on at most 80 % of dates)",
        ">= +5 points, 90 % interval above 0",
        value,
        interval,
        shifted_p(index, chosen, value, excess_of_base),
        value >= 0 if enough else None,
        (value >= 0.05 and interval[0] > 0) if enough else None,
        {"trades": len(chosen), "episodes": episodes, "share_of_dates_long": held, "interval_level": 0.9},
    )


def high_conviction(run: RunResult, index: RunIndex, what: str) -> Goal:
    """Goal 10: the ideas that were said with more confidence than 98 % of those before them, taken or not."""
    ideas = index.decided(lambda decision: math.isfinite(decision.confidence))[0].resolved
    chosen = one_at_a_time(ideas.where(convictions(ideas)))
    bootstrap = bootstrap_of(run, chosen)
    value = _mean(chosen.hit.astype(np.float64))
    interval, method = bootstrap.proportion(chosen.hit, chosen.date, chosen.disjoint)
    episodes = episodes_of(chosen.first, chosen.last)
    enough = len(chosen) >= 200 and episodes >= 15
    return Goal(
        10,
        f"accuracy of the 2 % of ideas with the highest confidence, {what}",
        "shown with its episodes",
        ">= 65 % over 200 trades and 15 episodes",
        value,
        interval,
        shifted_p(index, chosen, value, lambda _, calls: np.where(_known(calls), calls.hit, np.nan)),
        True,
        value >= 0.65 if enough else None,
        {"trades": len(chosen), "episodes": episodes, "of_ideas": len(ideas), "method": method.value},
    )


def convictions(ideas: Calls) -> np.ndarray:
    """(n,) whether an idea's confidence exceeds the 98 % quantile of those of earlier dates."""
    out = np.zeros(len(ideas), dtype=np.bool_)
    before: list[float] = []
    for date in np.unique(ideas.date):
        today = np.flatnonzero(ideas.date == date)
        if len(before) >= FEWEST_IDEAS:
            bound = before[min(int(CONVICTION * len(before)), len(before) - 1)]
            out[today] = ideas.confidence[today] > bound
        for confidence in ideas.confidence[today].tolist():
            insort(before, confidence, lo=bisect_left(before, confidence))
    return out


# --- probabilities -------------------------------------------------------------------------------------------------


def calibration(run: RunResult, index: RunIndex, what: str) -> list[Goal]:
    """Goal 4: the confidence of every idea, and the probability of every expected range."""
    ideas = index.decided(lambda decision: math.isfinite(decision.confidence))[0].resolved
    rises = np.mean(ideas.rise) if len(ideas) else math.nan
    climate = np.where(ideas.direction > 0, rises, 1.0 - rises)
    bootstrap = bootstrap_of(run, ideas)
    out = [
        _calibrated(f"confidence of every idea, {what}", ideas.confidence, ideas.hit, climate, ideas.date, bootstrap)
    ]
    ranges = index.ranges
    for k in range(len(index.tickers)) if len(index.tickers) == 1 else ():
        mine = np.flatnonzero((index.ticker == k) & np.isfinite(ranges.probability) & (ranges.horizon > 0))
        close = index.bars(k).close
        end = index.row[mine] + ranges.horizon[mine]
        mine, end = mine[end < len(close)], end[end < len(close)]
        if len(mine) == 0:
            continue
        inside = (close[end] >= ranges.low[mine]) & (close[end] <= ranges.high[mine])
        said = ranges.probability[mine]
        reference = np.full(len(said), float(np.mean(inside)))
        longest = DateBootstrap(len(run.sessions), int(ranges.horizon.max(initial=1)), SEED)
        out.append(_calibrated(f"expected range, {what}", said, inside, reference, index.date[mine], longest))
    return out


def _calibrated(
    what: str, said: np.ndarray, came: np.ndarray, climate: np.ndarray, date: np.ndarray, bootstrap: DateBootstrap
) -> Goal:
    error, skill = float(ece(said, came)), float(brier_skill(said, came, climate))
    missed, of = bootstrap.by_date(date, (said - came) ** 2), bootstrap.by_date(date, (climate - came) ** 2)
    interval = bootstrap.interval(1.0 - bootstrap.ratios(missed, of), skill, bootstrap.dates // bootstrap.block_length)
    spread = float(np.std(said)) if len(said) else math.nan
    counts = spread >= SPREAD_OF_A_PROBABILITY
    return Goal(
        4,
        f"calibration of the {what}",
        "ECE <= 0.03, Brier skill >= -0.002 (deviation >= 0.02)",
        "ECE <= 0.02, skill >= +0.005, interval above 0",
        skill,
        interval,
        math.nan,
        (error <= 0.03 and skill >= -0.002) if counts else None,
        (error <= 0.02 and skill >= 0.005 and interval[0] > 0) if counts else None,
        {"ece": error, "brier": float(brier(said, came)), "deviation": spread, "said": len(said)},
    )


# --- money ---------------------------------------------------------------------------------------------------------


def drawdown_of_universe(run: RunResult, index: RunIndex) -> Goal:
    """Goal 8 on a universe: the whole system against holding it."""
    held = benchmarks(run, index, math.nan).equal_weight
    return _drawdown(run, held, "the system on 30 names against holding them")


def drawdown_of_exposure(run: RunResult, index: RunIndex) -> Goal:
    """Goal 8 on an index fund: the whole system against a holding of the same average exposure."""
    mean = float(np.mean(run.exposure / run.equity))
    return _drawdown(run, benchmarks(run, index, mean).same_exposure, "SPY against holding the same average exposure")


def _drawdown(run: RunResult, held: np.ndarray, what: str) -> Goal:
    days = np.r_[run.sessions[0], run.sessions]
    own, other = (np.r_[run.initial_capital, curve] for curve in (run.equity, held))
    falls = [max_drawdown(curve, days).fraction for curve in (own, other)]
    grown = [cagr(curve[0], curve[-1], days[0], days[-1]) for curve in (own, other)]
    calmars = [calmar(growth, fall) for growth, fall in zip(grown, falls, strict=True)]
    bills = np.nan_to_num(risk_free_by_session(run))
    returns = [session_returns(curve[1:]) - bills for curve in (own, other)]
    sharpes = [sharpe(one) for one in returns]
    weights = DateBootstrap(len(bills), 10, SEED).multiplicities
    apart = _sharpes(weights, returns[0]) - _sharpes(weights, returns[1])
    paths = stationary_paths(len(run.sessions), 10, resamples=PATHS, seed=SEED)
    ratio = _over(*(path_drawdowns(np.diff(np.log(curve)), paths) for curve in (own, other)))
    value, better = falls[0] / falls[1], calmars[0] / calmars[1]
    over = sharpes[0] - sharpes[1]
    sure = _quantiles(apart, 0.025)
    return Goal(
        8,
        f"deepest fall as a share of the other's, {what}",
        "<= 0.70x, Calmar >= 1.15x, Sharpe not worse by more than 0.05",
        "<= 0.55x, Calmar >= 1.4x, Sharpe +0.15 with interval above 0",
        value,
        _quantiles(ratio, 0.025),
        math.nan,
        value <= 0.70 and better >= 1.15 and over >= -0.05,
        value <= 0.55 and better >= 1.4 and over >= 0.15 and sure[0] > 0,
        {
            "calmar_ratio": better,
            "sharpe_difference": over,
            "sharpe_difference_interval": list(sure),
            "deepest_falls": falls,
            "sharpes": sharpes,
            "growth_a_year": grown,
        },
    )


def _sharpes(weights: np.ndarray, returns: np.ndarray) -> np.ndarray:
    mean = weights @ returns / weights.sum(axis=1)
    square = weights @ returns**2 / weights.sum(axis=1)
    return _over(mean, np.sqrt(np.maximum(square - mean**2, 0.0))) * math.sqrt(SESSIONS_PER_YEAR)


def _over(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One by the other; NaN where the other is nothing."""
    out = np.full(len(one), np.nan)
    return np.divide(one, other, out=out, where=other > 0)


def enhancements(ablation: Ablation, what: str) -> list[Goal]:
    """Goal 9: each enhancement, with less without, by its own measure; and its own calls at other times.

    On by default is what the settings as shipped decide with. A policy of RL sizing is not: where Kelly is the champion
    the switch is on and changes nothing, and what is measured is what the shipped policy would have done in his place.
    """
    alone = {variant.name: variant.metrics for variant in ablation.variants}
    return [_enhancement(verdict, what, alone, off=_off_by_default(verdict, alone)) for verdict in ablation.verdicts]


def _off_by_default(verdict: Verdict, variants: Mapping[str, Any]) -> bool:
    return verdict.enhancement == "rl_sizing" and SHIPPED_POLICY in variants


def _enhancement(verdict: Verdict, what: str, alone: Mapping[str, RunMetrics], *, off: bool) -> Goal:
    figure = verdict.figure.replace("_", " ")
    less = "its shipped policy less Kelly, who sizes by default" if off else "with less without"
    no_loss = verdict.measured <= 0 if verdict.figure == "max_drawdown" else verdict.measured >= 0
    return Goal(
        9,
        f"{verdict.enhancement}, {what}: {figure} {less}",
        "no loss, or off by default",
        "a gain with interval above 0",
        verdict.measured,
        verdict.interval,
        alone[f"only_{verdict.enhancement}"].placebo.p_value,
        off or no_loss,
        verdict.interval[0] > 0,
        {"alone": verdict.alone, "why": verdict.why, "off_by_default": off, "no_loss": no_loss},
    )


# --- pieces --------------------------------------------------------------------------------------------------------


def one_at_a_time(calls: Calls) -> Calls:
    """The calls of which no two of one ticker overlap: each that begins when the one before has ended."""
    keep = np.zeros(len(calls), dtype=np.bool_)
    free: dict[int, int] = {}
    for i in np.lexsort((calls.ticker, calls.date)).tolist():
        if calls.first[i] >= free.get(int(calls.ticker[i]), -1):
            keep[i] = True
            free[int(calls.ticker[i])] = int(calls.last[i])
    return calls.where(keep)


def episodes_of(first: np.ndarray, last: np.ndarray) -> int:
    """How many stretches of time the windows fall into, each two weeks or more after the one before."""
    count, until = 0, -APART_SESSIONS
    for i in np.argsort(first, kind="stable").tolist():
        count += int(first[i] >= until + APART_SESSIONS)
        until = max(until, int(last[i]))
    return count


def excess_of_universe(index: RunIndex, calls: Calls) -> np.ndarray:
    """(n,) right or wrong less the share of the same date's members that moved the call's way; NaN where unknown."""
    right, _ = _universe(index, calls)
    return np.where(_known(calls), calls.hit - right, np.nan)


def returns_over_universe(index: RunIndex, calls: Calls) -> np.ndarray:
    """(n,) gross return in the call's direction less the members' mean that way, bp; NaN where unknown."""
    _, mean = _universe(index, calls)
    return calls.direction * (calls.share_return - mean) / BASIS_POINT


def excess_of_base(index: RunIndex, calls: Calls) -> np.ndarray:
    """(n,) right or wrong less the share of rises over all sessions at the same horizon; NaN where unknown."""
    base = np.array([_base_rate(index, int(h)) for h in calls.horizon])
    return np.where(_known(calls), calls.hit - base, np.nan)


def shifted_p(
    index: RunIndex, calls: Calls, value: float, measure: Callable[[RunIndex, Calls], np.ndarray], shifts: int = SHIFTS
) -> float:
    """The chance that the same calls, moved in a circle by at least the longest horizon, do as well as they did."""
    sessions = len(index.run.sessions)
    longest = _block(calls)
    room = np.arange(longest + 1, sessions - longest)
    if len(calls) == 0 or len(room) < shifts or not math.isfinite(value):
        return math.nan
    drawn = np.random.default_rng(SEED).choice(room, shifts, replace=False)
    found = [_mean(measure(index, _moved(index, calls, int(shift)))) for shift in drawn]
    return (1 + sum(other >= value for other in found)) / (1 + shifts)


def _moved(index: RunIndex, calls: Calls, shift: int) -> Calls:
    date = (calls.date + shift) % len(index.run.sessions)
    back = np.full(len(calls), np.nan)
    for k, horizon in {(int(t), int(h)) for t, h in zip(calls.ticker, calls.horizon, strict=True)}:
        mine = (calls.ticker == k) & (calls.horizon == horizon)
        back[mine] = _returns(index, k, horizon)[date[mine]]
    return Calls(date, calls.ticker, calls.row, calls.direction, calls.horizon, calls.confidence, back)


@lru_cache(maxsize=1_024)
def _returns(index: RunIndex, ticker: int, horizon: int) -> np.ndarray:
    """A ticker's returns over a horizon by date, worked out once a run."""
    return index.returns_by_date(ticker, horizon)


def _universe(index: RunIndex, calls: Calls) -> tuple[np.ndarray, np.ndarray]:
    """(n,) share of the date's members that moved the call's way, and (n,) their mean return."""
    right, mean = np.full(len(calls), np.nan), np.full(len(calls), np.nan)
    for horizon in np.unique(calls.horizon):
        every = np.stack([_returns(index, k, int(horizon)) for k in range(len(index.tickers))])
        mine = np.flatnonzero(calls.horizon == horizon)
        moves = every[:, calls.date[mine]]
        there = np.isfinite(moves)
        count = np.maximum(there.sum(axis=0), 1)
        filled = np.where(there, moves, 0.0)
        right[mine] = ((np.sign(filled) == calls.direction[mine]) & there).sum(axis=0) / count
        mean[mine] = filled.sum(axis=0) / count
    return right, mean


def _trades_less_universe(run: RunResult, index: RunIndex) -> tuple[np.ndarray, np.ndarray]:
    """Date of the decision of each closed trade, and its net bp less the members' mean over the same sessions."""
    trades = [t for t in run.trades if t.ticker in index.tickers]
    date, entry, leave = (
        RunIndex.date_of(run, sessions_of(moments))
        for moments in ([t.decided_at for t in trades], [t.entry_at for t in trades], [t.exit_at for t in trades])
    )
    opens = np.stack([_price_by_date(index, k, "open") for k in range(len(index.tickers))])
    closes = np.stack([_price_by_date(index, k, "close") for k in range(len(index.tickers))])
    out = np.empty(len(trades))
    for i, trade in enumerate(trades):
        # From and to the price that the trade itself had: a leg that was carried in or on has the close on that side.
        first = opens if trade.bought else closes
        last = opens if trade.exit_reason in _AT_THE_OPEN else closes
        growth = last[:, leave[i]] / first[:, entry[i]] - 1.0
        members = np.array([index.belongs(k)[date[i]] for k in range(len(index.tickers))]) & np.isfinite(growth)
        net = float(trade.pnl / (trade.entry_price * trade.quantity))
        out[i] = (net - int(trade.direction) * float(np.mean(growth[members]))) / BASIS_POINT
    return date, out


#: Endings that an order brings about, at the next open; a bracket fires within a session, whose close stands for it.
_AT_THE_OPEN = frozenset({ExitReason.TIME_EXIT, ExitReason.SIGNAL_EXIT, ExitReason.MANUAL})


def _price_by_date(index: RunIndex, ticker: int, name: str) -> np.ndarray:
    row = index.rows_by_date(ticker)
    return np.where(row >= 0, getattr(index.bars(ticker), name)[np.maximum(row, 0)], np.nan)


def within(run: RunResult, date: np.ndarray, period: str) -> np.ndarray:
    """(n,) whether each date lies in a period."""
    first, last = (np.datetime64(day) for day in PERIODS[period])
    return (run.sessions[date] >= first) & (run.sessions[date] <= last)


def bootstrap_of(run: RunResult, calls: Calls) -> DateBootstrap:
    """Resamples of a run's dates in blocks as long as the longest horizon of the calls."""
    return DateBootstrap(len(run.sessions), _block(calls), SEED)


def _block(calls: Calls) -> int:
    return int(calls.horizon.max(initial=1))


@lru_cache(maxsize=64)
def _base_rate(index: RunIndex, horizon: int) -> float:
    every = np.concatenate([_returns(index, k, horizon) for k in range(len(index.tickers))])
    return float(np.mean(every[np.isfinite(every)] > 0))


def _known(calls: Calls) -> np.ndarray:
    return np.isfinite(calls.share_return)


def _cost(run: RunResult) -> float:
    return float(np.mean(list(run.cost_bp_per_side.values())))


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.mean(known)) if len(known) else math.nan


def _quantiles(values: np.ndarray, tail: float) -> Interval:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return NO_INTERVAL
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return float(low), float(high)


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(goals: Sequence[Mapping[str, Any]]) -> str:
    """Goals as a Markdown table, met or missed."""
    head = ("#", "measure", "measured", "95 % interval", "placebo p", "with", "least", "met?", "ambition", "met?")
    rows = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for goal in sorted(goals, key=lambda one: one["number"]):
        low, high = goal["interval"]
        digits = 1 if goal["number"] == 3 else 3
        span = "-" if low is None else f"{low:+.{digits}f} to {high:+.{digits}f}"
        value = "-" if goal["value"] is None else f"{goal['value']:+.{digits}f}"
        chance = "-" if goal["placebo_p"] is None else f"{goal['placebo_p']:.3f}"
        verdicts = [_VERDICTS[goal[name]] for name in ("least_met", "ambition_met")]
        told = (goal["least"], verdicts[0], goal["ambition"], verdicts[1])
        cells = [goal["number"], goal["measure"], value, span, chance, _words(goal["detail"]), *told]
        rows.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(rows)


def _words(detail: Mapping[str, Any]) -> str:
    """The further figures of a goal that a reader of its line needs."""
    found = [f"{detail[name]:,} {name}" for name in ("trades", "dates", "episodes") if name in detail]
    for name, said in _DETAILS.items():
        if detail.get(name) is not None:
            found.append(said.format(detail[name]))
    low, high = detail.get("sharpe_difference_interval") or (None, None)
    if low is not None:
        found[-1] += f" ({low:+.2f} to {high:+.2f})"
    found += ["off by default"] if detail.get("off_by_default") else []
    found += [f"{name} {value:+.3f}" for name, value in (detail.get("periods") or {}).items() if value is not None]
    return ", ".join(found) or "-"


#: Detail -> how a line tells it; the difference of Sharpe ratios comes last, its interval follows it.
_DETAILS = {
    "share_of_dates_long": "long on {:.0%} of dates",
    "horizons_net_bp": "{:+.1f} bp to the horizon",
    "ece": "ECE {:.3f}",
    "deviation": "deviation {:.3f}",
    "calmar_ratio": "Calmar {:.2f}x",
    "sharpe_difference": "Sharpe {:+.2f}",
}
_VERDICTS = {True: "met", False: "**missed**", None: "too little"}
