"""Which agents were right: the calls that end with a session, of every agent on every ticker, traded or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from lightning_gex.analytics.proof import Score, session_scores
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.events import AgentsJudged
from lightning_gex.core.units import Float64Array1D, Int8Array1D, Int8Array2D
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.feed import SessionUpdate, TickerView
from lightning_gex.engine.perception import Perception

#: Between an agent's name, the way it is judged, and the figure.
SEPARATOR = "|"


@dataclass(frozen=True, slots=True, eq=False)
class _Calls:
    """One ticker's calls of one horizon along time.

    Parameters
    ----------
    direction : (agents, n) of the calls given at a row for this horizon; 0 where there is none.
    rose : (n,) whether the price rose from the entry after a row to the end of the horizon; NaN where unknown.
    base_rate : (n,) how often it did before; NaN where unknown.
    """

    direction: Int8Array2D
    rose: Float64Array1D
    base_rate: Float64Array1D

    @classmethod
    def of(cls, view: TickerView, horizon_sessions: int) -> _Calls:
        votes, bars = view.perception.votes, view.bars
        price = bars.close if view.fill_price is FillPrice.CLOSE else bars.open
        rows = len(votes[0])
        rose = np.full(rows, np.nan)
        first, last = price[1 : rows - horizon_sessions], price[1 + horizon_sessions : rows]
        known = np.isfinite(first) & np.isfinite(last)
        rose[: len(last)] = np.where(known, last > first, np.nan)
        base_rate = view.perception.rises.over(horizon_sessions)
        called = [np.where(v.horizon_sessions == horizon_sessions, v.direction, 0) for v in votes]
        return cls(np.array(called, dtype=np.int8), rose, base_rate)


@dataclass(slots=True)
class Judge:
    """Follows every call to the end of its own horizon, entered as an order would be.

    It keeps no call: the votes of earlier rows are those that were given then. What it keeps are arrays worked out once
    for a perception; where that is a new one, as it is live with each session, anew.
    """

    _perceptions: dict[str, Perception] = field(default_factory=dict)
    _horizons: dict[str, frozenset[int]] = field(default_factory=dict)
    _calls: dict[tuple[str, int], _Calls] = field(default_factory=dict)

    def judgement(
        self, update: SessionUpdate, config: EngineConfig, judged_until: datetime | None
    ) -> list[AgentsJudged]:
        """What goes on record of the calls that end with a session: once, whatever is shown again.

        Parameters
        ----------
        update : the session; after the last one to learn from nothing is judged.
        config : with frozen weights, or without several agents, nothing is either.
        judged_until : the close of the latest session that was judged; None before the first.
        """
        if not (update.learning and config.learn_weights and config.enhancements.multi_agent):
            return []
        if judged_until is not None and judged_until >= update.closed_at:
            return []
        figures = self.figures(update)
        return [AgentsJudged(update.closed_at, figures)] if figures else []

    def figures(self, update: SessionUpdate) -> dict[str, float]:
        """What the calls that end with a session came to: agent, way and figure of ``Score`` -> sum; empty without any.

        Parameters
        ----------
        update : the session; in a universe with members only those are judged.
        """
        views = {t: v for t, v in update.views.items() if update.members is None or t in update.members}
        for ticker, view in views.items():
            self._look_at(ticker, view)
        sums: dict[tuple[str, str], Score] = {}
        for horizon in sorted({h for ticker in views for h in self._horizons[ticker]}):
            self._judge(views, horizon, sums)
        return {
            SEPARATOR.join((agent, way, name)): value
            for (agent, way), score in sums.items()
            for name, value in zip(Score._fields, score, strict=True)
        }

    def _look_at(self, ticker: str, view: TickerView) -> None:
        if self._perceptions.get(ticker) is view.perception:
            return
        for horizon in self._horizons.get(ticker, ()):
            self._calls.pop((ticker, horizon), None)
        horizons = {int(h) for v in view.perception.votes for h in np.unique(v.horizon_sessions)}
        self._perceptions[ticker], self._horizons[ticker] = view.perception, frozenset(horizons)

    def _judge(self, views: dict[str, TickerView], horizon: int, sums: dict[tuple[str, str], Score]) -> None:
        direction: list[Int8Array1D] = []
        rose: list[float] = []
        base_rate: list[float] = []
        agents: tuple[str, ...] = ()
        for ticker, view in views.items():
            row = view.row - 1 - horizon
            if row < 0:
                continue
            calls = self._calls.get((ticker, horizon))
            if calls is None:
                calls = self._calls[ticker, horizon] = _Calls.of(view, horizon)
            up, base = calls.rose.item(row), calls.base_rate.item(row)
            if up == up and base == base:  # neither is NaN
                direction.append(calls.direction[:, row])
                rose.append(up)
                base_rate.append(base)
                agents = tuple(v.agent for v in view.perception.votes)
        if not direction:
            return
        scores = session_scores(np.array(direction).T, np.array(rose), np.array(base_rate), horizon)
        for way, told in (("across", scores.across), ("in_time", scores.in_time)):
            for agent, score in zip(agents, told, strict=True):
                if score.calls > 0.0:
                    before = sums.get((agent, way))
                    sums[agent, way] = score if before is None else before.plus(score)
