"""The gate at the library's door: what a signature does not take is refused by name, and nothing else is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import ArrayLike

from lightning_gex.core.arguments import check_fields, gated
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D, TimeArray1D


class Named(Protocol):
    name: str

    def act(self) -> int: ...


class Actor:
    name = "an actor"

    def act(self) -> int:
        return 1


@gated
def takes(
    whole: int = 1,
    number: float = 1.0,
    text: str = "a",
    flag: bool = True,
    path: str | Path = "a",
    moment: datetime | None = None,
    day: date = date(2024, 6, 3),
    figures: ArrayLike = 1.0,
    column: Float64Array1D | None = None,
    table: Float64Array2D | None = None,
    told: BoolArray1D | None = None,
    times: TimeArray1D | None = None,
    names: Sequence[str] = (),
    mapping: Mapping[str, int] | None = None,
    named: Named | None = None,
    direction: Direction = Direction.BULLISH,
    anything: Any = None,
) -> str:
    """What it takes."""
    return "taken"


SOUND: dict[str, list[object]] = {
    "whole": [3, np.int64(3)],
    "number": [1, 1.5, np.float32(1.5), float("nan")],
    "text": ["", "Ä"],
    "flag": [False, np.bool_(True)],
    "path": ["a", Path("a")],
    "moment": [None, datetime(2024, 6, 3, tzinfo=UTC)],
    "day": [date(2024, 6, 3)],
    "figures": [1, True, [1.0, 2.0], np.arange(3)],
    "column": [np.arange(3), np.arange(3.0)],
    "table": [np.ones((2, 2))],
    "told": [np.array([True])],
    "times": [np.array(["2024-06-03"], dtype="datetime64[s]")],
    "names": [["a"], ("a", "b"), {"a"}],
    "mapping": [{"a": 1}, {}],
    "named": [Actor()],
    "direction": [Direction.BEARISH],
    "anything": [object(), None],
}
WRONG: dict[str, list[object]] = {
    "whole": [1.0, "1", True, None, 10**400, np.timedelta64(1, "D")],
    "number": ["1", None, True, 1j, 10**400, np.timedelta64(5)],
    "text": [None, 1, b"a", "\ud800", "a" * 10_000],
    "flag": [0, 1, "yes", None],
    "path": [None, 3, b"a"],
    "moment": ["2024-06-03", date(2024, 6, 3), 0],
    "day": ["2024-06-03", None],
    "figures": ["1", None, ["a"], 10**400, 1j, datetime(2024, 6, 3, tzinfo=UTC), [[1.0]]],
    "column": [[1.0], 1.0, np.array(1.0), np.array(["a"]), np.ones((2, 2)), np.array([None])],
    "table": [np.ones(2), [[1.0]]],
    "told": [np.array([1.0]), [True]],
    "times": [np.array([1.0]), "2024-06-03"],
    "names": ["ab", [1], None, b"a"],
    "mapping": [[("a", 1)], 3, {"a": "1"}, {1: 1}],
    "named": [object(), Actor, "an actor"],
    "direction": [1, "bullish"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in SOUND.items() for v in values])
def test_what_the_signature_takes_passes(name: str, value: object) -> None:
    assert takes(**{name: value}) == "taken"  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in WRONG.items() for v in values])
def test_what_it_does_not_take_is_refused_with_the_function_and_the_argument(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=rf"takes: {name} must be .*, not"):
        takes(**{name: value})  # type: ignore[arg-type]


def test_positional_arguments_are_looked_at_too_and_the_function_stays_itself() -> None:
    with pytest.raises(SettingsError, match="number"):
        takes(1, "2")  # type: ignore[arg-type]
    assert (takes.__name__, takes.__doc__) == ("takes", "What it takes.")


def test_a_call_of_another_shape_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="nothing_of_it"):
        takes(nothing_of_it=1)  # type: ignore[call-arg]


def test_a_record_says_which_field_holds_another_kind() -> None:
    @dataclass(frozen=True)
    class Record:
        name: str
        value: float = 1.0

    check_fields(Record("a"))
    with pytest.raises(InputError, match="field 'value': must be a number, not 'x'"):
        check_fields(Record("a", "x"), source="a.csv")  # type: ignore[arg-type]


def test_any_number_becomes_a_plain_float_and_none_stays_none() -> None:
    @gated
    def echoes(number: float | None = None) -> float | None:
        return number

    for value in (3, np.float32(1.5), Fraction(1, 3)):
        found = echoes(value)  # type: ignore[arg-type]
        assert type(found) is float
        assert found == float(value)
    assert echoes(None) is None
    assert echoes() is None
