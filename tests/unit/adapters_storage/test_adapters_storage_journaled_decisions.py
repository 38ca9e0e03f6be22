"""A run's decisions are read back whole from its journal, and only its own, and only those that were counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from builders_events import AT, decided, marked, same
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.journaled_decisions import JournaledDecisions
from lightning_gex.core.decision import Decision
from lightning_gex.core.errors import StoreError
from lightning_gex.core.events import DecisionMade

COUNT = 9


def made(number: int) -> Decision:
    """Three decisions a moment."""
    return replace(decided(number), as_of=AT + timedelta(days=number // 3))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    engine = open_database(tmp_path / "lightning.db")
    with SqlJournal(engine, "run", bytes(32), tmp_path / "journal.anchor", group_size=4) as opened:
        yield opened
    engine.dispose()


def filled(journal: SqlJournal, first_counted: int = 0) -> tuple[JournaledDecisions, list[Decision]]:
    whole = [made(number) for number in range(COUNT)]
    kept = JournaledDecisions(journal)
    for number, decision in enumerate(whole):
        journal.append([DecisionMade(decision.as_of, decision), marked(number)])
        if number >= first_counted:
            kept.append(decision)
    return kept, whole[first_counted:]


@pytest.mark.parametrize("first_counted", [0, 4, COUNT])
def test_decisions_come_back_whole_by_number_by_slice_and_in_either_order(journal, first_counted):
    kept, whole = filled(journal, first_counted)
    count = len(whole)
    assert len(kept) == len(kept.outlines) == count
    assert same(tuple(kept), tuple(whole))
    assert same(tuple(reversed(kept)), tuple(reversed(whole)))
    assert same(tuple(kept[at] for at in range(-count, count)), (*whole, *whole))
    for some in (slice(1, -1, 2), slice(None, None, -1), slice(-2, 1, -3), slice(3, 3), slice(5, 2)):
        assert same(tuple(kept[some]), tuple(whole[some])), some
    for beyond in (count, -count - 1):
        with pytest.raises(IndexError):
            kept[beyond]


def test_another_run_of_the_same_journal_is_passed_over(journal, tmp_path):
    kept, whole = filled(journal)
    engine = open_database(tmp_path / "lightning.db")
    with SqlJournal(engine, "other", bytes(32), tmp_path / "journal.anchor") as other:
        other.append([DecisionMade(AT, replace(made(0), entry_price=1.0))])
    engine.dispose()
    assert same(tuple(kept), tuple(whole))
    assert repr(kept) == f"JournaledDecisions({COUNT} decisions of 'run')"


def test_a_decision_that_the_journal_lacks_is_missed_by_its_name(journal):
    kept, _ = filled(journal)
    lost = made(COUNT)
    kept.append(lost)
    with pytest.raises(StoreError, match=f"no longer holds decision {lost.decision_id} of run"):
        tuple(kept)
    with pytest.raises(StoreError, match=lost.decision_id):
        kept[-1]
