"""Likeness of situations, and the order of the most alike."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lightning_gex.analytics.similarity import FACTS, similarity, top_k, weighted_outcomes
from lightning_gex.core.errors import InputError

D = 16
_ELEMENT = st.one_of(st.floats(-1, 1), st.just(math.nan))
_VECTOR = hnp.arrays(np.float64, D, elements=_ELEMENT)
_VECTORS = hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(D)), elements=_ELEMENT)


def by_the_definition(query: np.ndarray, vector: np.ndarray) -> float:
    """The docstring's words, one element at a time."""
    squares, shared = [], 0
    for a, b in zip(query.tolist(), vector.tolist(), strict=True):
        if math.isnan(a) and math.isnan(b):
            continue
        if math.isnan(a) or math.isnan(b):
            squares.append(2 / 3)
        else:
            squares.append((a - b) ** 2)
            shared += 1
    return 0.0 if shared < len(query) / 2 else 1 - math.sqrt(sum(squares) / len(squares)) / 2


@given(_VECTOR, _VECTORS)
def test_the_kernel_gives_what_its_definition_says(query: np.ndarray, vectors: np.ndarray) -> None:
    expected = [by_the_definition(query, v) for v in vectors]
    np.testing.assert_allclose(similarity(query, vectors), expected, atol=1e-12)


@given(_VECTOR, _VECTORS)
def test_likeness_lies_between_0_and_1(query: np.ndarray, vectors: np.ndarray) -> None:
    likeness = similarity(query, vectors)
    assert ((likeness >= 0) & (likeness <= 1)).all()


@given(_VECTOR, _VECTORS)
def test_a_rows_value_does_not_depend_on_the_rows_beside_it(query: np.ndarray, vectors: np.ndarray) -> None:
    alone = np.concatenate([similarity(query, vectors[i : i + 1]) for i in range(len(vectors))])
    np.testing.assert_array_equal(similarity(query, vectors), alone)


@given(_VECTOR, _VECTOR)
def test_likeness_is_the_same_both_ways(a: np.ndarray, b: np.ndarray) -> None:
    assert similarity(a, b[None])[0] == similarity(b, a[None])[0]


def test_a_situation_is_identical_to_itself_even_with_half_of_it_absent() -> None:
    vector = np.r_[np.linspace(-1, 1, 8), np.full(8, np.nan)]
    assert similarity(vector, vector[None])[0] == 1.0


def test_opposite_corners_are_as_far_apart_as_can_be() -> None:
    assert similarity(np.ones(D), -np.ones((1, D)))[0] == 0.0


def test_an_element_absent_on_one_side_costs_likeness() -> None:
    query = np.zeros(D)
    partly = query.copy()
    partly[0] = np.nan
    assert similarity(query, partly[None])[0] == pytest.approx(1 - math.sqrt(2 / 3 / 16) / 2)


def test_fewer_than_half_the_elements_shared_is_no_likeness_at_all() -> None:
    query = np.zeros(D)
    vectors = np.zeros((2, D))
    vectors[0, :8] = np.nan
    vectors[1, :9] = np.nan
    likeness = similarity(query, vectors)
    assert likeness[0] > 0.5
    assert likeness[1] == 0.0


def test_rows_can_be_picked_and_must_exist() -> None:
    vectors = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]])
    query = np.array([0.5, 0.5])
    picked = similarity(query, vectors, rows=np.array([2, 0]))
    np.testing.assert_array_equal(picked, similarity(query, vectors)[[2, 0]])
    for rows in ([3], [-1]):
        with pytest.raises(InputError, match="a row outside"):
            similarity(query, vectors, rows=np.array(rows))


@pytest.mark.parametrize("shape", [(2, 3), (2,), (2, 0)])
def test_vectors_of_another_dimension_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="cannot be compared"):
        similarity(np.zeros(2), np.zeros(shape))


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 3), st.sampled_from("abcdef")), max_size=25
    ),
    st.integers(1, 30),
)
def test_the_most_alike_come_in_the_order_of_likeness_then_recency_then_name(
    rows: list[tuple[float, int, str]], count: int
) -> None:
    names = [f"{name}{i:02d}" for i, (_, _, name) in enumerate(rows)]
    likeness = np.array([r[0] for r in rows])
    instant = np.array([r[1] for r in rows], dtype=np.int64)
    chosen = top_k(likeness, count, instant=instant, name_of=lambda i: names[i])
    expected = sorted(range(len(rows)), key=lambda i: (-rows[i][0], -rows[i][1], names[i]))[:count]
    assert chosen.tolist() == expected


def found(likeness: list[float], spans: list[tuple[float, float]], right: list[bool], said: list[float]) -> np.ndarray:
    table = np.zeros((2 + FACTS, len(likeness)))
    table[0], table[2], table[3] = likeness, [s[0] for s in spans], [s[1] for s in spans]
    table[6], table[7] = right, said
    return table


def test_outcomes_are_weighted_by_likeness_age_and_the_days_they_share() -> None:
    # the first two overlap and share their days; the third is half a life older; the fourth is not alike enough
    table = found(
        [1.0, 0.9, 0.8, 0.5], [(90, 100), (95, 100), (40, 50), (90, 100)], [True, False, True, True], [0.6] * 4
    )
    alike, right, total, won, told, said = weighted_outcomes(table, 0.7, 100.0, 50.0)
    assert (alike, right) == (3, 2)
    assert total == pytest.approx(1.0 / 2 + 0.9 / 2 + 0.8 * 0.5)
    assert won == pytest.approx(1.0 / 2 + 0.8 * 0.5)
    assert said == pytest.approx(0.6 * told)


def test_what_was_not_said_is_left_out_of_what_was_said() -> None:
    table = found([1.0, 1.0], [(0, 1), (2, 3)], [True, True], [math.nan, 0.7])
    *_, total, _, told, said = weighted_outcomes(table, 0.0, 3.0, 1e12)
    assert (total, told) == (pytest.approx(2.0), pytest.approx(1.0))
    assert said / told == pytest.approx(0.7)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 50), st.integers(0, 9), st.booleans()), max_size=30),
    st.floats(0, 1),
)
def test_weights_are_those_of_the_docstring(rows: list[tuple[float, int, int, bool]], threshold: float) -> None:
    spans = [(g, g + d) for _, g, d, _ in rows]
    table = found([r[0] for r in rows], spans, [r[3] for r in rows], [0.5] * len(rows))
    alike = [i for i, r in enumerate(rows) if r[0] >= threshold]
    weights = {}
    for i in alike:
        begins, ends = spans[i]
        sharing = sum(k == i or (spans[k][0] < ends and begins < spans[k][1]) for k in alike)
        weights[i] = rows[i][0] * 0.5 ** ((60 - ends) / 20) / sharing
    count, right, total, won, _, _ = weighted_outcomes(table, threshold, 60.0, 20.0)
    assert (count, right) == (len(alike), sum(rows[i][3] for i in alike))
    assert total == pytest.approx(sum(weights.values()))
    assert won == pytest.approx(sum(w for i, w in weights.items() if rows[i][3]))
