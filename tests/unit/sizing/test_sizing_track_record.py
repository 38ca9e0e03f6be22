"""What a running record of outcomes counts, and what it counts once."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import numpy as np
import pytest
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


# --- the edge


def by_month(returns: dict[int, list[float]]) -> TrackRecord:
    """A record with these net returns, known in these days after the start."""
    record = TrackRecord()
    for day, nets in returns.items():
        for net in nets:
            record = record.after(START + timedelta(days=day), outcome(day + 1, net))
    return record


def test_with_fewer_than_two_months_the_edge_has_no_interval() -> None:
    assert all(math.isnan(bound) for bound in TrackRecord().edge_interval(0.8))
    assert all(math.isnan(bound) for bound in by_month({0: [0.01, 0.02, -0.01]}).edge_interval(0.8))


@given(st.lists(st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=5), min_size=2, max_size=12), st.floats(0.05, 0.99))
def test_the_edges_interval_is_that_of_a_ratio_of_monthly_totals(months: list[list[float]], level: float) -> None:
    record = by_month({31 * k: nets for k, nets in enumerate(months)})
    counts, sums = np.array([len(m) for m in months]), np.array([sum(m) for m in months])
    mean, m = sums.sum() / counts.sum(), len(months)
    spread = math.sqrt(m / (m - 1) * ((sums - mean * counts) ** 2).sum()) / counts.sum()
    z = NormalDist().inv_cdf(0.5 + 0.5 * level)
    assert record.edge_interval(level) == pytest.approx((mean - z * spread, mean + z * spread), abs=1e-7)


def test_more_signals_in_the_same_months_prove_no_more() -> None:
    once = by_month({31 * k: [net] for k, net in enumerate([0.02, -0.01, 0.03, 0.01])})
    often = by_month({31 * k: [net] * 50 for k, net in enumerate([0.02, -0.01, 0.03, 0.01])})
    assert often.edge_interval(0.8) == pytest.approx(once.edge_interval(0.8))


@given(st.lists(st.tuples(st.integers(0, 200), st.floats(-0.2, 0.2)), max_size=30))
def test_the_months_hold_every_outcome(rows: list[tuple[int, float]]) -> None:
    record = TrackRecord()
    for day, net in sorted(rows):
        record = record.after(START + timedelta(days=day), outcome(day, net))
    known = {(o.year, o.month) for o in (START + timedelta(days=day) for day, _ in rows)}
    assert record.months + (record.month_count > 0) == len(known)
