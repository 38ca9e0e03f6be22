"""The journal of a history: nothing finished is lost, a torn line is cut off, one builder at a time."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.storage.history_journal import FileRecord, open_journal
from lightning_gex.core.errors import RefusedError, StoreError

NAN = float("nan")
ROW = {
    "underlying": "SPX",
    "session": date(2024, 6, 3),
    "as_of": datetime(2024, 6, 3, 19, 45, tzinfo=UTC),
    "spot": 5283.4,
    "zero_gamma": NAN,
    "straddle_expiry": None,
    "contracts_used": 7,
    "modelled": False,
}


def record(name: str = "a.csv", **changed: object) -> FileRecord:
    values = {
        "path": f"/chains/{name}",
        "name": name,
        "size": 10,
        "modified_ns": 20,
        "content_hash": "ab" * 32,
        "made_with": "1/naive/1/",
        "underlying": "SPX",
        "rows": (ROW,),
        "program": "0.1.0",
    }
    return FileRecord(**{**values, **changed})


def same(one: FileRecord, other: FileRecord) -> bool:
    return repr(one) == repr(other)  # NaN equals itself in words


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.parquet.journal"


def kept(path) -> list[FileRecord]:
    with open_journal(path) as journal:
        return list(journal.records.values())


def test_what_was_appended_is_there_again_to_the_last_digit(path):
    with open_journal(path) as journal:
        journal.append(record())
        journal.append(record("b.csv", rows=(), problem="the file is empty"))
    first, second = kept(path)
    assert same(first, record())
    assert second.problem == "the file is empty"


def test_the_latest_record_of_a_file_counts(path):
    with open_journal(path) as journal:
        journal.append(record(size=1))
        journal.append(record(size=2))
    assert [r.size for r in kept(path)] == [2]


@given(cut=st.integers(0, 10_000))
def test_a_journal_cut_anywhere_loses_the_torn_line_and_goes_on(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "journal"
    with open_journal(path) as journal:
        for name in ("a", "b", "c"):
            journal.append(record(name))
    data = path.read_bytes()
    path.write_bytes(data[: cut % (len(data) + 1)])
    whole = max(path.read_bytes().count(b"\n") - 1, 0)
    with open_journal(path) as journal:
        assert len(journal.records) == whole
        journal.append(record("d"))
    assert [r.name for r in kept(path)] == [*"abc"[:whole], "d"]


@pytest.mark.parametrize(
    "damaged", [b"{}\n", b"not json\n", b'{"path": 3}\n', b"[]\n", b'{"path":"a","rows":{}}\n', b"\xff\n"]
)
def test_a_damaged_line_is_named_with_what_to_do(path, damaged):
    with open_journal(path) as journal:
        journal.append(record())
    path.write_bytes(path.read_bytes() + damaged)
    with pytest.raises(StoreError, match=r"line 3 is damaged .*delete the file"):
        kept(path)


def test_another_file_in_its_place_is_left_alone(path):
    path.write_text("my notes\n")
    with pytest.raises(StoreError, match="line 1 is damaged"):
        kept(path)
    assert path.read_text() == "my notes\n"


def test_a_second_builder_is_refused_until_the_first_ends(path):
    script = (
        "import sys; from pathlib import Path\n"
        "from lightning_gex.adapters.storage.history_journal import open_journal\n"
        "from lightning_gex.core.errors import RefusedError\n"
        "try:\n"
        "    with open_journal(Path(sys.argv[1])): print('open')\n"
        "except RefusedError as error: print(error)\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with open_journal(path):
        held = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "another process is building this history" in held
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "open\n"
    with open_journal(path), pytest.raises(RefusedError), open_journal(path):
        pass


def test_forgotten_files_are_gone_once_the_journal_is_written_anew(path):
    with open_journal(path) as journal:
        for i in range(6):
            journal.append(record("a", size=i))
        journal.append(record("b"))
        journal.forget({"/chains/b"})
        journal.compact()
    assert [(r.name, r.size) for r in kept(path)] == [("a", 5)]
    assert path.read_bytes().count(b"\n") == 2


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="cannot be written"), open_journal(tmp_path / "no" / "journal"):
        pass


def test_a_journal_holds_its_header_before_the_first_record(path):
    with open_journal(path):
        header = path.read_bytes()
    assert header.count(b"\n") == 1
    assert header.startswith(b'{"history_journal":')
    assert kept(path) == []
    assert path.read_bytes() == header
