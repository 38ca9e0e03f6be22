"""What a run was worth: every figure beside the base rate, the interval and the zero-skill twin it must be read with.

Definitions are in ``docs/reference/metrics.md``. Absent is NaN here and null in JSON, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, disjoint_windows
from lightning_gex.analytics.calibration import brier, brier_skill, ece
from lightning_gex.analytics.performance import (
    deflated_sharpe_ratio,
    max_drawdown,
    session_returns,
    sharpe,
    skew_and_kurtosis,
)
from lightning_gex.analytics.trials import TrialCount, trial_count
from lightning_gex.core.enums import DecisionStatus, ExitReason
from lightning_gex.core.units import BASIS_POINT, SESSIONS_PER_YEAR, Float64Array1D, Int64Array1D
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.benchmarks import (
    PLACEBOS,
    Benchmarks,
    CurveMetrics,
    Placebo,
    ZeroSkill,
    always_long,
    benchmarks,
    curve_metrics,
    mean_exposure,
    placebo,
    risk_free_by_session,
    same_directions,
    zero_skill,
)
from lightning_gex.evaluation.breakdowns import (
    HitRate,
    blocked_by,
    by_agent,
    by_regime,
    decisions_by_status,
    hit_rate,
    mean_or_nan,
)
from lightning_gex.evaluation.calls import Calls, RunIndex, sessions_of
from lightning_gex.evaluation.gates import GateOutcome, by_gate
from lightning_gex.evaluation.intervals import FEWEST_EPISODES, DateBootstrap, IntervalMethod
from lightning_gex.evaluation.money import Capacity, capacity, curve_intervals, traded_usd, turnover_a_year
from lightning_gex.evaluation.ranges import RangeOutcome, by_range
from lightning_gex.evaluation.reliability import ReliabilityByGroup, reliability_figures
from lightning_gex.evaluation.tried_words import behind_words

FEWEST_UNIVERSE = 5  # tickers on a date that can be called a universe to compare with
JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """The figures of one run. ``docs/reference/metrics.md`` defines each; NaN where the data do not say."""

    start: np.datetime64
    end: np.datetime64
    sessions: int
    decisions: int
    decisions_taken: int
    decisions_resolved: int
    decisions_unresolved: int
    decisions_unfilled: int
    decisions_disjoint: int
    trades: int
    trades_open_at_end: int
    trades_carried_on: int
    accuracy: float
    accuracy_interval: Interval
    accuracy_interval_method: IntervalMethod
    base_rate: float
    excess_accuracy: float
    excess_accuracy_interval: Interval
    base_rate_all_sessions: float
    excess_over_all_sessions: float
    excess_over_all_sessions_interval: Interval
    excess_over_drift: float
    excess_over_drift_interval: Interval
    same_date_excess: float
    same_date_excess_interval: Interval
    same_date_excess_return_bp: float
    same_date_excess_return_interval_bp: Interval
    win_rate: float
    win_rate_interval: Interval
    win_rate_zero_skill: float
    expectancy_bp: float
    expectancy_interval_bp: Interval
    expectancy_zero_skill_bp: float
    zero_skill: ZeroSkill
    confidence_mean: float
    brier: float
    brier_skill: float
    brier_skill_interval: Interval
    ece: float
    total_return: float
    cagr: float
    cagr_interval: Interval
    growth_over_hold: float
    growth_over_hold_interval: Interval
    sharpe: float
    sharpe_interval: Interval
    deflated_sharpe: float
    deflated_sharpe_over_hold: float
    trials: int
    trials_behind_defaults: int
    max_drawdown: float
    max_drawdown_interval: Interval
    drawdown_peak: np.datetime64 | None
    drawdown_trough: np.datetime64 | None
    calmar: float
    exposure_mean: float
    costs_bp: float
    costs_usd: float
    turnover_per_year: float
    capacity_usd: Capacity
    buy_and_hold: CurveMetrics
    buy_and_hold_by_ticker: Mapping[str, CurveMetrics]
    same_exposure_hold: CurveMetrics
    placebo: Placebo
    by_regime: Mapping[str, HitRate]
    by_agent: Mapping[str, HitRate]
    by_gate: Mapping[str, GateOutcome]
    by_range: Mapping[str, RangeOutcome]
    reliability: ReliabilityByGroup
    decisions_by_status: Mapping[str, int]
    blocked_by: Mapping[str, int]
    block_length_sessions: int
    resamples: int
    seed: int
    notes: tuple[str, ...]

    def to_json_dict(self) -> dict[str, JsonValue]:
        """The figures as plain JSON values: dates as ISO text, NaN as null, intervals as lists of two."""
        out = _plain(self)
        assert isinstance(out, dict)  # noqa: S101 - a dataclass always becomes a mapping
        return out


def _unfilled(run: RunResult) -> int:
    """Taken decisions that no trade came of."""
    filled = {(t.ticker, t.decided_at) for t in run.trades}
    taken = (d for d in run.outlines if d.status is DecisionStatus.APPROVED)
    return sum((d.ticker, d.as_of) not in filled for d in taken)


def _plain(value: object) -> JsonValue:
    """A value of the metrics as JSON knows it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return str(value) if isinstance(value, str) else value
    raise TypeError(f"{type(value).__name__} is no part of the metrics")


def evaluate(
    run: RunResult,
    *,
    seed: int = 0,
    trials: TrialCount | None = None,
    reasons: bool = True,
) -> RunMetrics:
    """Judge a run.

    Parameters
    ----------
    run : a finished run.
    seed : of the bootstrap and the placebo; the same seed gives the same figures.
    trials : variants that were tried on these data, this one included; None counts this run as the only one, beside
        those that the defaults were chosen from where the run holds sessions of their years.
    reasons : whether votes, gates and ranges are judged as well, for which every decision is built anew; off, those
        groups are empty, and blocks are as long as the longest horizon of the decisions taken.

    Returns
    -------
    Every figure with what it must be read beside.

    Raises
    ------
    InputError : on a run without sessions, or with decisions on a ticker it holds no bars of.
    """
    if trials is None:
        ends = {"first": run.sessions[0], "last": run.sessions[-1]} if len(run.sessions) else {}
        trials = trial_count(1, **ends)
    return _Evaluation(run, seed, trials, reasons).metrics()


def sharpe_of(run: RunResult) -> float:
    """The Sharpe ratio a year of a run, as its metrics have it; NaN where nothing was ever invested."""
    if not (run.exposure > 0).any():
        return math.nan  # what is left is rounding of interest
    return sharpe(session_returns(run.equity) - risk_free_by_session(run))


@dataclass(frozen=True, slots=True)
class _Excess:
    """A mean difference and its interval."""

    value: float
    interval: Interval


class _Evaluation:
    """The figures of one run, in the making: what several of them share is computed once."""

    def __init__(self, run: RunResult, seed: int, trials: TrialCount, reasons: bool) -> None:
        self.run, self.seed, self.trials, self.reasons = run, seed, trials, reasons
        self.index = RunIndex.of(run)
        self.taken, self.which = self.index.taken()
        self.resolved = self.taken.resolved
        self.bootstrap = DateBootstrap(len(run.sessions), self._block_length(), seed)
        self.accuracy = hit_rate(self.taken, self.bootstrap)
        self.trade_dates, self.trade_disjoint = self._trade_windows()

    def _block_length(self) -> int:
        """The longest horizon that anything is judged over: blocks must hold whole outcomes."""
        longest = [1, *self.taken.horizon.tolist()]
        if self.reasons:
            longest += [int(s.horizon[s.direction != 0].max(initial=1)) for s in self.index.said.values()]
        return int(max(longest))

    def _trade_windows(self) -> tuple[Int64Array1D, int]:
        """When each closed trade was decided, and how many of them share no moment."""
        trades = self.run.trades
        date, entry, leave = (
            RunIndex.date_of(self.run, sessions_of(moments))
            for moments in (
                [t.decided_at for t in trades],
                [t.entry_at for t in trades],
                [t.exit_at for t in trades],
            )
        )
        return date, disjoint_windows(entry, leave)

    def metrics(self) -> RunMetrics:
        """All of it."""
        run, taken, resolved = self.run, self.taken, self.resolved
        exposure_mean = mean_exposure(run)
        held = benchmarks(run, self.index, exposure_mean)
        excess, all_sessions, (over, over_bp) = self._excess(), self._over_all_sessions(), self._same_date()
        over_drift = self._over(same_directions(self.index, taken))[1]
        twin = zero_skill(self.index, taken, self.which)
        win, win_interval, bp, bp_interval = self._trades()
        own = curve_metrics(run, run.equity, run.initial_capital)
        fall = max_drawdown(np.r_[run.initial_capital, run.equity], np.r_[run.sessions[0], run.sessions])
        ratio, deflated, over_hold = self._sharpe(held.same_exposure)
        confidence, score, skill, calibration = self._calibration()
        sure = curve_intervals(run, held.equal_weight, self.bootstrap)
        shifted = placebo(self.index, taken, self.bootstrap.block_length, self.seed)
        counts = self._counts()
        return RunMetrics(
            start=run.sessions[0],
            end=run.sessions[-1],
            sessions=len(run.sessions),
            decisions=len(run.decisions),
            decisions_taken=len(taken),
            decisions_resolved=len(resolved),
            decisions_unresolved=len(taken) - len(resolved),
            decisions_unfilled=_unfilled(self.run),
            decisions_disjoint=resolved.disjoint,
            trades=len(run.trades),
            trades_open_at_end=sum(t.exit_reason is ExitReason.END_OF_DATA for t in run.trades),
            trades_carried_on=sum(not t.sold for t in run.trades),
            accuracy=self.accuracy.hit_rate,
            accuracy_interval=self.accuracy.interval,
            accuracy_interval_method=self.accuracy.method,
            base_rate=self.accuracy.base_rate,
            excess_accuracy=excess.value,
            excess_accuracy_interval=excess.interval,
            base_rate_all_sessions=all_sessions[0],
            excess_over_all_sessions=all_sessions[1].value,
            excess_over_all_sessions_interval=all_sessions[1].interval,
            excess_over_drift=over_drift.value,
            excess_over_drift_interval=over_drift.interval,
            same_date_excess=over.value,
            same_date_excess_interval=over.interval,
            same_date_excess_return_bp=over_bp.value,
            same_date_excess_return_interval_bp=over_bp.interval,
            win_rate=win,
            win_rate_interval=win_interval,
            win_rate_zero_skill=twin.win_rate,
            expectancy_bp=bp,
            expectancy_interval_bp=bp_interval,
            expectancy_zero_skill_bp=twin.expectancy_bp,
            zero_skill=twin,
            confidence_mean=confidence,
            brier=score,
            brier_skill=skill.value,
            brier_skill_interval=skill.interval,
            ece=calibration,
            total_return=own.total_return,
            cagr=own.cagr,
            cagr_interval=sure.cagr,
            growth_over_hold=sure.growth_over_hold,
            growth_over_hold_interval=sure.growth_over_hold_interval,
            sharpe=ratio,
            sharpe_interval=sure.sharpe,
            deflated_sharpe=deflated,
            deflated_sharpe_over_hold=over_hold,
            trials=self.trials.count,
            trials_behind_defaults=self.trials.behind_defaults,
            max_drawdown=fall.fraction,
            max_drawdown_interval=sure.max_drawdown,
            drawdown_peak=fall.peak,
            drawdown_trough=fall.trough,
            calmar=own.calmar,
            exposure_mean=exposure_mean,
            costs_bp=self._costs_bp(),
            costs_usd=float(sum(t.costs for t in run.trades)),
            turnover_per_year=turnover_a_year(run),
            capacity_usd=capacity(run),
            buy_and_hold=curve_metrics(run, held.equal_weight, run.initial_capital),
            buy_and_hold_by_ticker=self._by_ticker(held),
            same_exposure_hold=curve_metrics(run, held.same_exposure, run.initial_capital),
            placebo=shifted,
            by_regime=by_regime(run, taken, self.which, self.bootstrap),
            by_agent=by_agent(self.index, self.bootstrap) if self.reasons else {},
            by_gate=by_gate(self.index, self.bootstrap) if self.reasons else {},
            by_range=by_range(self.index, self.bootstrap) if self.reasons else {},
            reliability=reliability_figures(run.reliability),
            decisions_by_status=counts[0],
            blocked_by=counts[1],
            block_length_sessions=self.bootstrap.block_length,
            resamples=self.bootstrap.resamples,
            seed=self.seed,
            notes=(*run.notes, *self._notes(shifted)),
        )

    def _counts(self) -> tuple[dict[str, int], dict[str, int]]:
        return decisions_by_status(self.run), blocked_by(self.run)

    def _by_ticker(self, held: Benchmarks) -> dict[str, CurveMetrics]:
        capital = self.run.initial_capital
        return {name: curve_metrics(self.run, curve, capital) for name, curve in held.by_ticker.items()}

    def _excess(self) -> _Excess:
        """Accuracy over the share of rises at the same entries; silent where every call was up: then both are one."""
        known = self.resolved
        if not (known.direction < 0).any():
            return _Excess(self.accuracy.excess, NO_INTERVAL)
        return self._mean_excess(known.hit.astype(np.float64) - known.rise, known)

    def _over_all_sessions(self) -> tuple[float, _Excess]:
        """The base rate of always being long, and accuracy over it."""
        like = self.taken if len(self.taken) else self.index.decided(lambda d: True)[0]
        return self._over(always_long(self.index, like))

    def _over(self, matched: tuple[Float64Array1D, Float64Array1D]) -> tuple[float, _Excess]:
        """A base rate from its sums by date, and accuracy over it."""
        known = self.resolved
        rises, weights = matched
        base = float(rises.sum() / weights.sum()) if weights.sum() > 0 else math.nan
        value = self.accuracy.hit_rate - base
        if not math.isfinite(value):
            return base, _Excess(math.nan, NO_INTERVAL)
        if self.accuracy.method is not IntervalMethod.BLOCK_BOOTSTRAP:
            low, high = self.accuracy.interval
            return base, _Excess(value, (low - base, high - base))
        hits = self.bootstrap.by_date(known.date, known.hit.astype(np.float64))
        resampled = self.bootstrap.ratios(hits, self.bootstrap.by_date(known.date))
        resampled = resampled - self.bootstrap.ratios(rises, weights)
        return base, _Excess(value, self.bootstrap.interval(resampled, value, known.disjoint))

    def _same_date(self) -> tuple[_Excess, _Excess]:
        """Accuracy, and gross return in bp, over the universe's mean on the same dates and horizons."""
        known = self.resolved
        nothing = _Excess(math.nan, NO_INTERVAL)
        if len(self.index.tickers) < FEWEST_UNIVERSE or len(known) == 0:
            return nothing, nothing
        right, gain, enough = self._universe(known)
        known = known.where(enough)
        if len(known) == 0:
            return nothing, nothing
        signed = known.direction * known.share_return
        return (
            self._mean_excess(known.hit - right[enough], known),
            self._mean_excess((signed - gain[enough]) / BASIS_POINT, known),
        )

    def _mean_excess(self, values: Float64Array1D, known: Calls) -> _Excess:
        return _Excess(mean_or_nan(values), self.bootstrap.mean(values, known.date, known.disjoint)[0])

    def _universe(self, known: Calls) -> tuple[Float64Array1D, Float64Array1D, np.ndarray]:
        """For each call: share of the universe that moved its way, its mean move that way, and whether enough did."""
        right, gain = np.full(len(known), np.nan), np.full(len(known), np.nan)
        enough = np.zeros(len(known), dtype=np.bool_)
        for horizon in np.unique(known.horizon):
            every = np.stack([self.index.returns_by_date(k, int(horizon)) for k in range(len(self.index.tickers))])
            mine = known.horizon == horizon
            moves = every[:, known.date[mine]]
            there = np.isfinite(moves)
            count = there.sum(axis=0)
            sign = known.direction[mine]
            with_it = (np.sign(np.where(there, moves, 0.0)) == sign) & there
            right[mine] = with_it.sum(axis=0) / np.maximum(count, 1)
            gain[mine] = sign * np.where(there, moves, 0.0).sum(axis=0) / np.maximum(count, 1)
            enough[mine] = count >= FEWEST_UNIVERSE
        return right, gain, enough

    def _trades(self) -> tuple[float, Interval, float, Interval]:
        """Win rate and expectancy in bp of the closed trades, after costs, with intervals."""
        trades = self.run.trades
        if not trades:
            return math.nan, NO_INTERVAL, math.nan, NO_INTERVAL
        won = np.array([t.pnl > 0 for t in trades])
        bp = np.array([float(t.pnl / (t.entry_price * t.quantity)) for t in trades]) / BASIS_POINT
        won_interval, _ = self.bootstrap.proportion(won, self.trade_dates, self.trade_disjoint)
        bp_interval, _ = self.bootstrap.mean(bp, self.trade_dates, self.trade_disjoint)
        return float(np.mean(won)), won_interval, float(np.mean(bp)), bp_interval

    def _sharpe(self, held: Float64Array1D) -> tuple[float, float, float]:
        """Sharpe a year; the probability that it is more than luck; the same of the returns over an equal holding.

        A market that rises pays everyone who is in it, so the first probability is none of skill; the second asks
        whether being in it at these times paid more than being in it as much at all times.
        """
        if not (self.run.exposure > 0).any():
            return math.nan, math.nan, math.nan  # never invested: what is left is rounding of interest
        own = session_returns(self.run.equity)
        excess = own - risk_free_by_session(self.run)
        return sharpe(excess), self._deflated(excess), self._deflated(own - session_returns(held))

    def _deflated(self, excess: Float64Array1D) -> float:
        skew, kurtosis = skew_and_kurtosis(excess)
        count = int(np.isfinite(excess).sum())
        per_session = sharpe(excess) / math.sqrt(SESSIONS_PER_YEAR)
        return deflated_sharpe_ratio(
            per_session,
            count,
            skew,
            kurtosis,
            trials=self.trials.count,
            variance_of_trials=self.trials.variance,
        )

    def _calibration(self) -> tuple[float, float, _Excess, float]:
        """Mean confidence, Brier score, its skill over the base rate in the call's direction, and ECE."""
        known = self.resolved
        said = known.confidence
        base = self.accuracy.base_rate
        reference = np.where(known.direction > 0, base, 1.0 - base)
        hit = known.hit
        mean = mean_or_nan(said[np.isfinite(said)])
        skill = _Excess(brier_skill(said, hit, reference), self._skill_interval(known, reference))
        return mean, brier(said, hit), skill, ece(said, hit)

    def _skill_interval(self, known: Calls, reference: Float64Array1D) -> Interval:
        """The interval of the Brier skill; none where too few outcomes are apart to resample."""
        there = np.isfinite(known.confidence)
        known, reference = known.where(there), reference[there]
        if known.disjoint < FEWEST_EPISODES:
            return NO_INTERVAL
        missed, of = (known.confidence - known.hit) ** 2, (reference - known.hit) ** 2
        if not of.sum() > 0:
            return NO_INTERVAL
        by_date = self.bootstrap.by_date
        ratios = self.bootstrap.ratios(by_date(known.date, missed), by_date(known.date, of))
        return self.bootstrap.interval(1.0 - ratios, 1.0 - float(missed.sum() / of.sum()), known.disjoint)

    def _costs_bp(self) -> float:
        """Assumed cost a side, weighted by the notional traded; over all tickers alike where nothing was."""
        assumed = self.run.cost_bp_per_side
        traded = dict.fromkeys(assumed, 0.0)
        for trade in self.run.trades:
            if trade.ticker in traded:
                traded[trade.ticker] += traded_usd(trade)
        if not assumed:
            return math.nan
        weights = list(traded.values()) if sum(traded.values()) > 0 else None
        return float(np.average([assumed[name] for name in traded], weights=weights))

    def _notes(self, shifted: Placebo) -> tuple[str, ...]:
        """What a reader of these very figures must know."""
        known, out = self.resolved, []
        if len(self.taken) == 0:
            out.append("no decision was taken: accuracy, win rate and expectancy have no data")
        elif not (known.direction < 0).any():
            out.append(
                "every decision taken was long, so accuracy equals the base rate of its own entries and "
                "excess_accuracy is 0 by construction; read excess_over_all_sessions instead"
            )
        if len(self.taken) > len(known):
            out.append(f"{len(self.taken) - len(known)} decisions taken run past the end of the data and do not count")
        if len(known) and known.disjoint < FEWEST_EPISODES:
            out.append(
                f"the {len(known)} decisions judged hold only {known.disjoint} that do not overlap: "
                "intervals are made from that number"
            )
        if self.run.bill_rate is None:
            out.append("no bill rate was given: Sharpe is over zero")
        elif np.isnan(risk_free_by_session(self.run)).any():
            missing = int(np.isnan(risk_free_by_session(self.run)).sum())
            out.append(f"{missing} sessions have no bill rate and are left out of Sharpe")
        if 0 < shifted.shifts < PLACEBOS:
            out.append(f"the run is long enough for {shifted.shifts} placebo shifts only")
        out.append(self._tried())
        return tuple(out)

    def _tried(self) -> str:
        """How many variants the deflated Sharpe ratio counts, and whose they are."""
        behind = self.trials.behind_defaults
        own = self.trials.count - behind
        counted = "deflated_sharpe counts 1 trial" if own == 1 else f"deflated_sharpe counts {own:,} variants"
        told = f"{counted} on these data" + (f" and {behind_words(behind)}" if behind else "")
        return told + (": whoever tried more variants must deflate by their number" if own == 1 else "")
