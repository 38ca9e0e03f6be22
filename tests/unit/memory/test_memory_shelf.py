"""Resolved signals on a shelf: added in any order, searched exactly."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.similarity import FACTS, GIVEN_AT, KNOWN_AT, similarity
from lightning_gex.core.errors import InputError
from lightning_gex.core.patterns import RecallFilter
from lightning_gex.memory.shelf import Resolved, Shelf, microseconds

_ELEMENT = st.one_of(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), st.floats(-1, 1), st.just(np.nan))


def resolved(vectors: np.ndarray, given_at: list[int], known_at: list[int], names: list[str]) -> Resolved:
    facts = np.zeros((len(names), FACTS))
    facts[:, GIVEN_AT], facts[:, KNOWN_AT] = given_at, known_at
    labels = [(None, "momentum" if i % 2 else "", 5, "stock", None) for i in range(len(names))]
    return Resolved(names, vectors, facts, labels)


@given(
    st.lists(st.tuples(st.tuples(*[_ELEMENT] * 5), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=150),
    st.tuples(*[_ELEMENT] * 5),
    st.integers(-1, 14),
    st.integers(1, 9),
    st.integers(1, 40),
    st.booleans(),
)
def test_a_search_finds_what_comparing_everything_finds(
    rows: list[tuple[tuple[float, ...], int, int]],
    query: tuple[float, ...],
    instant: int,
    count: int,
    at_once: int,
    filtered: bool,
) -> None:
    vectors = np.array([v for v, _, _ in rows])
    given_at, known_at = [g for _, g, _ in rows], [g + d for _, g, d in rows]
    names = [f"p{i * 7919 % 997:03d}" for i in range(len(rows))]  # in no order
    shelf = Shelf(5)
    for first in range(0, len(rows), at_once):
        part = slice(first, first + at_once)
        whole = resolved(vectors, given_at, known_at, names)
        shelf.add(Resolved(names[part], vectors[part], whole.facts[part], whole.labels[part]))
        shelf.nearest(np.zeros(5), instant, 1, None)  # a question in between changes nothing
    wanted = RecallFilter(strategy="momentum") if filtered else None
    found = shelf.nearest(np.array(query), instant, count, wanted)
    likeness = similarity(np.array(query), vectors)
    open_to_all = [
        i for i in range(len(rows)) if known_at[i] <= instant and given_at[i] < instant and (i % 2 or not filtered)
    ]
    best = sorted(open_to_all, key=lambda i: (-likeness[i], -given_at[i], names[i]))[:count]
    assert found.pattern_id == tuple(names[i] for i in best)
    assert found.similarity.tolist() == likeness[best].tolist()
    assert found.resolved_in_book == len(open_to_all)


def test_many_identical_signals_are_told_apart_by_moment_and_name() -> None:
    shelf = Shelf(16)
    n = 1_000
    names = [f"p{i:04d}" for i in range(n)][::-1]
    shelf.add(resolved(np.full((n, 16), 0.25), [i // 2 for i in range(n)], [n] * n, names))
    found = shelf.nearest(np.full(16, 0.25), n, 3, None)
    assert found.pattern_id == ("p0000", "p0001", "p0002")
    assert found.similarity.tolist() == [1.0] * 3


def test_vectors_too_long_for_a_mask_are_searched_all_the_same() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.uniform(-1, 1, (200, 70))
    vectors[::3, 5] = np.nan
    shelf = Shelf(70)
    shelf.add(resolved(vectors, list(range(200)), list(range(200)), [str(i) for i in range(200)]))
    query = rng.uniform(-1, 1, 70)
    likeness = similarity(query, vectors)
    expected = tuple(str(i) for i in np.argsort(-likeness, kind="stable")[:5])
    assert shelf.nearest(query, 500, 5, None).pattern_id == expected


def test_near_ties_below_single_precision_are_put_in_their_true_order() -> None:
    vectors = np.full((500, 16), 0.5)
    vectors[:, 3] += np.linspace(1e-9, 1e-7, 500)[::-1]
    shelf = Shelf(16)
    shelf.add(resolved(vectors, list(range(500)), list(range(500)), [str(i) for i in range(500)]))
    found = shelf.nearest(np.full(16, 0.5), 1_000, 5, None)
    assert found.pattern_id == ("499", "498", "497", "496", "495")


def test_an_element_outside_its_range_is_refused() -> None:
    shelf = Shelf(2)
    shelf.add(resolved(np.zeros((1, 2)), [0], [1], ["a"]))
    with pytest.raises(InputError, match="outside"):
        shelf.nearest(np.array([0.0, 1.5]), 9, 1, None)


def test_moments_are_counted_exactly_and_only_where_they_can_be() -> None:
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC), "as_of") == 1_000_005
    assert microseconds(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), "as_of") == -1_000_000
    for wrong in (datetime(2255, 12, 31, tzinfo=UTC), datetime(1600, 1, 1, tzinfo=UTC)):
        with pytest.raises(InputError, match="1684 to 2255"):
            microseconds(wrong, "as_of")
    with pytest.raises(InputError, match="no time zone"):
        microseconds(datetime(2020, 1, 1), "as_of")  # noqa: DTZ001 - naive on purpose
