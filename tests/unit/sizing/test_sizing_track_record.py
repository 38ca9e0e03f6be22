"""What a running record of outcomes counts, and what it counts once."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from builders_events import pattern
from lightning_gex.core.patterns import Outcome
from lightning_gex.sizing.track_record import TrackRecord, records_of

START = datetime(2020, 1, 2, 21, tzinfo=UTC)


def outcome(day: int, net_return: float = 0.01) -> Outcome:
    return Outcome(net_return=net_return, won=net_return > 0, known_at=START + timedelta(days=day))


def test_an_empty_record_has_no_rate_rather_than_zero() -> None:
    assert math.isnan(TrackRecord().win_rate)
    assert math.isnan(TrackRecord().mean_net_return)


def test_signals_open_at_the_same_time_count_as_one_observation() -> None:
    record = TrackRecord().after(START, outcome(10)).after(START + timedelta(days=3), outcome(12, -0.02))
    assert (record.resolved, record.won, record.independent) == (2, 1, 1)
    assert record.after(START + timedelta(days=10), outcome(20)).independent == 2


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 21), st.floats(-0.2, 0.2)), max_size=60))
def test_the_independent_outcomes_are_at_most_the_resolved_and_never_overlap(
    rows: list[tuple[int, int, float]],
) -> None:
    record, taken = TrackRecord(), []
    for given_at, length, net in sorted(rows, key=lambda row: row[0] + row[1]):
        before = record.independent
        record = record.after(START + timedelta(days=given_at), outcome(given_at + length, net))
        if record.independent > before:
            taken.append((given_at, given_at + length))
    assert record.resolved == len(rows)
    assert record.won == sum(net > 0 for _, _, net in rows)
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(taken))
    assert math.isclose(record.net_return_sum, sum(net for _, _, net in rows), abs_tol=1e-12)


def test_remembered_signals_amount_to_the_record_they_would_have_made_one_by_one() -> None:
    known = [
        replace(pattern(f"p{i}"), as_of=START + timedelta(days=4 * i), outcome=outcome(4 * i + 9)) for i in range(9)
    ]
    waiting = replace(pattern("open"), outcome=None)
    one_by_one = TrackRecord()
    for each in known:
        assert each.outcome is not None
        one_by_one = one_by_one.after(each.as_of, each.outcome)
    assert records_of([waiting, *reversed(known)]) == {known[0].direction: one_by_one}
    assert one_by_one.independent == 3
    assert records_of([waiting]) == {}
