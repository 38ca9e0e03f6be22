"""What was decided comes back from a row of a hundred bytes; why it was decided is not kept there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders_events import any_of, decided, same
from lightning_gex.adapters.storage.decision_outlines import DecisionOutlines
from lightning_gex.core.decision import Decision


def outline(decision: Decision) -> Decision:
    return replace(decision, reason="", stages=(), votes=(), caps=(), expected_range=None, range_absence=None)


def filled(made: list[Decision]) -> DecisionOutlines:
    kept = DecisionOutlines()
    for one in made:
        kept.append(one)
    return kept


@pytest.mark.parametrize("count", [0, 1, 2, 65])
def test_outlines_come_back_by_number_by_slice_and_in_order(count: int) -> None:
    made = [decided(number) for number in range(count)]
    kept, bare = filled(made), [outline(one) for one in made]
    assert len(kept) == count
    assert same(tuple(kept), tuple(bare))
    assert same(tuple(kept[i] for i in range(-count, count)), (*bare, *bare))
    assert same(tuple(kept[1:-1:7]), tuple(bare[1:-1:7]))
    assert same(tuple(reversed(kept)), tuple(reversed(bare)))
    assert [kept.id_of(at) for at in range(count)] == [one.decision_id for one in made]
    for beyond in (count, -count - 1):
        with pytest.raises(IndexError):
            kept[beyond]


def of_64_bits(decision: Decision) -> Decision:
    """As counts of shares and sessions are; the events of the other tests know no bounds."""
    fits = {n: getattr(decision, n) % 2**63 for n in ("quantity", "time_horizon_days")}
    return replace(decision, **fits)


@settings(max_examples=20)
@given(st.lists(any_of(Decision).map(of_64_bits), min_size=1, max_size=6))
def test_any_decision_comes_back_without_its_reasons(made: list[Decision]) -> None:
    kept = filled(made)
    assert same(tuple(kept), tuple(outline(one) for one in made))


def test_many_decisions_take_a_hundred_bytes_each() -> None:
    kept = filled([decided(number) for number in range(2_000)])
    assert 0 < kept.stored_bytes < 120 * 2_000
    assert repr(kept).startswith("DecisionOutlines(2000 decisions")
