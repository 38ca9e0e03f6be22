"""Frozen values built the fast way are the values they would have been."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, field
from typing import get_args

import pytest
from hypothesis import given

from builders_events import any_of, events, same
from lightning_gex.core.decision import Decision
from lightning_gex.core.events import Event
from lightning_gex.core.quick_init import quick_init, replaced
from lightning_gex.core.votes import Vote


@quick_init
@dataclass(frozen=True, slots=True)
class Point:
    """A value for these tests."""

    x: float
    y: float = 2.0
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x is negative")


def test_defaults_factories_keywords_and_the_check_after_it_work_as_before() -> None:
    assert (Point(1.0).y, Point(1.0, y=3.0).y, Point(x=1.0, names=["a"]).names) == (2.0, 3.0, ["a"])
    assert Point(1.0).names is not Point(1.0).names
    with pytest.raises(ValueError, match="negative"):
        Point(-1.0)
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Point(1.0, z=1.0)  # type: ignore[call-arg]


def test_the_value_is_of_its_class_frozen_and_without_a_dictionary() -> None:
    value = Point(1.0)
    assert type(value) is Point
    assert not hasattr(value, "__dict__")
    with pytest.raises(FrozenInstanceError):
        value.x = 2.0  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del value.x


def test_it_compares_prints_copies_pickles_and_is_replaced_as_before() -> None:
    value = Point(1.0, names=["a"])
    assert value == Point(1.0, 2.0, ["a"]) != Point(1.0)
    assert repr(value) == "Point(x=1.0, y=2.0, names=['a'])"
    assert copy.deepcopy(value) == copy.copy(value) == pickle.loads(pickle.dumps(value)) == value
    assert dataclasses.replace(value, y=5.0) == Point(1.0, 5.0, ["a"])
    assert list(inspect.signature(Point).parameters) == ["x", "y", "names"]


def test_a_class_made_from_it_keeps_its_own_type() -> None:
    class Marked(Point):
        __slots__ = ()

    value = Marked(1.0)
    assert type(value) is Marked
    assert (value.x, value.y, value.names) == (1.0, 2.0, [])


@pytest.mark.parametrize(
    "options", [{"frozen": True}, {"slots": True}, {"frozen": True, "slots": True, "kw_only": True}]
)
def test_a_class_of_another_make_is_refused(options: dict[str, bool]) -> None:
    class Other:
        x: float = 1.0

    with pytest.raises(TypeError, match="no plain frozen dataclass"):
        quick_init(dataclass(**options)(Other))


@given(events())
def test_every_event_equals_one_that_was_set_field_by_field(event: Event) -> None:
    slowly = object.__new__(type(event))
    for name in [f.name for f in dataclasses.fields(event)]:
        object.__setattr__(slowly, name, getattr(event, name))
    assert same(slowly, event)


@given(any_of(Vote))
def test_a_vote_built_by_position_equals_one_built_by_name(vote: Vote) -> None:
    values = {f.name: getattr(vote, f.name) for f in dataclasses.fields(vote)}
    assert same(Vote(*values.values()), Vote(**values))


def test_the_values_a_bar_consists_of_are_built_the_fast_way() -> None:
    for kind in (Decision, Vote, *get_args(Event)):
        assert "take_class" in kind.__init__.__globals__


@given(events())
def test_an_event_with_a_field_replaced_is_what_dataclasses_make_of_it(event: Event) -> None:
    assert same(replaced(event), event)
    name = dataclasses.fields(event)[-1].name
    assert same(replaced(event, **{name: "other"}), dataclasses.replace(event, **{name: "other"}))


def test_a_replaced_value_is_frozen_checked_and_leaves_the_first_alone() -> None:
    value = Point(1.0, names=["a"])
    other = replaced(value, x=3.0)
    assert other == dataclasses.replace(value, x=3.0) != value
    assert other.names is value.names
    with pytest.raises(FrozenInstanceError):
        other.x = 2.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="negative"):
        replaced(value, x=-1.0)
    with pytest.raises(TypeError, match="no field z"):
        replaced(value, z=1.0)


def test_only_values_of_its_own_classes_are_replaced() -> None:
    @dataclass(frozen=True, slots=True)
    class Plain:
        x: float

    with pytest.raises(TypeError, match="Plain"):
        replaced(Plain(1.0), x=2.0)
