"""Values whose fields are worked out when they are read are, from outside, the values they would have been."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace

import pytest

from builders_events import AT, decided, same
from lightning_gex.adapters.storage.codec import encode
from lightning_gex.core.decision import GATE_KEY, StageRecord, decision_later, record_later
from lightning_gex.core.deferred import Deferred, deferred_part, deferring, settle, to_read
from lightning_gex.core.enums import StageName, StageVerdict
from lightning_gex.core.events import DecisionMade
from lightning_gex.core.quick_init import quick_init, replaced


@quick_init
@dataclass(frozen=True, slots=True)
class Said(Deferred):
    """A value for these tests."""

    number: int
    words: str
    more: list[str] = field(default_factory=list)


said_later = deferring(Said)


class Composer:
    """Gives its words, and knows how often it was asked."""

    def __init__(self, words: str) -> None:
        self.words, self.asked = words, 0

    def __call__(self) -> str:
        self.asked += 1
        return self.words


def seven(compose: Composer | None = None) -> Said:
    return said_later({"words": compose or Composer("seven")}, number=7, more=[])


def test_a_field_is_worked_out_once_and_only_when_it_is_read() -> None:
    compose = Composer("seven")
    value = seven(compose)
    assert (value.number, compose.asked) == (7, 0)
    assert (value.words, value.words, compose.asked) == ("seven", "seven", 1)
    assert deferred_part(value, "words") is None


@pytest.mark.parametrize(
    "other_way", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v)), replace, replaced]
)
def test_it_compares_prints_copies_pickles_and_is_replaced_as_if_whole(other_way) -> None:
    whole = Said(7, "seven")
    assert seven() == whole
    assert repr(seven()) == repr(whole)
    assert asdict(seven()) == asdict(whole)
    assert other_way(seven()) == whole


def test_it_is_frozen_and_knows_no_other_name() -> None:
    value = seven()
    with pytest.raises(FrozenInstanceError):
        value.words = "eight"  # type: ignore[misc]
    for one in (value, Said(7, "seven")):
        with pytest.raises(AttributeError):
            one.nothing  # noqa: B018 - reading is the test
    forgotten = said_later({}, number=7, more=[])
    with pytest.raises(AttributeError):
        forgotten.words  # noqa: B018 - reading is the test


def test_settling_works_out_the_rest_and_lets_go_of_what_made_it() -> None:
    compose = Composer("seven")
    value = said_later({"words": compose, "aside": Composer("not a field")}, number=7, more=[])
    assert deferred_part(value, "aside") is not None
    settle(value)
    settle(value)
    assert (value.words, compose.asked, deferred_part(value, "aside")) == ("seven", 1, None)


def test_what_another_value_reads_is_composed_for_it_or_read() -> None:
    compose = Composer("seven")
    waiting = seven(compose)
    assert to_read(waiting, "words") is compose
    assert waiting.words == to_read(waiting, "words")() == to_read(Said(7, "seven"), "words")() == "seven"


def test_a_class_that_cannot_defer_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Plain:
        x: float

    with pytest.raises(TypeError, match="does not derive"):
        deferring(Plain)


def test_a_gate_is_told_without_composing_its_record() -> None:
    numbers = Composer("the numbers")
    record = record_later(
        {"reason": Composer("no"), "detail": numbers, GATE_KEY: lambda: "rank"},
        stage=StageName.TACTICAL,
        verdict=StageVerdict.BLOCKED,
        fallback=None,
    )
    assert (record.gate, numbers.asked) == ("rank", 0)
    assert StageRecord(StageName.TACTICAL, StageVerdict.BLOCKED, "no", {GATE_KEY: "rank"}).gate == "rank"
    assert StageRecord(StageName.TACTICAL, StageVerdict.PASSED, "yes").gate is None


def test_a_decision_with_reasons_to_come_is_journaled_as_the_whole_one() -> None:
    whole = decided(3)
    first = whole.stages[0]
    record = record_later(
        {"reason": lambda: first.reason, "detail": lambda: first.detail},
        stage=first.stage,
        verdict=first.verdict,
        fallback=first.fallback,
    )
    fields = {name: getattr(whole, name) for name in whole.__slots__ if name not in ("reason", "votes", "stages")}
    later = {"reason": lambda: record.reason, "votes": lambda: whole.votes}
    made = decision_later(later, stages=(record, *whole.stages[1:]), **fields)
    assert encode(DecisionMade(AT, made)) == encode(DecisionMade(AT, whole))
    assert same(made, whole)
