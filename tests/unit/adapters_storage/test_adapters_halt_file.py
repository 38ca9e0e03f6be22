"""The kill switch: what is not plainly "running" is a halt."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.core.errors import RefusedError, StoreError
from lightning_gex.core.halt import Halt


@pytest.fixture
def flag(tmp_path: Path) -> HaltFile:
    made = HaltFile(tmp_path / "halt.flag")
    made.create()
    return made


def test_a_new_flag_says_running_is_private_and_of_one_page(flag: HaltFile) -> None:
    assert flag.read() is None
    assert flag.path.stat().st_size == 4_096
    assert flag.path.stat().st_mode & 0o777 == 0o600


def test_pulling_it_overwrites_the_same_file_and_keeps_its_size(flag: HaltFile) -> None:
    inode = flag.path.stat().st_ino
    flag.set("Ada", "prices look wrong", flatten=False)
    assert flag.read() == Halt("Ada", "prices look wrong", False)
    assert (flag.path.stat().st_ino, flag.path.stat().st_size) == (inode, 4_096)
    assert [p.name for p in flag.path.parent.iterdir()] == ["halt.flag"]


def test_it_is_lifted_by_a_person_with_a_reason_only(flag: HaltFile) -> None:
    with pytest.raises(RefusedError, match="not halted"):
        flag.lift("Ada", "over")
    flag.set("Ada", "drill", flatten=True)
    for by, reason in (("", "over"), ("Ada", " ")):
        with pytest.raises(RefusedError, match="say who"):
            flag.lift(by, reason)
    flag.lift("Grace", "drill over")
    assert flag.read() is None
    assert flag.lifted_by() == ("Grace", "drill over")


def test_a_wish_to_flatten_outlives_a_second_halt_without_it(flag: HaltFile) -> None:
    flag.set("Ada", "first", flatten=True)
    flag.set("Grace", "second", flatten=False)
    assert flag.read() == Halt("Grace", "second", True)


def test_making_it_again_does_not_lift_a_halt(flag: HaltFile) -> None:
    flag.set("Ada", "drill", flatten=False)
    flag.create()
    assert flag.read() is not None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"running", b"{}", b'{"format": "lightning-gex halt 1"}', b'{"format": "x", "halted": false}', b"[]"],
)
def test_a_flag_that_holds_anything_else_is_a_halt(flag: HaltFile, content: bytes) -> None:
    flag.path.write_bytes(content)
    halt = flag.read()
    assert halt is not None
    assert halt.by == "the system"
    assert not halt.flatten


@pytest.mark.parametrize("word", [b'"yes"', b"0", b"null", b'"false"', b"[]"])
def test_a_flag_whose_word_is_no_truth_value_is_a_halt(flag: HaltFile, word: bytes) -> None:
    flag.path.write_bytes(b'{"format": "lightning-gex halt 1", "halted": ' + word + b"}")
    assert flag.read() is not None


def test_a_missing_flag_is_a_halt_that_a_person_can_lift(flag: HaltFile) -> None:
    flag.path.unlink()
    assert flag.read() is not None
    flag.lift("Ada", "it was deleted by mistake")
    assert flag.read() is None


@given(st.integers(0, 120), st.integers(0, 7))
def test_no_flipped_bit_of_a_halt_lets_trading_go_on(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    flag = HaltFile(tmp_path_factory.mktemp("flag") / "halt.flag")
    flag.set("Ada", "drill", flatten=True)
    page = bytearray(flag.path.read_bytes())
    page[at] ^= 1 << bit
    flag.path.write_bytes(bytes(page))
    assert flag.read() is not None


@pytest.mark.parametrize("text", ["x" * 10_000, "\U0001f6d1" * 5_000, 'quote " and \\ and \n line'])
def test_any_name_and_reason_fit_the_page(flag: HaltFile, text: str) -> None:
    flag.set(text, text, flatten=False)
    halt = flag.read()
    assert halt is not None
    assert text.startswith(halt.reason)
    assert flag.path.stat().st_size == 4_096


def test_where_the_page_cannot_be_written_the_flag_is_removed_which_is_a_halt(
    flag: HaltFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lightning_gex.adapters.halt_file.os.write", full)
    flag.set("Ada", "drill", flatten=False)
    assert not flag.path.exists()
    assert flag.read() is not None


def test_where_nothing_works_it_says_so(flag: HaltFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("lightning_gex.adapters.halt_file.os.open", read_only)
    monkeypatch.setattr("pathlib.Path.unlink", read_only)
    with pytest.raises(StoreError, match="stop the program"):
        flag.set("Ada", "drill", flatten=False)


def test_half_a_character_in_a_name_or_reason_does_not_keep_it_from_being_pulled(flag: HaltFile) -> None:
    flag.set("Ada \udcff", "fire \ud800", flatten=False)
    assert flag.read() == Halt("Ada ?", "fire ?", False)


def test_a_page_that_is_nested_beyond_reason_is_a_halt(flag: HaltFile) -> None:
    flag.path.write_bytes(b"[" * 8_000)
    found = flag.read()
    assert found is not None
    assert "cannot be read" in found.reason
    assert flag.lifted_by() == ("", "")
