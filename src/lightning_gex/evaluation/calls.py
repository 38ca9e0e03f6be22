"""Every statement about direction that a run made, beside what the market then did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from lightning_gex.analytics.bootstrap import disjoint_windows
from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Decision, ExpectedRange
from lightning_gex.core.enums import DecisionStatus, FillPrice
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import session_of
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D, Int8Array1D, Int64Array1D
from lightning_gex.engine.result import RunResult


def forward_return(bars: Bars, fill_price: FillPrice, row: Int64Array1D, horizon: Int64Array1D | int) -> Float64Array1D:
    """The return from the entry after each row to so many sessions later, at the same kind of price.

    Parameters
    ----------
    bars : one ticker's.
    fill_price : which price of a bar counts.
    row : (n,) rows whose close a decision was made after; the entry is the row after.
    horizon : (n,) or scalar sessions from the entry session, positive.

    Returns
    -------
    (n,) simple returns of the share, before costs; NaN where the horizon runs past the bars.
    """
    price = bars.close if fill_price is FillPrice.CLOSE else bars.open
    entry = row + 1
    leave = entry + horizon
    inside = (entry >= 0) & (leave < len(price))
    out = np.full(len(row), np.nan)
    out[inside] = price[leave[inside]] / price[entry[inside]] - 1.0
    return out


def sessions_of(moments: Sequence[datetime]) -> DateArray1D:
    """(n,) the New York session of each aware moment; every distinct moment is looked up once."""
    known = {moment: session_of(moment) for moment in set(moments)}
    return np.array([known[moment] for moment in moments], dtype="datetime64[D]")


@dataclass(frozen=True, eq=False)
class Calls:
    """Statements about direction, as a struct of arrays.

    Parameters
    ----------
    date : (n,) index of the deciding session in ``run.sessions``.
    ticker : (n,) index into the run's sorted tickers.
    row : (n,) row of that ticker's bars decided upon.
    direction : (n,) -1 or 1.
    horizon : (n,) sessions, positive.
    confidence : (n,) probability that the direction is right; NaN where none was given.
    share_return : (n,) return of the share over the horizon; NaN while unresolved.
    """

    date: Int64Array1D
    ticker: Int64Array1D
    row: Int64Array1D
    direction: Int8Array1D
    horizon: Int64Array1D
    confidence: Float64Array1D
    share_return: Float64Array1D

    def __len__(self) -> int:
        return len(self.date)

    def where(self, mask: BoolArray1D) -> Calls:
        """The calls that a mask keeps."""
        return Calls(
            self.date[mask],
            self.ticker[mask],
            self.row[mask],
            self.direction[mask],
            self.horizon[mask],
            self.confidence[mask],
            self.share_return[mask],
        )

    @cached_property
    def resolved(self) -> Calls:
        """The calls whose outcome lies within the data."""
        return self.where(np.isfinite(self.share_return))

    @property
    def hit(self) -> BoolArray1D:
        """(n,) whether the return had the direction's sign; a return of exactly zero has none."""
        right: BoolArray1D = np.sign(self.share_return) == self.direction
        return right

    @property
    def rise(self) -> BoolArray1D:
        """(n,) whether the share rose."""
        return self.share_return > 0

    @property
    def first(self) -> Int64Array1D:
        """(n,) position in time of each entry."""
        return self.date + 1

    @property
    def last(self) -> Int64Array1D:
        """(n,) position in time of the end of each horizon."""
        return self.first + self.horizon

    @cached_property
    def disjoint(self) -> int:
        """How many of the calls can be called independent: the most windows that share no moment."""
        return disjoint_windows(self.first, self.last)


@dataclass(frozen=True, slots=True, eq=False)
class VoteColumns:
    """One agent's votes over a run, (n,) each, one a decision in the run's order.

    Parameters
    ----------
    asked : whether it had a vote in the decision at all.
    abstained : whether it abstained.
    direction : -1, 0, 1.
    horizon : sessions.
    confidence : in [0.5, 1]; NaN where it abstained or was not asked.
    """

    asked: BoolArray1D
    abstained: BoolArray1D
    direction: Int8Array1D
    horizon: Int64Array1D
    confidence: Float64Array1D

    @classmethod
    def blank(cls, count: int) -> VoteColumns:
        """Columns of an agent that was never asked."""
        none = np.zeros(count, dtype=np.bool_)
        return cls(
            none,
            none.copy(),
            np.zeros(count, dtype=np.int8),
            np.zeros(count, dtype=np.int64),
            np.full(count, np.nan),
        )


@dataclass(frozen=True, slots=True, eq=False)
class RangeColumns:
    """A run's expected ranges, (n,) each, one a decision in the run's order.

    Parameters
    ----------
    low, high : USD; NaN where there was none.
    probability : that the close ``horizon`` sessions on lies inside; NaN where none was said.
    horizon : sessions; 0 where there was no range.
    """

    low: Float64Array1D
    high: Float64Array1D
    probability: Float64Array1D
    horizon: Int64Array1D

    @classmethod
    def blank(cls, count: int) -> RangeColumns:
        """Columns of decisions without a range."""
        low, high, probability = np.full((3, count), np.nan)
        return cls(low, high, probability, np.zeros(count, dtype=np.int64))

    def put(self, i: int, found: ExpectedRange) -> None:
        """The range of one decision."""
        self.low[i], self.high[i], self.probability[i] = found.low, found.high, found.probability
        self.horizon[i] = found.horizon_sessions


@dataclass(frozen=True, eq=False)
class RunIndex:
    """A run's decisions by position: which session, which ticker, which row of its bars.

    Parameters
    ----------
    run : the run.
    tickers : sorted tickers that were decided upon; all of the run's where nothing was.
    date, ticker, row : (n,) as in :class:`Calls`, one a decision in the run's order.
    """

    run: RunResult
    tickers: tuple[str, ...]
    date: Int64Array1D
    ticker: Int64Array1D
    row: Int64Array1D

    @classmethod
    def of(cls, run: RunResult) -> RunIndex:
        """Find every decision's place. Raises ``InputError`` on a run without sessions or a ticker without bars."""
        if len(run.sessions) == 0:
            raise InputError("a run without a single session cannot be judged", source=run.run_id, field="sessions")
        tickers = tuple(sorted({d.ticker for d in run.outlines})) or tuple(sorted(run.bars))
        for name in tickers:
            if name not in run.bars:
                raise InputError(f"{name} was decided upon but the run holds no bars of it", source=run.run_id)
        place = {name: k for k, name in enumerate(tickers)}
        ticker = np.array([place[d.ticker] for d in run.outlines], dtype=np.int64)
        session = sessions_of([d.as_of for d in run.outlines])
        row = np.full(len(session), -1, dtype=np.int64)
        for k, name in enumerate(tickers):
            mine = ticker == k
            row[mine] = np.searchsorted(run.bars[name].session, session[mine], side="right") - 1
        return cls(run, tickers, cls.date_of(run, session), ticker, row)

    @staticmethod
    def date_of(run: RunResult, session: DateArray1D) -> Int64Array1D:
        """(n,) positions of sessions in ``run.sessions``, the nearest where one lies outside it."""
        return np.clip(np.searchsorted(run.sessions, session), 0, len(run.sessions) - 1).astype(np.int64)

    def bars(self, ticker: int) -> Bars:
        """The bars of the ticker at an index."""
        return self.run.bars[self.tickers[ticker]]

    def fill_price(self, ticker: int) -> FillPrice:
        """Which price the ticker at an index fills at."""
        return self.run.fill_price[self.tickers[ticker]]

    def rows_by_date(self, ticker: int) -> Int64Array1D:
        """(m,) the row of a ticker's bars known at each session of the run; -1 before its first bar."""
        return np.searchsorted(self.bars(ticker).session, self.run.sessions, side="right") - 1

    def belongs(self, ticker: int) -> BoolArray1D:
        """(m,) whether a ticker could be decided upon at each session of the run; always where it had no members."""
        sessions, membership = self.run.sessions, self.run.membership
        if membership is None:
            return np.ones(len(sessions), dtype=np.bool_)
        return membership.includes(self.tickers[ticker], sessions)

    def returns_by_date(self, ticker: int, horizon: int) -> Float64Array1D:
        """(m,) the share's return over a horizon after a decision at each session.

        NaN where it has none, and where the ticker was no member of the run's universe.
        """
        row = self.rows_by_date(ticker)
        out = forward_return(self.bars(ticker), self.fill_price(ticker), row, horizon)
        out[(row < 0) | ~self.belongs(ticker)] = np.nan
        return out

    def calls(
        self, which: Int64Array1D, direction: Int8Array1D, horizon: Int64Array1D, confidence: Float64Array1D
    ) -> Calls:
        """Calls made with some of the decisions.

        Parameters
        ----------
        which : (k,) positions among the run's decisions.
        direction, horizon, confidence : (k,) of each call; a direction of 0 is left out, a horizon below 1 too.
        """
        keep = (direction != 0) & (horizon >= 1)
        which, direction, horizon, confidence = which[keep], direction[keep], horizon[keep], confidence[keep]
        ticker, row = self.ticker[which], self.row[which]
        back = np.full(len(which), np.nan)
        for k in np.unique(ticker):
            mine = ticker == k
            back[mine] = forward_return(self.bars(k), self.fill_price(k), row[mine], horizon[mine])
        return Calls(self.date[which], ticker, row, direction, horizon, confidence, back)

    def taken(self) -> tuple[Calls, Int64Array1D]:
        """The approved decisions as calls, and their positions among the run's decisions."""
        return self.decided(lambda d: d.status is DecisionStatus.APPROVED)

    def decided(self, wanted: Callable[[Decision], bool]) -> tuple[Calls, Int64Array1D]:
        """The decisions a predicate wants that lean either way, as calls, and their positions."""
        picked = [
            (i, int(d.direction), d.time_horizon_days, d.confidence)
            for i, d in enumerate(self.run.outlines)
            if d.direction != 0 and d.time_horizon_days >= 1 and wanted(d)
        ]
        which = np.array([p[0] for p in picked], dtype=np.int64)
        direction = np.array([p[1] for p in picked], dtype=np.int8)
        horizon = np.array([p[2] for p in picked], dtype=np.int64)
        confidence = np.array([p[3] for p in picked], dtype=np.float64)
        return self.calls(which, direction, horizon, confidence), which

    @property
    def said(self) -> Mapping[str, VoteColumns]:
        """Agent -> its votes as columns, in the order in which the agents first spoke."""
        return self._reasons[0]

    @property
    def ranges(self) -> RangeColumns:
        """The expected ranges as columns."""
        return self._reasons[1]

    @cached_property
    def _reasons(self) -> tuple[Mapping[str, VoteColumns], RangeColumns]:
        """Votes and ranges, read in one pass over the whole decisions."""
        columns: dict[str, VoteColumns] = {}
        ranges = RangeColumns.blank(len(self.row))
        for i, decision in enumerate(self.run.decisions):
            if decision.expected_range is not None:
                ranges.put(i, decision.expected_range)
            for vote in decision.votes:
                mine = columns.get(vote.agent)
                if mine is None:
                    mine = columns[vote.agent] = VoteColumns.blank(len(self.row))
                mine.asked[i], mine.abstained[i] = True, vote.abstained
                mine.direction[i], mine.horizon[i] = vote.direction, vote.horizon_sessions
                mine.confidence[i] = vote.confidence
        return columns, ranges

    def votes(self) -> dict[str, AgentVotes]:
        """Every agent's non-neutral votes as calls over the vote's own horizon, with the counts of the others."""
        out = {}
        for agent, said in self.said.items():
            spoke = said.asked & ~said.abstained
            leant = np.flatnonzero(spoke & (said.direction != 0))
            calls = self.calls(leant, said.direction[leant], said.horizon[leant], said.confidence[leant])
            neutral, abstained = int((spoke & (said.direction == 0)).sum()), int((said.asked & said.abstained).sum())
            out[agent] = AgentVotes(calls, neutral, abstained)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class AgentVotes:
    """One agent's votes of a run: the calls it made, and how often it made none."""

    calls: Calls
    neutral: int
    abstained: int
