"""What regimes are told from: thresholds of entry, and what still holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.enums import MarketRegime
from lightning_gex.risk.regime_figures import CODE, NO_REGIME, REGIMES, RegimeFigures, holding, told_codes

NAN = math.nan


def figures(vix: float, average: float = NAN, trend: float = 0.0, adx: float = 15.0, breadth: float = NAN):
    one = {"vix": vix, "vix_average": average, "trend": trend, "adx": adx, "breadth": breadth}
    own = dict.fromkeys(("own_volatility", "own_trend", "own_adx"), np.array([False]))
    return RegimeFigures(**{name: np.array([value]) for name, value in one.items()}, **own)


def told(found: RegimeFigures) -> MarketRegime | None:
    code = int(told_codes(found)[0])
    return None if code == NO_REGIME else REGIMES[code]


def holds(found: RegimeFigures, moves: float) -> set[MarketRegime]:
    row = holding(found, moves)[0]
    return {regime for regime, code in CODE.items() if row[code]}


_MAYBE = st.one_of(st.just(NAN), st.floats(-1, 1))
_FIGURES = st.builds(
    figures,
    st.one_of(st.just(NAN), st.floats(5, 90)),
    st.one_of(st.just(NAN), st.floats(5, 90)),
    _MAYBE,
    st.one_of(st.just(NAN), st.floats(0, 60)),
    st.one_of(st.just(NAN), st.floats(0.05, 15)),
)


@given(st.floats(5, 90), st.one_of(st.just(NAN), st.floats(5, 90)))
def test_a_crisis_is_a_high_vix_or_a_jump_to_a_fairly_high_one(vix, average):
    crisis = vix >= 40.0 or (vix >= 30.0 and vix >= 1.5 * average)
    high = vix >= 25.0 or (vix >= 20.0 and vix >= 1.25 * average)
    found = told(figures(vix, average))
    assert (found is MarketRegime.CRISIS) == crisis
    assert (found is MarketRegime.HIGH_VOLATILITY) == (high and not crisis)


@given(_FIGURES, st.floats(0, 3))
def test_what_a_row_tells_also_holds_unless_the_trend_is_past_doubt(found, moves):
    regime = told(found)
    if regime is None or regime is MarketRegime.CUSTOM_REGIME:
        return
    contradicted = regime is MarketRegime.RANGE_BOUND and abs(float(found.trend[0])) >= 0.25 and found.adx[0] >= 25
    assert regime in holds(found, moves) or contradicted


@given(_FIGURES, st.floats(0, 2), st.floats(0, 2))
def test_a_wider_margin_holds_whatever_a_narrower_one_holds(found, moves, more):
    assert holds(found, moves) <= holds(found, moves + more)


@pytest.mark.parametrize(
    ("regime", "inside", "outside"),
    [
        (MarketRegime.CRISIS, {"vix": 37.5}, {"vix": 37.2}),  # 40 exp(-0.07) = 37.30
        (MarketRegime.HIGH_VOLATILITY, {"vix": 23.4}, {"vix": 23.2}),  # 25 exp(-0.07) = 23.31
        (MarketRegime.LOW_VOLATILITY, {"vix": 15.0}, {"vix": 15.1}),  # 14 exp(0.07) = 15.02
        (MarketRegime.BULL_TRENDING, {"trend": 0.125, "adx": 24.0}, {"trend": 0.125, "adx": 23.9}),
        (MarketRegime.BEAR_TRENDING, {"trend": -0.125, "adx": 24.0}, {"trend": -0.12, "adx": 24.0}),
        (MarketRegime.RANGE_BOUND, {"trend": 0.37, "adx": 30.0}, {"trend": 0.375, "adx": 26.0}),
    ],
)
def test_a_regime_ends_one_usual_move_past_the_threshold_it_was_entered_by(regime, inside, outside):
    assert regime in holds(figures(**{"vix": 18.0, **inside}), 1.0)
    assert regime not in holds(figures(**{"vix": 18.0, **outside}), 1.0)


def test_without_a_vix_nothing_is_told_and_nothing_holds():
    assert told(figures(NAN, trend=0.9, adx=40.0)) is None
    assert holds(figures(NAN, trend=0.9, adx=40.0), 1.0) == set()
