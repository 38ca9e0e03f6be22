"""A folder takes another's place as one act, and nothing of the other is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightning_gex.adapters.storage import swap_folders
from lightning_gex.adapters.storage.swap_folders import move_into_place
from lightning_gex.core.errors import StoreError


def folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "file").write_text(content)
    return path


@pytest.mark.parametrize("empty", [True, False])
def test_an_absent_or_empty_place_is_taken(tmp_path: Path, empty: bool) -> None:
    new = folder(tmp_path / "new", "new")
    if empty:
        (tmp_path / "place").mkdir()
    move_into_place(new, tmp_path / "place", tmp_path / "aside")
    assert (tmp_path / "place" / "file").read_text() == "new"
    assert {p.name for p in tmp_path.iterdir()} == {"place"}


@pytest.mark.parametrize("at_once", [True, False])
def test_what_was_there_is_moved_aside(tmp_path: Path, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not at_once:  # a system without such an act
        monkeypatch.setattr(swap_folders, "_exchanged", lambda *_: False)
    new, place = folder(tmp_path / "new", "new"), folder(tmp_path / "place", "old")
    move_into_place(new, place, tmp_path / "aside")
    assert (place / "file").read_text() == "new"
    assert (tmp_path / "aside" / "file").read_text() == "old"
    assert not new.exists()


def test_where_it_cannot_be_done_both_stay_where_they_are(tmp_path: Path) -> None:
    place = folder(tmp_path / "place", "old")
    with pytest.raises(StoreError, match="cannot be moved"):
        move_into_place(tmp_path / "absent", place, tmp_path / "aside")
    assert (place / "file").read_text() == "old"
    assert not (tmp_path / "aside").exists()
