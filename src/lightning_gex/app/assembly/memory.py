"""The account's memory for those who look at it: shown, asked, told how it did, taken out and brought in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore
from lightning_gex.app.assembly.wiring import Stores, new_run_id
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InsufficientDataError, RefusedError, SettingsError
from lightning_gex.core.events import AuditNoted
from lightning_gex.core.patterns import Pattern, RecallFilter
from lightning_gex.engine.learning import Reliability, learnt_from
from lightning_gex.memory.confidence import ConfidenceAdjustment, MemoryConfig, adjust_confidence
from lightning_gex.memory.performance import PerformanceGroup, PerformanceRow, performance
from lightning_gex.memory.say import MemorySay


@dataclass(frozen=True, slots=True)
class MemoryOverview:
    """What the account remembers.

    Parameters
    ----------
    signals, resolved, won : how many are remembered, have a known outcome, made money.
    say : what became of memory's advice.
    reliability : agent (and ``Consensus``) -> how its probabilities compare with what came.
    recent : the latest signals, newest first.
    """

    signals: int
    resolved: int
    won: int
    say: MemorySay
    reliability: dict[str, Reliability]
    recent: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """A similar past signal: how alike, and what it was and became."""

    similarity: float
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class SimilarSetups:
    """What memory recalls for a signal.

    Parameters
    ----------
    asked : the signal that was asked about.
    as_of : the moment of asking; nothing that was known later counts.
    resolved : how many resolved signals the answer could come from.
    setups : most similar first.
    advice : what memory makes of them.
    """

    asked: Pattern
    as_of: datetime
    resolved: int
    setups: tuple[Setup, ...]
    advice: ConfidenceAdjustment


def memory_overview(workspace: Workspace, *, ticker: str | None = None) -> MemoryOverview:
    """What the account remembers, and how reliable it and the agents were; of one ticker where it is named."""
    with _opened(workspace) as store:
        signals, resolved, won = store.counts()
        say = store.say(as_of=SystemClock().now())
        reliability = learnt_from(store.patterns()).reliable(ticker=ticker)
        recent = store.recent(workspace.settings.memory.recent_signals)
    shown = tuple(p for p in recent if ticker in (None, p.ticker))
    return MemoryOverview(signals, resolved, won, say, reliability, shown)


def similar_signals(
    workspace: Workspace,
    *,
    signal: str | None,
    ticker: str | None,
    count: int,
    as_of: datetime | None,
    wanted: RecallFilter | None,
) -> SimilarSetups:
    """The past signals most similar to a remembered one.

    Parameters
    ----------
    workspace : the account's.
    signal : its id; None takes the latest signal, of ``ticker`` where that is named.
    ticker : see ``signal``.
    count : how many at most, positive.
    as_of : aware, the moment of asking; None takes the signal's own, so that the answer is what was known then.
    wanted : which signals may answer; None: all.

    Raises
    ------
    RefusedError : an unknown id.
    InsufficientDataError : nothing is remembered yet.
    """
    config = MemoryConfig(**workspace.settings.memory.model_dump())
    with _opened(workspace) as store:
        asked = _asked(store, signal, ticker)
        moment = asked.as_of if as_of is None else as_of
        ask = partial(
            store.recall,
            ticker=asked.ticker,
            direction=asked.direction,
            vector=asked.vector,
            as_of=moment,
            wanted=wanted,
        )
        found = ask(count=count + 1)  # asked about later, it finds itself
        pairs = zip(found.pattern_id, found.similarity.tolist(), strict=True)
        others = [(name, alike) for name, alike in pairs if name != asked.pattern_id][:count]
        patterns = {name: store.find(name) for name, _ in others}
        before = asked.confidence_before_memory
        advice = adjust_confidence(
            before if math.isfinite(before) else asked.confidence,
            ask(count=config.neighbours),
            base_rate=store.base_rate(asked.direction, as_of=moment) if asked.base_rate is None else asked.base_rate,
            as_of=moment,
            say=store.say(as_of=moment),
            config=config,
        )
    setups = tuple(Setup(alike, pattern) for name, alike in others if (pattern := patterns[name]) is not None)
    return SimilarSetups(asked, moment, found.resolved_in_book, setups, advice)


def memory_performance(workspace: Workspace, *, as_of: datetime | None) -> tuple[PerformanceRow, ...]:
    """How the account's signals did, by every group (``memory.performance``)."""
    with _opened(workspace) as store:
        return performance(store.patterns(), as_of=as_of)


def performance_groups(names: Sequence[str]) -> frozenset[PerformanceGroup]:
    """The groups of these names; all where none is named. Raises ``SettingsError`` on a name that is none."""
    for name in names:
        if name not in set(PerformanceGroup):
            raise SettingsError(f"--by {name!r} is none of {', '.join(PerformanceGroup)}")
    return frozenset(map(PerformanceGroup, names or PerformanceGroup))


def export_memory(workspace: Workspace, path: Path) -> int:
    """Write every remembered signal to a CSV file, whole or not at all; that this was done goes on record."""
    with _opened(workspace, note="memory_exported", path=path) as store:
        return store.export_csv(path)


def import_memory(workspace: Workspace, path: Path) -> int:
    """Remember the signals of an exported file, all or none: how many were not known yet. It goes on record."""
    with _opened(workspace, note="memory_imported", path=path) as store:
        return store.import_csv(path)


def _asked(store: SqlMemoryStore, signal: str | None, ticker: str | None) -> Pattern:
    if signal is not None:
        found = store.find(signal)
        if found is None:
            raise RefusedError(f"no signal {signal} is remembered: lightning memory show lists the latest")
        return found
    latest = store.latest(ticker)
    if latest is None:
        what = "no signal" if ticker is None else f"no signal of {ticker}"
        raise InsufficientDataError(f"{what} is remembered yet: there is nothing to be similar to")
    return latest


@contextmanager
def _opened(workspace: Workspace, *, note: str | None = None, path: Path | None = None) -> Iterator[SqlMemoryStore]:
    stores = Stores.open(workspace)
    try:
        with stores.naming_the_store():
            if note is not None:
                now = SystemClock().now()
                with stores.journal(new_run_id("memory", now)) as journal:
                    journal.append([AuditNoted(now, note, {"path": str(path)})])
            yield stores.memory()
    finally:
        stores.engine.dispose()
