"""Files are written whole or not at all, and the audit key is never silently replaced."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightning_gex.adapters.storage.workspace_files import (
    PRIVATE,
    READABLE,
    create_exclusively,
    load_or_create_audit_key,
    read_private,
    replace_together,
    write_atomically,
)
from lightning_gex.core.errors import IntegrityError, StoreError


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_is_replaced_whole_with_the_mode_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_atomically(path, b"old", PRIVATE)
    assert _mode(path) == 0o600
    write_atomically(path, iter([b"ne", b"w"]), READABLE)
    assert path.read_bytes() == b"new"
    assert _mode(path) == 0o644
    assert _names(tmp_path) == ["report.html"]


def test_a_failure_half_way_leaves_the_old_file_and_no_scratch(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_atomically(path, b"old")

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the power fails here")

    with pytest.raises(RuntimeError):
        write_atomically(path, pieces())
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["report.html"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/x cannot be written: No such file"):
        write_atomically(tmp_path / "nowhere" / "x", b"")


def test_a_folder_in_the_way_is_named_and_no_scratch_stays(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        write_atomically(tmp_path / "x", b"data")
    assert _names(tmp_path) == ["x"]


def test_files_that_belong_together_are_written_into_a_new_folder_and_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    replace_together(folder, {"one": b"1", "two": iter([b"2", b"2"])})
    (folder / "mine").write_bytes(b"keep")
    replace_together(folder, {"one": b"new"}, PRIVATE)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"one": b"new", "two": b"22", "mine": b"keep"}
    assert (_mode(folder / "one"), _mode(folder / "two")) == (0o600, 0o644)


def test_a_failure_in_one_of_many_leaves_every_old_file_and_no_scratch(tmp_path: Path) -> None:
    replace_together(tmp_path, {"one": b"old", "two": b"old"})

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the power fails here")

    with pytest.raises(RuntimeError):
        replace_together(tmp_path, {"one": b"new", "two": pieces()})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"old", "two": b"old"}


def test_of_many_the_one_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    with pytest.raises(StoreError, match=r"two cannot be written: Is a directory"):
        replace_together(tmp_path, {"one": b"1", "two": b"2"})
    assert sorted(_names(tmp_path)) == ["one", "two"]
    with pytest.raises(StoreError, match=r"one/deeper cannot be made: Not a directory"):
        replace_together(tmp_path / "one" / "deeper", {"three": b"3"})


def test_of_many_that_create_a_file_exactly_one_does(tmp_path: Path) -> None:
    path = tmp_path / "once"
    created: list[int] = []

    def attempt(number: int) -> None:
        if create_exclusively(path, f"{number}".encode()):
            created.append(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(created) == 1
    assert path.read_bytes() == f"{created[0]}".encode()
    assert _names(tmp_path) == ["once"]


def test_the_audit_key_is_made_once_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    key = load_or_create_audit_key(path, journal_exists=False)
    assert len(key) == 32
    assert _mode(path) == 0o600
    assert load_or_create_audit_key(path, journal_exists=True) == key
    assert load_or_create_audit_key(tmp_path / "other.key", journal_exists=False) != key


def test_a_missing_key_beside_a_journal_is_refused_and_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    with pytest.raises(IntegrityError, match="restore it from your backup"):
        load_or_create_audit_key(path, journal_exists=True)
    assert not path.exists()


@pytest.mark.parametrize("held", [b"", b"abc\n", b"00" * 31, b"\xff\xfe" * 40, b"zz" * 32])
def test_a_file_that_holds_no_key_is_refused_without_showing_it(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "audit.key"
    write_atomically(path, held, PRIVATE)
    with pytest.raises(IntegrityError) as caught:
        load_or_create_audit_key(path, journal_exists=True)
    assert str(caught.value) == f"{path} does not hold an audit key: restore it from your backup"


def test_a_private_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    load_or_create_audit_key(path, journal_exists=False)
    path.chmod(0o640)
    with pytest.raises(StoreError, match="chmod 600"):
        load_or_create_audit_key(path, journal_exists=False)


def test_a_private_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="gone cannot be read: No such file"):
        read_private(tmp_path / "gone")


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800"])
def test_a_name_that_the_system_does_not_know_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="no such name"):
        write_atomically(Path(name), b"x")
    assert list(tmp_path.iterdir()) == []
