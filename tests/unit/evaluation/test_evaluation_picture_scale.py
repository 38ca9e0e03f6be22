from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.evaluation import picture_scale as ps
from lightning_gex.evaluation.picture_scale import Mark, MarkKind, PriceRange

amounts = st.floats(-1e14, 1e14)
prices = st.floats(0.5, 50_000.0)


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        (0.0, "USD per 1 %"),
        (math.nan, "USD per 1 %"),
        (999.0, "USD per 1 %"),
        (-1e3, "USD thousand per 1 %"),
        (999_999_999.0, "USD million per 1 %"),
        (-1e9, "USD billion per 1 %"),
        (3e12, "USD trillion per 1 %"),
    ],
)
def test_a_unit_is_the_largest_that_the_amount_fills(usd: float, words: str) -> None:
    assert ps.money_unit(usd, "per 1 %").words == words


@given(amounts)
def test_an_amount_reads_back_within_its_last_digit_and_keeps_its_sign(usd: float) -> None:
    said = ps.amount(usd)
    number, _, word = said.replace(ps.MINUS, "-").replace(",", "").partition(ps.NBSP)
    scale = {"tn": 1e12, "bn": 1e9, "m": 1e6, "k": 1e3, "": 1.0}[word]
    assert float(number) * scale == pytest.approx(usd, rel=6e-3, abs=0.006)
    assert ("-" in number) == (usd < 0)


def test_an_absent_figure_is_said_to_be_absent() -> None:
    assert ps.amount(math.nan) == ps.price_text(math.nan) == ps.percent_text(math.inf) == "n/a"


def test_a_price_shows_cents_only_where_there_are_any() -> None:
    assert [ps.price_text(x) for x in (5000.0, 0.5, 12_345.678)] == ["5,000", "0.50", "12,345.68"]


@given(st.floats(1e-6, 1e9), st.integers(1, 500))
def test_a_nice_step_cuts_a_span_into_no_more_pieces_than_allowed_and_wastes_little(span: float, most: int) -> None:
    step = ps.nice_step(span, most)
    assert span / step <= most * (1 + 1e-9)
    assert step <= 2.0 * span / most * (1 + 1e-9)
    assert float(f"{step:.2e}".split("e")[0]) in {1.0, 2.0, 2.5, 5.0}


@given(st.floats(1e-9, 1e12))
def test_the_end_of_a_scale_is_no_less_than_the_value_and_not_half_as_much_again(value: float) -> None:
    assert value * (1 - 1e-9) <= ps.round_above(value) <= 1.5 * value * (1 + 1e-9)


strike_lists = st.lists(st.integers(1, 4_000).map(lambda k: k / 4), min_size=1, max_size=300, unique=True).map(sorted)


@given(strike_lists, st.integers(1, 40), st.integers(0, 10_000))
def test_bars_hold_every_shown_strike_once_and_are_no_more_than_allowed(strikes, most: int, seed: int) -> None:
    strike = np.array(strikes)
    shown = PriceRange(100.0, 700.0)
    values = np.random.default_rng(seed).normal(size=(2, len(strike)))
    step = ps.bar_step(strike, shown, most)
    at, sums = ps.binned(strike, values, shown, step)
    inside = (strike >= shown.low) & (strike <= shown.high)
    assert sums.sum(axis=1) == pytest.approx(values[:, inside].sum(axis=1), abs=1e-9)
    assert len(at) <= most + 1  # both ends of the range may hold half a bar
    assert (np.diff(at) > 0).all()
    if step == 0:
        assert np.array_equal(at, strike[inside])


@given(strike_lists, st.integers(2, 60), st.integers(0, 10_000))
def test_cells_stand_evenly_and_hold_every_shown_strike_once(strikes, most: int, seed: int) -> None:
    strike = np.array(strikes)
    shown = PriceRange(100.0, 700.0)
    values = np.random.default_rng(seed).normal(size=(3, len(strike)))
    step, at, sums = ps.gridded(strike, values, shown, most)
    inside = (strike >= shown.low) & (strike <= shown.high)
    assert sums.shape == (3, len(at))
    assert sums.sum(axis=1) == pytest.approx(values[:, inside].sum(axis=1), abs=1e-9)
    assert np.diff(at) == pytest.approx(step)
    assert len(at) <= most + 2


def test_a_bar_is_as_wide_as_the_closest_strikes_are_apart() -> None:
    shown = PriceRange(60.0, 140.0)
    assert ps.bar_width(np.array([95.0, 100.0, 102.5]), 0.0, shown) == 2.5
    assert ps.bar_width(np.array([95.0, 100.0]), 5.0, shown) == 5.0
    assert 0 < ps.bar_width(np.array([100.0]), 0.0, shown) < 80.0


@given(st.lists(st.tuples(st.sampled_from(MarkKind), st.floats(95.0, 105.0)), max_size=12), st.floats(0.003, 0.05))
def test_labels_of_one_row_never_touch_and_stay_on_the_picture(marks, character: float) -> None:
    shown = PriceRange(94.0, 106.0)
    placed = ps.placed_labels([Mark(kind, price) for kind, price in marks], shown, character)
    spans = {}
    for label in placed:
        half = min(len(label.text) * character, 1.0) / 2
        assert half - 1e-9 <= label.share <= 1 - half + 1e-9 or half == 0.5
        spans.setdefault(label.row, []).append((label.share - half, label.share + half))
    for row in spans.values():
        ordered = sorted(row)
        assert all(a[1] <= b[0] + 1e-9 for a, b in itertools.pairwise(ordered))
    assert sum(len(label.marks) for label in placed) == len(marks)


def test_levels_at_one_price_share_a_label_and_those_outside_have_none() -> None:
    marks = [Mark(MarkKind.CALL_WALL, 100.0), Mark(MarkKind.PUT_WALL, 100.0), Mark(MarkKind.MAX_PAIN, 300.0)]
    (label,) = ps.placed_labels(marks, PriceRange(90.0, 110.0), 0.01)
    assert label.text == "call wall, put wall 100"


def test_a_lonely_label_stands_over_its_line() -> None:
    (label,) = ps.placed_labels([Mark(MarkKind.SPOT, 100.0)], PriceRange(90.0, 110.0), 0.01)
    assert (label.row, label.share) == (0, 0.5)
