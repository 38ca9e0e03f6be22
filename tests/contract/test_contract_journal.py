"""What every journal store must do, on SQLite and on PostgreSQL."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select, update

from builders_events import AT, marked, run_started, same, some_events
from lightning_gex.adapters.storage.anchor_file import AnchorFile
from lightning_gex.adapters.storage.codec import encode
from lightning_gex.adapters.storage.database import reading, writing
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.raw import Transaction
from lightning_gex.adapters.storage.schema import JOURNAL
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import InputError, IntegrityError, SettingsError, StoreError
from lightning_gex.core.events import AuditNoted, Event, Marked, RunStarted, WeightChanged
from lightning_gex.security.redaction import Redactor

KEY = bytes(range(32))
Open = Callable[..., SqlJournal]


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "journal.anchor"


@pytest.fixture
def journal(engine: Engine, anchor: Path) -> Open:
    """Opens the journal, as often as wanted."""

    def again(run_id: str = "run-1", key: bytes = KEY, **more: Any) -> SqlJournal:
        return SqlJournal(engine, run_id, key, anchor, **more)

    return again


def _tamper(engine: Engine, statement: Any) -> None:
    with writing(engine) as connection:
        connection.execute(statement)


def _stored(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(JOURNAL)).scalar_one())


def test_what_is_appended_is_read_back_in_order_with_its_run(journal: Open) -> None:
    events = some_events()
    first, second = journal("a"), journal("b")
    first.append(events[:2])
    second.append(events[2:4])
    first.append(events[4:])
    records = list(first.read())
    assert [record.sequence for record in records] == [1, 2, 3, 4, 5]
    assert [record.run_id for record in records] == ["a", "a", "b", "b", "a"]
    assert all(same(record.event, event) for record, event in zip(records, events, strict=True))
    assert [record.sequence for record in first.read("b")] == [3, 4]
    assert list(first.read("never")) == []
    assert first.verify() == second.verify() == 5


def test_an_empty_journal_verifies_and_appending_nothing_writes_nothing(journal: Open, engine: Engine) -> None:
    empty = journal()
    empty.append([])
    assert empty.verify() == 0
    assert _stored(engine) == 0
    assert empty.runs() == []


def test_more_records_than_one_batch_are_read_and_recovered_once_each(journal: Open, anchor: Path) -> None:
    grouped = journal(group_size=5_000)
    before = anchor.read_bytes()
    grouped.append([marked(number) for number in range(4_100)])
    assert [record.sequence for record in grouped.read("run-1")] == list(range(1, 4_101))
    anchor.write_bytes(before)
    journal()
    assert AnchorFile(anchor, KEY).read().count == 4_100


def test_runs_are_listed_oldest_first_with_mode_start_and_count(journal: Open) -> None:
    journal("late").append([marked()])
    journal("early").append([run_started(), marked()])
    listed = journal().runs()
    assert [(run.run_id, run.mode, run.started_at, run.count) for run in listed] == [
        ("late", None, None, 1),
        ("early", RunMode.LIVE, AT, 2),
    ]


def test_a_group_is_kept_back_until_it_is_full_or_flushed(journal: Open, engine: Engine) -> None:
    grouped = journal(group_size=3)
    grouped.append([marked(0)])
    grouped.append([marked(1)])
    assert _stored(engine) == 0
    grouped.append([marked(2), marked(3)])
    assert _stored(engine) == 4
    grouped.append([marked(4)])
    grouped.flush()
    assert _stored(engine) == 5
    grouped.append([marked(5)])
    assert grouped.verify() == 6  # a journal sees its own writes
    with journal("other", group_size=9) as closing:
        closing.append([marked(6)])
    assert _stored(engine) == 7


def test_an_event_that_cannot_be_written_takes_its_whole_append_with_it(journal: Open, engine: Engine) -> None:
    live, grouped = journal(), journal(group_size=2)
    for one in (live, grouped):
        with pytest.raises(InputError):
            one.append([marked(), WeightChanged(AT, "a", math.inf, "r")])
    grouped.append([marked()])
    grouped.flush()
    assert _stored(engine) == 1


def test_after_a_failed_write_the_same_events_can_be_appended_once_more(
    journal: Open, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = journal()

    def full(*_: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "many", full)
        with pytest.raises(StoreError):
            live.append([marked()])
    live.append([marked()])
    assert live.verify() == _stored(engine) == 1


def test_two_journals_of_one_store_extend_one_chain_in_turn(journal: Open, opened: Any, anchor: Path) -> None:
    here, there = journal("here"), SqlJournal(opened(), "there", KEY, anchor)
    for number in range(10):
        (here, there)[number % 2].append([marked(number)])
    assert here.verify() == there.verify() == 10


_APPENDING = """
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.core.events import Marked
url, anchor, run_id, count = sys.argv[1:]
journal = SqlJournal(open_database(url, busy_timeout_ms=60_000), run_id, bytes(range(32)), Path(anchor))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(count)):
    journal.append([Marked(datetime(2024, 1, 2, tzinfo=UTC), Decimal(number), Decimal(0))])
"""


def test_two_processes_that_append_at_once_leave_one_sound_chain(store_url: str, journal: Open, anchor: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _APPENDING, store_url, str(anchor), run_id, "40"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for run_id in ("a", "b")
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.communicate("go\n", timeout=60)
    assert [child.returncode for child in children] == [0, 0]
    after = journal()
    assert after.verify() == 80
    assert {(run.run_id, run.count) for run in after.runs()} == {("a", 40), ("b", 40)}
    for run_id in ("a", "b"):
        equities = [record.event.equity for record in after.read(run_id) if isinstance(record.event, Marked)]
        assert equities == list(range(40))


@pytest.mark.parametrize("column", ["run_id", "kind", "at", "payload", "previous", "digest"])
def test_a_change_to_any_column_is_found_and_named(journal: Open, engine: Engine, column: str) -> None:
    sound = journal()
    sound.append([marked(number) for number in range(4)])
    changed = JOURNAL.c[column] + "0"
    _tamper(engine, update(JOURNAL).where(JOURNAL.c.sequence == 2).values({column: changed}))
    with pytest.raises(IntegrityError, match="record 2 "):
        sound.verify()
    with pytest.raises(IntegrityError, match="record 2 "):
        list(sound.read())


def test_one_flipped_bit_of_a_payload_is_found_and_named(journal: Open, engine: Engine) -> None:
    sound = journal()
    sound.append([marked(number) for number in range(3)])
    payload = encode(marked(1))
    for at in range(0, len(payload), 7):
        flipped = payload[:at] + chr(ord(payload[at]) ^ 1) + payload[at + 1 :]
        _tamper(engine, update(JOURNAL).where(JOURNAL.c.sequence == 2).values(payload=flipped))
        with pytest.raises(IntegrityError, match="record 2 was altered"):
            sound.verify()
    _tamper(engine, update(JOURNAL).where(JOURNAL.c.sequence == 2).values(payload=payload))
    assert sound.verify() == 3


def test_two_swapped_records_are_found_and_named(journal: Open, engine: Engine) -> None:
    sound = journal()
    sound.append([marked(number) for number in range(5)])
    with writing(engine) as connection:
        for old, new in ((2, -1), (4, 2), (-1, 4)):
            connection.execute(update(JOURNAL).where(JOURNAL.c.sequence == old).values(sequence=new))
    with pytest.raises(IntegrityError, match="record 2 does not follow the record before it"):
        sound.verify()
    with pytest.raises(IntegrityError, match="record 2 was altered"):
        list(sound.read())


@pytest.mark.parametrize("gone", [1, 3])
def test_a_removed_record_is_found_and_named(journal: Open, engine: Engine, gone: int) -> None:
    sound = journal()
    sound.append([marked(number) for number in range(5)])
    _tamper(engine, delete(JOURNAL).where(JOURNAL.c.sequence == gone))
    with pytest.raises(IntegrityError, match=f"record {gone} is missing or out of place"):
        sound.verify()


def test_an_inserted_record_without_the_key_is_found_and_named(journal: Open, engine: Engine) -> None:
    sound = journal()
    sound.append([marked()])
    with reading(engine) as connection:
        row = dict(connection.execute(JOURNAL.select()).mappings().one())
    _tamper(engine, JOURNAL.insert().values(row | {"sequence": 2, "previous": row["digest"], "digest": "f" * 64}))
    for find in (sound.verify, journal):
        with pytest.raises(IntegrityError, match="record 2 was altered"):
            find()


@pytest.mark.parametrize("cut_after", [0, 1, 4])
def test_a_cut_tail_is_found_at_once_by_every_way_in(journal: Open, engine: Engine, cut_after: int) -> None:
    sound = journal()
    sound.append([marked(number) for number in range(5)])
    _tamper(engine, delete(JOURNAL).where(JOURNAL.c.sequence > cut_after))
    for find in (sound.verify, journal, lambda: sound.append([marked()])):
        with pytest.raises(IntegrityError, match=f"record {cut_after + 1} is missing"):
            find()
    assert _stored(engine) == cut_after


def test_a_cut_tail_that_was_written_anew_without_the_key_is_found(journal: Open, engine: Engine) -> None:
    sound = journal()
    sound.append([marked(number) for number in range(3)])
    _tamper(engine, update(JOURNAL).where(JOURNAL.c.sequence == 3).values(digest="e" * 64))
    for find in (journal, lambda: sound.append([marked()])):
        with pytest.raises(IntegrityError, match="record 3 is not the one that was written"):
            find()


def test_a_committed_tail_that_the_anchor_missed_is_accepted_and_anchored(
    journal: Open, engine: Engine, anchor: Path
) -> None:
    journal().append([marked(0)])
    before = anchor.read_bytes()
    journal().append([marked(1), marked(2)])
    anchor.write_bytes(before)  # the power failed between the commit and the anchor
    assert AnchorFile(anchor, KEY).read().count == 1
    recovered = journal()
    assert AnchorFile(anchor, KEY).read().count == 3
    recovered.append([marked(3)])
    assert recovered.verify() == 4
    _tamper(engine, delete(JOURNAL).where(JOURNAL.c.sequence > 2))
    with pytest.raises(IntegrityError, match="record 3 is missing"):
        journal()


def test_an_unanchored_tail_without_the_key_is_not_accepted(journal: Open, engine: Engine, anchor: Path) -> None:
    journal().append([marked(0)])
    before = anchor.read_bytes()
    journal().append([marked(1), marked(2)])
    anchor.write_bytes(before)
    _tamper(engine, update(JOURNAL).where(JOURNAL.c.sequence == 3).values(payload=encode(marked(9))))
    with pytest.raises(IntegrityError, match="record 3 was altered"):
        journal()
    assert anchor.read_bytes() == before


def test_a_missing_anchor_beside_a_journal_is_refused_and_none_is_made(journal: Open, anchor: Path) -> None:
    sound = journal()
    sound.append([marked()])
    anchor.unlink()
    with pytest.raises(IntegrityError, match="missing while there is a journal"):
        journal()
    assert not anchor.exists()
    with pytest.raises(StoreError, match=r"what was journaled is safe"):
        sound.append([marked()])


def test_another_key_opens_nothing(journal: Open) -> None:
    journal().append([marked()])
    with pytest.raises(IntegrityError, match="the audit key is not the one"):
        journal(key=bytes(32))


def test_secrets_are_hidden_before_they_reach_the_store(journal: Open, engine: Engine) -> None:
    canary, registered = "canary-by-name-81", "canary-by-value-92"
    careful = journal(redactor=Redactor([registered]))
    events: list[Event] = [
        RunStarted(AT, RunMode.LIVE, Decimal(1), {"master_password": canary, "note": f"x {registered} y"}),
        AuditNoted(AT, f"stored {registered}", {"api_key": canary, "broker": "thinkorswim"}),
    ]
    careful.append(events)
    with reading(engine) as connection:
        rows = str(connection.execute(JOURNAL.select()).all())
    assert canary not in rows
    assert registered not in rows
    assert "thinkorswim" in rows
    note = list(careful.read())[1].event
    assert isinstance(note, AuditNoted)
    assert note.detail == {"api_key": "[hidden]", "broker": "thinkorswim"}


def test_neither_repr_nor_errors_show_the_key(journal: Open, anchor: Path, engine: Engine) -> None:
    sound = journal()
    sound.append([marked()])
    _tamper(engine, delete(JOURNAL))
    with pytest.raises(IntegrityError) as caught:
        sound.verify()
    for text in (repr(sound), repr(AnchorFile(anchor, KEY)), repr(caught.value), anchor.read_text()):
        assert KEY.hex() not in text
        assert repr(KEY)[2:-1] not in text


@pytest.mark.parametrize("more", [{"run_id": ""}, {"run_id": "a\x00b"}, {"group_size": 0}, {"anchor_sync_every": 0}])
def test_a_setting_that_cannot_work_is_refused(journal: Open, more: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        journal(**more)
