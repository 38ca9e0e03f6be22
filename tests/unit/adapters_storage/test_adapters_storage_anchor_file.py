"""The anchor file: torn writes, other processes and damage."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lightning_gex.adapters.storage.anchor_file import AnchorFile
from lightning_gex.core.errors import IntegrityError, StoreError
from lightning_gex.security.audit_chain import GENESIS

KEY = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.anchor"


@pytest.fixture
def anchor(path: Path) -> AnchorFile:
    made = AnchorFile(path, KEY)
    made.create()
    return made


def _head(count: int) -> str:
    return f"{count:064x}"


def test_a_new_anchor_is_private_and_at_the_beginning(anchor: AnchorFile, path: Path) -> None:
    assert (anchor.read().count, anchor.read().head) == (0, GENESIS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_creating_it_again_changes_nothing(anchor: AnchorFile) -> None:
    anchor.advance(3, _head(3), sync=False)
    anchor.create()
    assert anchor.read().count == 3


@pytest.mark.parametrize("sync", [True, False])
def test_it_holds_the_furthest_point_and_the_one_before(anchor: AnchorFile, path: Path, sync: bool) -> None:
    for count in (1, 2, 3, 8, 10):  # steps of one and of groups
        anchor.advance(count, _head(count), sync=sync)
        assert (anchor.read().count, anchor.read().head) == (count, _head(count))
    data = path.read_bytes()
    torn = [data[:512] + bytes(512), bytes(512) + data[512:]]
    counts = []
    for version in torn:
        path.write_bytes(version)
        counts.append(anchor.read().count)
    assert sorted(counts) == [8, 10]


def test_a_slower_process_does_not_take_it_back(anchor: AnchorFile) -> None:
    anchor.advance(7, _head(7), sync=False)
    for count in (5, 6, 5):
        anchor.advance(count, _head(count), sync=True)
    assert anchor.read().count == 7


@pytest.mark.parametrize("data", [b"", b"x" * 1024, bytes(1024), b'{"count": 1}'.ljust(1024)])
def test_a_file_without_a_sound_slot_is_refused(anchor: AnchorFile, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    for ask in (anchor.read, lambda: anchor.advance(1, _head(1), sync=False)):
        with pytest.raises(IntegrityError, match="altered"):
            ask()
    assert path.read_bytes() == data


def test_a_raised_count_is_not_believed(anchor: AnchorFile, path: Path) -> None:
    anchor.advance(1, _head(1), sync=False)
    path.write_bytes(path.read_bytes().replace(b'"count": 1', b'"count": 9'))
    assert anchor.read().count == 0


def test_an_anchor_under_another_key_is_refused(anchor: AnchorFile, path: Path) -> None:
    with pytest.raises(IntegrityError, match="audit key"):
        AnchorFile(path, bytes(32)).read()


def test_a_vanished_anchor_is_not_made_anew(anchor: AnchorFile, path: Path) -> None:
    path.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        anchor.read()
    with pytest.raises(StoreError, match="cannot be written"):
        anchor.advance(1, _head(1), sync=False)
    assert not path.exists()
