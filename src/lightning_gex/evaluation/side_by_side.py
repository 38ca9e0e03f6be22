"""Two systems over the same sessions: what each decided, where they differ and why, and what each half would be worth.

The "new" system is this one, the "old" one whatever it is to take over from: the baseline of this program, or trades
from a file. Every difference is paired by session and has the interval of blocks of sessions drawn for both alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, percentile_interval, wilson_interval
from lightning_gex.analytics.performance import session_returns
from lightning_gex.analytics.trials import TrialCount
from lightning_gex.core.enums import DecisionStatus
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import (
    BASIS_POINT,
    SESSIONS_PER_YEAR,
    BoolArray2D,
    DateArray1D,
    Float64Array1D,
    Int8Array2D,
)
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.benchmarks import CurveMetrics, curve_metrics
from lightning_gex.evaluation.calls import Calls, RunIndex, sessions_of
from lightning_gex.evaluation.comparison import compared, finite, plain_difference
from lightning_gex.evaluation.gates import gate_of, gate_words
from lightning_gex.evaluation.intervals import DateBootstrap
from lightning_gex.evaluation.metrics import JsonValue, RunMetrics, evaluate
from lightning_gex.evaluation.paired import Difference, Judged, difference

#: Parts of the capital that are the new system's, in the mixtures that are shown.
MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
NO_SIGNAL = "no signal"
NOT_ASKED = "no trade"


@dataclass(frozen=True, slots=True)
class EntryOutcome:
    """What became of some entries, brackets ignored.

    Parameters
    ----------
    entries, resolved : how many, and of how many the bars tell the end of the horizon.
    hit_rate, hit_interval : share whose return had the direction's sign; NaN without any.
    return_bp, return_interval_bp : mean return in the direction over the horizon before costs, basis points.
    """

    entries: int
    resolved: int
    hit_rate: float
    hit_interval: Interval
    return_bp: float
    return_interval_bp: Interval

    def to_json_dict(self) -> dict[str, JsonValue]:
        """As plain JSON values; absent is null."""
        return {
            "entries": self.entries,
            "resolved": self.resolved,
            "hit_rate": finite(self.hit_rate),
            "hit_interval": [finite(end) for end in self.hit_interval],
            "return_bp": finite(self.return_bp),
            "return_interval_bp": [finite(end) for end in self.return_interval_bp],
        }


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two systems did the same, counted by session and ticker.

    Parameters
    ----------
    cells : sessions times tickers, as far as bars are there.
    both, opposite, only_new, only_old, neither : cells by who entered; ``both`` in one direction.
    share, share_interval : of cells in which they did the same.
    entries_shared, entries_interval : of the cells in which either entered, the share in which both did, one way.
    held_either, held_both : cells in which either held a position over the close, and in which both did, one way.
    held_shared, held_interval : the one over the other: a position that one entered days before the other counts here.
    new_alone, old_alone, together : what became of those entries.
    """

    cells: int
    both: int
    opposite: int
    only_new: int
    only_old: int
    neither: int
    share: float
    share_interval: Interval
    entries_shared: float
    entries_interval: Interval
    held_either: int
    held_both: int
    held_shared: float
    held_interval: Interval
    new_alone: EntryOutcome
    old_alone: EntryOutcome
    together: EntryOutcome

    @property
    def either(self) -> int:
        """Cells in which at least one entered."""
        return self.both + self.opposite + self.only_new + self.only_old

    def to_json_dict(self) -> dict[str, JsonValue]:
        """As plain JSON values; absent is null."""
        counts = ("cells", "both", "opposite", "only_new", "only_old", "neither", "held_either", "held_both")
        return {
            **{name: getattr(self, name) for name in counts},
            "share": finite(self.share),
            "share_interval": [finite(end) for end in self.share_interval],
            "entries_shared": finite(self.entries_shared),
            "entries_interval": [finite(end) for end in self.entries_interval],
            "held_shared": finite(self.held_shared),
            "held_interval": [finite(end) for end in self.held_interval],
            "together": self.together.to_json_dict(),
            "only_new_outcome": self.new_alone.to_json_dict(),
            "only_old_outcome": self.old_alone.to_json_dict(),
        }


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One reason why one system entered and the other did not.

    Parameters
    ----------
    entered : ``new`` or ``old``.
    why : what the other one said: its gate in words, that it had no signal, or that its file has no trade.
    outcome : of the entries.
    """

    entered: str
    why: str
    outcome: EntryOutcome


@dataclass(frozen=True, slots=True)
class DifferingEntry:
    """One entry that only one system made.

    Parameters
    ----------
    session, ticker : where.
    entered : ``new`` or ``old``. direction : of its entry, 1 or -1.
    why : what the other one said. reason : its own words.
    share_return : of the share over the entry's horizon, a fraction; NaN while it is not known.
    """

    session: np.datetime64
    ticker: str
    entered: str
    direction: int
    why: str
    reason: str
    share_return: float


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """The capital split between both, brought back to the split at every close.

    Parameters
    ----------
    share : the new system's.
    equity : (m,) USD.
    metrics : of that curve.
    volatility_a_year : standard deviation of session returns, annualised.
    """

    share: float
    equity: Float64Array1D
    metrics: CurveMetrics
    volatility_a_year: float


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two systems.

    Parameters
    ----------
    name, words : ``new`` or ``old``, and what it is.
    run : over the common sessions.
    metrics : its figures.
    """

    name: str
    words: str
    run: RunResult
    metrics: RunMetrics

    def to_json_dict(self) -> dict[str, JsonValue]:
        """As plain JSON values; absent is null."""
        figures = compared(self.metrics.to_json_dict())
        return {
            "what": self.words,
            "run_id": self.run.run_id,
            **figures,
            "calibration_error": figures["ece"],
            "turnover_per_year": finite(self.metrics.turnover_per_year),
        }


@dataclass(frozen=True, slots=True, eq=False)
class SideBySide:
    """Both systems, compared.

    Parameters
    ----------
    new, old : the systems over the same sessions.
    gain : the new one less the old one.
    total_difference, total_interval : log growth of the new less the old over all sessions together.
    agreement : of their entries.
    disagreements : why they differ, most frequent first.
    differing : every entry that only one made, in time order.
    mixes : the capital split between them.
    """

    new: Side
    old: Side
    gain: Difference
    total_difference: float
    total_interval: Interval
    agreement: Agreement
    disagreements: tuple[Disagreement, ...]
    differing: tuple[DifferingEntry, ...]
    mixes: tuple[Mix, ...]

    @property
    def sessions(self) -> DateArray1D:
        """(m,) the common sessions."""
        return self.new.run.sessions

    def to_json_dict(self) -> dict[str, JsonValue]:
        """Everything as plain JSON values; absent is null."""
        return {
            "sessions": len(self.sessions),
            "start": str(self.sessions[0]),
            "end": str(self.sessions[-1]),
            "new": self.new.to_json_dict(),
            "old": self.old.to_json_dict(),
            "difference": plain_difference(self.gain),
            "total_difference": finite(self.total_difference),
            "total_interval": [finite(end) for end in self.total_interval],
            "agreement": self.agreement.to_json_dict(),
            "disagreements": [
                {"entered": one.entered, "why": one.why, **one.outcome.to_json_dict()} for one in self.disagreements
            ],
            "mixes": [
                {
                    "share_new": mix.share,
                    "growth_a_year": finite(mix.metrics.cagr),
                    "volatility_a_year": finite(mix.volatility_a_year),
                    "sharpe": finite(mix.metrics.sharpe),
                    "max_drawdown": finite(mix.metrics.max_drawdown),
                }
                for mix in self.mixes
            ],
        }


def side_by_side(
    new: RunResult,
    old: RunResult,
    *,
    new_words: str,
    old_words: str,
    seed: int = 0,
    trials: TrialCount | None = None,
) -> SideBySide:
    """Compare two runs over the sessions that both lived through.

    Parameters
    ----------
    new, old : runs on the same bars.
    new_words, old_words : what each is.
    seed : of the bootstrap and the placebos.
    trials : variants ever judged on these data; None counts each run as the only one.

    Raises
    ------
    InputError : fewer than two sessions in common.
    """
    new, old = common_sessions(new, old)
    one, other = Judged.of(new), Judged.of(old)
    gain = difference(one, other, seed=seed)
    m = len(new.sessions)
    draws = DateBootstrap(m, max(one.longest_horizon, other.longest_horizon), seed)
    growth = one.growth - other.growth
    low, high = gain.return_interval
    by_year = SESSIONS_PER_YEAR / m
    entries = _Entries.of(new, old)
    return SideBySide(
        new=_side("new", new_words, new, seed, trials),
        old=_side("old", old_words, old, seed),
        gain=gain,
        total_difference=float(growth.sum()),
        total_interval=(low / by_year, high / by_year),
        agreement=entries.agreement(draws),
        disagreements=entries.disagreements(draws),
        differing=entries.differing(),
        mixes=tuple(_mix(share, new, old) for share in MIXES),
    )


def common_sessions(new: RunResult, old: RunResult) -> tuple[RunResult, RunResult]:
    """Both runs over the sessions that both lived through. Raises ``InputError`` where these are fewer than two."""
    both = np.intersect1d(new.sessions, old.sessions)
    if len(both) < 2:
        raise InputError(
            f"{new.run_id} and {old.run_id} have {len(both)} sessions in common: let both live through the same ones",
            field="sessions",
        )
    return _over(new, both), _over(old, both)


def _over(run: RunResult, sessions: DateArray1D) -> RunResult:
    """The run as far as it goes through these sessions; what happened before them is its capital."""
    if len(sessions) == len(run.sessions):
        return run
    keep = np.isin(run.sessions, sessions)
    first = int(np.argmax(keep))
    inside = {str(s) for s in sessions}
    return replace(
        run,
        sessions=run.sessions[keep],
        equity=run.equity[keep],
        exposure=run.exposure[keep],
        initial_capital=float(run.equity[first - 1]) if first else run.initial_capital,
        bill_rate=None if run.bill_rate is None else run.bill_rate[keep],
        decisions=tuple(d for d in run.decisions if f"{d.as_of:%Y-%m-%d}" in inside),
        trades=tuple(
            t for t in run.trades if sessions[0] <= np.datetime64(f"{t.exit_at:%Y-%m-%d}", "D") <= sessions[-1]
        ),
    )


def per_capital_given(run: RunResult, share: Float64Array1D) -> RunResult:
    """The run as if all of the capital had been its own.

    In the stages of a transition an account earns a part of what the system would have earned. Each session's return is
    divided by the part that the system had then, so that it compares with a system that had everything.

    Parameters
    ----------
    run : of a system that had parts of the capital.
    share : (m,) of the capital, by session, above 0.
    """
    if (share == 1.0).all():
        return run
    before = np.r_[run.initial_capital, run.equity[:-1]]
    gained = (run.equity / before - 1.0) / share
    equity = run.initial_capital * np.cumprod(1.0 + gained, dtype=np.float64)
    return replace(run, equity=equity, exposure=run.exposure / run.equity * equity / share)


def _side(name: str, words: str, run: RunResult, seed: int, trials: TrialCount | None = None) -> Side:
    metrics = evaluate(run, seed=seed, trials=trials)
    return Side(name, words, run, metrics)


def _share_interval(part: BoolArray2D, whole: BoolArray2D, draws: DateBootstrap) -> Interval:
    """Of the share of cells that are in a part, by blocks of sessions.

    Where all are alike no resampling can tell: then it is Wilson's for as many blocks as there are.
    """
    of = whole.sum(axis=1).astype(np.float64)
    within = (part & whole).sum(axis=1).astype(np.float64)
    if 0.0 < within.sum() < of.sum():
        return percentile_interval(draws.ratios(within, of))
    apart = max(1, int(np.count_nonzero(of)) // draws.block_length)
    return wilson_interval(apart if within.any() else 0, apart) if of.any() else NO_INTERVAL


def _mix(share: float, new: RunResult, old: RunResult) -> Mix:
    capital = new.initial_capital
    by_new = session_returns(np.r_[new.initial_capital, new.equity])
    by_old = session_returns(np.r_[old.initial_capital, old.equity])
    gained = share * by_new + (1.0 - share) * by_old
    equity = capital * np.cumprod(1.0 + gained, dtype=np.float64)
    spread = float(np.std(gained)) * math.sqrt(SESSIONS_PER_YEAR)
    return Mix(share, equity, curve_metrics(new, equity, capital), spread)


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    """One run's entries by session and ticker.

    ``way`` is (m, k), 1, -1, or 0 where nothing was entered, ``held`` the same of what was held over the close, by its
    closed trades; ``said`` holds the position of each cell's decision.
    """

    index: RunIndex
    way: Int8Array2D
    held: Int8Array2D
    calls: Calls
    said: Mapping[tuple[int, str], int]

    @classmethod
    def of(cls, run: RunResult, tickers: tuple[str, ...]) -> _System:
        index = RunIndex.of(run)
        calls, _ = index.taken()
        way = np.zeros((len(run.sessions), len(tickers)), dtype=np.int8)
        place = np.array([tickers.index(name) for name in index.tickers], dtype=np.int64)
        way[calls.date, place[calls.ticker]] = calls.direction
        moved = replace(calls, ticker=place[calls.ticker])
        said: dict[tuple[int, str], int] = {}
        for i, (date, decision) in enumerate(zip(index.date.tolist(), run.outlines, strict=True)):
            said.setdefault((date, decision.ticker), i)
        return cls(index, way, _held(run, tickers), moved, said)

    def why_not(self, date: int, ticker: str) -> tuple[str, str]:
        """Why it entered nothing there: the gate in words, and its own reason."""
        place = self.said.get((date, ticker))
        if place is None:
            return NOT_ASKED, "nothing is on record there"
        decision = self.index.run.decisions[place]  # whole: its outline does not know the gate
        if decision.status is DecisionStatus.NO_SIGNAL:
            return NO_SIGNAL, decision.reason
        return gate_words(gate_of(decision) or NO_SIGNAL), decision.reason


@dataclass(frozen=True, slots=True, eq=False)
class _Entries:
    """Both systems' entries on one grid of sessions and tickers."""

    tickers: tuple[str, ...]
    sessions: DateArray1D
    there: np.ndarray
    new: _System
    old: _System

    @classmethod
    def of(cls, new: RunResult, old: RunResult) -> _Entries:
        tickers = tuple(sorted({*new.bars, *old.bars}))
        bars = {**old.bars, **new.bars}
        there = np.stack([np.isin(new.sessions, bars[name].session) for name in tickers], axis=1)
        if new.membership is not None:  # who does not belong is not decided on
            belongs = [[name in members for name in tickers] for members in map(new.membership.at, new.sessions)]
            there &= np.array(belongs, dtype=np.bool_).reshape(there.shape)
        return cls(tickers, new.sessions, there, _System.of(new, tickers), _System.of(old, tickers))

    def agreement(self, draws: DateBootstrap) -> Agreement:
        new, old = self.new.way, self.old.way
        entered_new, entered_old = new != 0, old != 0
        there = self.there | entered_new | entered_old
        same = there & (new == old)
        either = entered_new | entered_old
        both = either & (new == old)
        cells, entries = int(there.sum()), int(either.sum())
        held = (self.new.held != 0) | (self.old.held != 0)
        same_held = held & (self.new.held == self.old.held)
        return Agreement(
            cells=cells,
            both=int(both.sum()),
            opposite=int((entered_new & entered_old & (new != old)).sum()),
            only_new=int((entered_new & ~entered_old).sum()),
            only_old=int((entered_old & ~entered_new).sum()),
            neither=int((there & ~either).sum()),
            share=float(same.sum()) / cells if cells else math.nan,
            share_interval=_share_interval(same, there, draws),
            entries_shared=float(both.sum()) / entries if entries else math.nan,
            entries_interval=_share_interval(both, either, draws),
            held_either=int(held.sum()),
            held_both=int(same_held.sum()),
            held_shared=float(same_held.sum()) / int(held.sum()) if held.any() else math.nan,
            held_interval=_share_interval(same_held, held, draws),
            new_alone=_outcome(self._of(self.new, entered_new & ~entered_old), draws),
            old_alone=_outcome(self._of(self.old, entered_old & ~entered_new), draws),
            together=_outcome(self._of(self.new, both), draws),
        )

    def disagreements(self, draws: DateBootstrap) -> tuple[Disagreement, ...]:
        found: list[Disagreement] = []
        for entered, system, other in (("new", self.new, self.old), ("old", self.old, self.new)):
            alone = self._alone(system, other)
            reasons = np.array(
                [other.why_not(int(d), self.tickers[int(t)])[0] for d, t in zip(alone.date, alone.ticker, strict=True)],
                dtype=np.str_,
            )
            found.extend(
                Disagreement(entered, why, _outcome(alone.where(reasons == why), draws))
                for why in sorted(set(reasons.tolist()))
            )
        return tuple(sorted(found, key=lambda d: (d.entered, -d.outcome.entries, d.why)))

    def differing(self) -> tuple[DifferingEntry, ...]:
        out = []
        for entered, system, other in (("new", self.new, self.old), ("old", self.old, self.new)):
            alone = self._alone(system, other)
            for i in range(len(alone)):
                date, ticker = int(alone.date[i]), self.tickers[int(alone.ticker[i])]
                why, reason = other.why_not(date, ticker)
                way = int(alone.direction[i])
                back = float(alone.share_return[i])
                out.append(DifferingEntry(self.sessions[date], ticker, entered, way, why, reason, back))
        return tuple(sorted(out, key=lambda e: (e.session, e.ticker, e.entered)))

    def _alone(self, system: _System, other: _System) -> Calls:
        return self._of(system, (system.way != 0) & (other.way == 0))

    @staticmethod
    def _of(system: _System, cells: np.ndarray) -> Calls:
        return system.calls.where(cells[system.calls.date, system.calls.ticker])


def _held(run: RunResult, tickers: tuple[str, ...]) -> Int8Array2D:
    """(m, k) direction of what a run held over each close, 0 where nothing; of two at once the later one."""
    out = np.zeros((len(run.sessions), len(tickers)), dtype=np.int8)
    place = {name: k for k, name in enumerate(tickers)}
    entered, left = (
        np.searchsorted(run.sessions, sessions_of(moments))
        for moments in ([t.entry_at for t in run.trades], [t.exit_at for t in run.trades])
    )
    for trade, first, last in zip(run.trades, entered, left, strict=True):
        out[first:last, place[trade.ticker]] = int(trade.direction)
    return out


def _outcome(calls: Calls, draws: DateBootstrap) -> EntryOutcome:
    known = calls.resolved
    if not len(known):
        return EntryOutcome(len(calls), 0, math.nan, NO_INTERVAL, math.nan, NO_INTERVAL)
    back = known.direction * known.share_return / BASIS_POINT
    apart = known.disjoint
    return EntryOutcome(
        entries=len(calls),
        resolved=len(known),
        hit_rate=float(np.mean(known.hit)),
        hit_interval=draws.proportion(known.hit, known.date, apart)[0],
        return_bp=float(np.mean(back)),
        return_interval_bp=draws.mean(back, known.date, apart)[0],
    )
