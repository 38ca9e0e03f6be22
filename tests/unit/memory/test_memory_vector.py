"""A situation as sixteen bounded numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_quick_start import FEATURES as QUICK_START
from lightning_gex.core.features import ALL_FEATURES, Features
from lightning_gex.memory.vector import VECTOR_NAMES, situation_vectors


def features_of(rows: list[dict[str, float]]) -> Features:
    names = sorted({name for row in rows for name in row})
    as_of = np.datetime64("2020-01-02T21:00:00", "s") + np.arange(len(rows)) * np.timedelta64(1, "D")
    return Features("SPY", as_of, {n: np.array([row.get(n, math.nan) for row in rows]) for n in names})


def element(name: str, row: dict[str, float]) -> float:
    return float(situation_vectors(features_of([row]))[0, VECTOR_NAMES.index(name)])


_ANY = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.floats(0.001, 1000), st.just(math.nan), st.just(0.0)
)
_ROW = st.fixed_dictionaries(dict.fromkeys(ALL_FEATURES, _ANY))


@given(st.lists(_ROW, min_size=1, max_size=6))
def test_every_element_is_bounded_or_absent_whatever_comes_in(rows: list[dict[str, float]]) -> None:
    vectors = situation_vectors(features_of(rows))
    assert vectors.shape == (len(rows), 16)
    assert (np.isnan(vectors) | (np.abs(vectors) <= 1.0)).all()


@given(st.lists(_ROW, min_size=1, max_size=20))
def test_a_row_has_the_same_vector_alone_as_among_others(rows: list[dict[str, float]]) -> None:
    together = situation_vectors(features_of(rows))
    alone = np.concatenate([situation_vectors(features_of([row])) for row in rows])
    np.testing.assert_array_equal(together, alone)


def test_a_long_history_and_its_single_rows_agree_to_the_last_bit() -> None:
    rng = np.random.default_rng(7)
    n = 1_003
    columns = {name: rng.lognormal(0.0, 0.3, n) for name in ALL_FEATURES}
    as_of = np.datetime64("2000-01-03T21:00:00", "s") + np.arange(n) * np.timedelta64(1, "D")
    features = Features("SPY", as_of, columns)
    together = situation_vectors(features)
    for i in (0, 1, 500, 999, 1_002):
        np.testing.assert_array_equal(situation_vectors(features.row(i))[0], together[i])


def test_the_founding_quick_start_gives_a_full_vector_computed_by_hand() -> None:
    expected = {
        "price_to_sma_20": math.tanh(2.0 / (1.6 * 4.5)),
        "price_to_sma_50": math.tanh(5.0 / (2.6 * 4.5)),
        "price_to_sma_200": math.tanh(10.0 / (5.1 * 4.5)),
        "adx": math.tanh(10.0 / 15.0),
        "rsi": 0.2,
        "bollinger_position": 0.0,
        "range_position": 0.0,
        "volume_ratio": math.tanh(math.log(4.0 / 3.0)),
        "atr_ratio": math.tanh(math.log(0.9) / 0.25),
        "volatility": math.tanh(math.log(0.9)),
        "gex_signal": 0.75,
        "charm_pressure": 0.65,
        "vanna_sensitivity": 0.55,
        "dark_pool_flow": 0.60,
        "spy_trend": 0.5,
        "vix_ratio": math.tanh(math.log(16.0 / 18.0) / 0.25),
    }
    assert tuple(expected) == VECTOR_NAMES
    np.testing.assert_allclose(situation_vectors(features_of([QUICK_START]))[0], list(expected.values()), atol=1e-12)


@pytest.mark.parametrize(
    ("missing", "absent"),
    [
        ("atr", {"price_to_sma_20", "price_to_sma_50", "price_to_sma_200", "atr_ratio"}),
        ("vix", {"vix_ratio"}),
        ("gex_signal", {"gex_signal"}),
        ("volume", {"volume_ratio"}),
        ("sma_200", {"price_to_sma_200"}),
    ],
)
def test_an_absent_input_makes_its_elements_absent_and_no_other(missing: str, absent: set[str]) -> None:
    row = {name: value for name, value in QUICK_START.items() if name != missing}
    vector = situation_vectors(features_of([row]))[0]
    assert {n for n, v in zip(VECTOR_NAMES, vector, strict=True) if math.isnan(v)} == absent


@pytest.mark.parametrize("nothing", [0.0, -1.0, math.inf])
def test_a_ratio_to_nothing_is_absent_not_zero(nothing: float) -> None:
    assert math.isnan(element("volume_ratio", {**QUICK_START, "avg_volume": nothing}))
    assert math.isnan(element("price_to_sma_20", {**QUICK_START, "atr": nothing}))


def test_bands_of_no_width_hold_no_position() -> None:
    assert math.isnan(element("bollinger_position", {**QUICK_START, "bb_upper": 175.0}))


def test_a_price_far_above_its_band_is_cut_at_one() -> None:
    assert element("bollinger_position", {**QUICK_START, "price": 500.0}) == 1.0
