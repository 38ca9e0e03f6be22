"""Messages: one line that any terminal can show, whatever went into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.errors import (
    LONGEST_MESSAGE,
    InputError,
    LightningError,
    RefusedError,
    SettingsError,
    one_line,
    shown,
)


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


@given(st.text())
def test_every_error_is_one_short_line_that_steers_no_terminal(text: str) -> None:
    for error in (LightningError(text), RefusedError(text), InputError(text, source=text, row=text, field=text)):
        said = str(error)
        assert len(said.splitlines()) <= 1
        assert said.isprintable()
        assert len(said) <= LONGEST_MESSAGE


def test_an_error_names_its_place_whatever_was_given_for_it() -> None:
    assert (
        str(InputError("is no price", source="a.csv", row=3, field="close"))
        == "a.csv, row 3, field 'close': is no price"
    )
    assert str(InputError("is no price", source=7)) == "7: is no price"  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [pytest.param(10**5_000, id="huge"), pytest.param(Unshowable(), id="unshowable")])
def test_an_error_can_be_shown_whatever_was_given_for_its_parts(value: object) -> None:
    said = str(InputError(value, source=value, row=value, field=value))  # type: ignore[arg-type]
    assert said.count("a value of type") == 4
    assert said.startswith("a value of type")
    assert ", row a value of type" in said


def test_an_escape_of_a_terminal_is_shown_and_not_sent() -> None:
    assert str(SettingsError("\x1b[31mred\u202e")) == "\\x1b[31mred\\u202e"


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    said = one_line("begin " + "x" * 10_000 + " end")
    assert said.startswith("begin ")
    assert said.endswith(" end")
    assert len(said) <= LONGEST_MESSAGE


@pytest.mark.parametrize(
    "value", [pytest.param(10**5_000, id="huge"), Unshowable(), "two\nlines", b"\xff", None, [1] * 1_000]
)
def test_any_value_can_be_shown(value: object) -> None:
    said = shown(value)
    assert said.isprintable()
    assert 0 < len(said) <= 100
