"""The stage of a transition is a fold over a person's notes, and of two who move at once only the first does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.enums import RunMode
from lightning_gex.core.events import AuditNoted
from lightning_gex.core.transition import TRANSITION, Stage, StageChange, Transition, transition_of

AT = datetime(2024, 3, 1, 21, tzinfo=UTC)


def change(sequence: int, before: Stage | None, after: Stage, overridden: tuple[str, ...] = ()) -> StageChange:
    return StageChange(AT + timedelta(minutes=sequence), sequence, before, after, "me", "because", overridden)


def notes(*changes: StageChange) -> list[tuple[int, AuditNoted]]:
    return [(c.sequence, AuditNoted(c.at, TRANSITION, c.detail())) for c in changes]


def test_a_change_read_back_from_its_note_is_the_same():
    step = change(7, None, Stage.PARALLEL)
    past = change(9, Stage.PARALLEL, Stage.QUARTER, ("probe", "calibration"))
    assert transition_of(notes(step, past)) == Transition((step, past))


def test_other_notes_change_nothing():
    begun = change(1, None, Stage.PARALLEL)
    found = transition_of([(0, AuditNoted(AT, "self_test_passed", {})), *notes(begun), (2, AuditNoted(AT, "halted"))])
    assert found == Transition((begun,))


def test_of_two_who_advance_at_once_only_the_first_counts():
    begun, first = change(1, None, Stage.PARALLEL), change(2, Stage.PARALLEL, Stage.QUARTER)
    second = change(3, Stage.PARALLEL, Stage.QUARTER)
    found = transition_of(notes(begun, first, second))
    assert found.changes == (begun, first)
    assert found.stage is Stage.QUARTER


def test_the_stages_follow_each_other_and_give_a_quarter_a_half_and_all():
    walked, stage = [], Stage.PARALLEL
    while stage is not None:
        walked.append((stage, stage.share))
        stage = stage.next
    assert walked == [(Stage.PARALLEL, 0.0), (Stage.QUARTER, 0.25), (Stage.HALF, 0.5), (Stage.FULL, 1.0)]
    assert [s.before for s in Stage] == [None, Stage.PARALLEL, Stage.QUARTER, Stage.HALF]


@pytest.mark.parametrize(
    ("stage", "mode", "share"),
    [
        (None, RunMode.LIVE, 1.0),
        (Stage.PARALLEL, RunMode.LIVE, 0.0),
        (Stage.PARALLEL, RunMode.PAPER, 1.0),
        (Stage.QUARTER, RunMode.LIVE, 0.25),
        (Stage.QUARTER, RunMode.PAPER, 0.25),
        (Stage.HALF, RunMode.FACADE, 0.5),
        (Stage.FULL, RunMode.LIVE, 1.0),
    ],
)
def test_a_stage_leaves_each_kind_of_run_its_part(stage, mode, share):
    changes = () if stage is None else (change(1, None, stage),)
    assert Transition(changes).share(mode) == share


@given(st.lists(st.tuples(st.sampled_from([None, *Stage]), st.sampled_from(list(Stage))), max_size=12))
def test_every_counted_step_begins_where_the_one_before_it_ended(pairs):
    found = transition_of(notes(*(change(k, before, after) for k, (before, after) in enumerate(pairs))))
    before = None
    for step in found.changes:
        assert step.before == before
        before = step.after
    assert found.stage == before
