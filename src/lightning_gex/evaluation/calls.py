"""Every statement about direction that a run made, beside what the market then did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from lightning_gex.analytics.bootstrap import disjoint_windows
from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Decision
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
        tickers = tuple(sorted({d.ticker for d in run.decisions})) or tuple(sorted(run.bars))
        for name in tickers:
            if name not in run.bars:
                raise InputError(f"{name} was decided upon but the run holds no bars of it", source=run.run_id)
        place = {name: k for k, name in enumerate(tickers)}
        ticker = np.array([place[d.ticker] for d in run.decisions], dtype=np.int64)
        session = sessions_of([d.as_of for d in run.decisions])
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

    def returns_by_date(self, ticker: int, horizon: int) -> Float64Array1D:
        """(m,) the share's return over a horizon after a decision at each session; NaN where it has none."""
        row = self.rows_by_date(ticker)
        out = forward_return(self.bars(ticker), self.fill_price(ticker), row, horizon)
        out[row < 0] = np.nan
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
            for i, d in enumerate(self.run.decisions)
            if d.direction != 0 and d.time_horizon_days >= 1 and wanted(d)
        ]
        which = np.array([p[0] for p in picked], dtype=np.int64)
        direction = np.array([p[1] for p in picked], dtype=np.int8)
        horizon = np.array([p[2] for p in picked], dtype=np.int64)
        confidence = np.array([p[3] for p in picked], dtype=np.float64)
        return self.calls(which, direction, horizon, confidence), which

    def votes(self) -> dict[str, AgentVotes]:
        """Every agent's non-neutral votes as calls over the vote's own horizon, with the counts of the others."""
        picked: dict[str, list[tuple[int, int, int, float]]] = {}
        neutral: dict[str, int] = {}
        abstained: dict[str, int] = {}
        for i, decision in enumerate(self.run.decisions):
            for vote in decision.votes:
                mine = picked.setdefault(vote.agent, [])
                if vote.abstained:
                    abstained[vote.agent] = abstained.get(vote.agent, 0) + 1
                elif vote.direction == 0:
                    neutral[vote.agent] = neutral.get(vote.agent, 0) + 1
                else:
                    mine.append((i, int(vote.direction), vote.horizon_sessions, vote.confidence))
        out = {}
        for agent, rows in picked.items():
            calls = self.calls(
                np.array([r[0] for r in rows], dtype=np.int64),
                np.array([r[1] for r in rows], dtype=np.int8),
                np.array([r[2] for r in rows], dtype=np.int64),
                np.array([r[3] for r in rows], dtype=np.float64),
            )
            out[agent] = AgentVotes(calls, neutral.get(agent, 0), abstained.get(agent, 0))
        return out


@dataclass(frozen=True, slots=True, eq=False)
class AgentVotes:
    """One agent's votes of a run: the calls it made, and how often it made none."""

    calls: Calls
    neutral: int
    abstained: int
