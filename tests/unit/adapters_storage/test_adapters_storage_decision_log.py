"""A run's decisions in little memory come back as they were."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders_events import any_of, decided, same
from lightning_gex.adapters.storage.decision_log import BLOCK, DecisionLog
from lightning_gex.core.decision import Decision
from lightning_gex.core.errors import InputError


def filled(count: int) -> tuple[DecisionLog, list[Decision]]:
    log, made = DecisionLog(), [decided(number) for number in range(count)]
    for one in made:
        log.append(one)
    return log, made


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_decisions_come_back_by_number_by_slice_and_in_order(count: int) -> None:
    log, made = filled(count)
    assert len(log) == count
    assert same(tuple(log), tuple(made))
    assert same(tuple(log[i] for i in range(-count, count)), (*made, *made))
    assert same(tuple(log[1:-1:7]), tuple(made[1:-1:7]))
    assert same(tuple(reversed(log)), tuple(reversed(made)))
    for beyond in (count, -count - 1):
        with pytest.raises(IndexError):
            log[beyond]


@settings(max_examples=10)
@given(st.lists(any_of(Decision), min_size=1, max_size=3))
def test_any_decision_comes_back_as_it_was(made: list[Decision]) -> None:
    log = DecisionLog()
    whole = (made * BLOCK)[:BLOCK]
    for one in whole:
        log.append(one)
    assert same(tuple(log), tuple(whole))


def test_outlines_are_the_decisions_without_their_reasons() -> None:
    log, made = filled(BLOCK + 2)
    bare = [replace(d, stages=()) for d in made]
    assert same(tuple(log.outlines), tuple(bare))


def test_many_decisions_take_a_small_part_of_their_text() -> None:
    log, made = filled(40 * BLOCK)
    assert 0 < log.stored_bytes < 100 * len(made)
    assert repr(log).startswith(f"DecisionLog({len(made)} decisions")


def test_what_the_journal_could_not_hold_is_refused() -> None:
    log, _ = filled(BLOCK - 1)
    with pytest.raises(InputError, match="cannot be journaled"):
        log.append(replace(decided(0), entry_price=math.inf))
