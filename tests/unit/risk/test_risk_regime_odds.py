"""The probability of each regime at the next session's close."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.enums import MarketRegime
from lightning_gex.risk.regime_figures import CODE, RegimeFigures
from lightning_gex.risk.regime_odds import next_session_odds

NAN = math.nan


def odds(vix: float, *, average=NAN, trend=0.0, adx=15.0, breadth=NAN, custom=False) -> dict[MarketRegime, float]:
    one = {name: np.array([value]) for name, value in (("vix", vix), ("vix_average", average), ("trend", trend))}
    own = dict.fromkeys(("own_volatility", "own_trend", "own_adx"), np.array([False]))
    figures = RegimeFigures(**one, adx=np.array([adx]), breadth=np.array([breadth]), **own)
    row = next_session_odds(figures, np.array([custom]))[0]
    return {regime: float(row[code]) for regime, code in CODE.items()}


def test_at_a_threshold_either_side_is_as_probable():
    assert odds(40.0)[MarketRegime.CRISIS] == pytest.approx(0.5)
    found = odds(25.0)
    assert found[MarketRegime.HIGH_VOLATILITY] + found[MarketRegime.CRISIS] == pytest.approx(0.5)


def test_one_usual_move_below_the_threshold_of_a_crisis_it_has_the_logistic_tail():
    # A logistic distribution of standard deviation 1 has scale sqrt(3) / pi: P(X > 1) = 1 / (1 + exp(pi / sqrt(3))).
    expected = 1.0 / (1.0 + math.exp(math.pi / math.sqrt(3.0)))
    assert odds(40.0 * math.exp(-0.07))[MarketRegime.CRISIS] == pytest.approx(expected, rel=1e-12)


def test_a_jump_over_its_average_brings_the_threshold_down():
    assert odds(32.0, average=20.0)[MarketRegime.CRISIS] > 0.8  # the threshold is 30
    assert odds(32.0, average=30.0)[MarketRegime.CRISIS] < 0.05  # it is 40


def test_deep_inside_a_regime_it_is_nearly_certain():
    assert odds(60.0)[MarketRegime.CRISIS] > 0.99
    assert odds(17.0, trend=0.9, adx=40.0)[MarketRegime.BULL_TRENDING] > 0.99
    assert odds(17.0, trend=-0.9, adx=40.0)[MarketRegime.BEAR_TRENDING] > 0.99
    assert odds(10.0)[MarketRegime.LOW_VOLATILITY] > 0.99
    assert odds(18.0)[MarketRegime.RANGE_BOUND] > 0.95


def test_breadth_against_the_trend_argues_against_it():
    assert odds(17.0, trend=0.9, adx=40.0, breadth=0.3)[MarketRegime.BULL_TRENDING] < 0.01
    assert odds(17.0, trend=-0.9, adx=40.0, breadth=4.0)[MarketRegime.BEAR_TRENDING] < 0.01


def test_the_users_own_regime_is_certain_while_its_rule_holds():
    assert odds(17.0, custom=True) == {r: float(r is MarketRegime.CUSTOM_REGIME) for r in MarketRegime}


def test_without_any_measure_of_volatility_there_are_no_odds():
    assert all(math.isnan(p) for p in odds(NAN).values())


_FIGURE = st.one_of(st.just(NAN), st.floats(-1, 1))


@given(st.floats(1, 150), st.one_of(st.just(NAN), st.floats(1, 150)), _FIGURE, st.floats(0, 100), st.floats(0.01, 20))
def test_odds_are_probabilities_that_add_up_to_one(vix, average, trend, adx, breadth):
    found = odds(vix, average=average, trend=trend, adx=adx, breadth=breadth)
    assert sum(found.values()) == pytest.approx(1.0)
    assert all(-1e-12 <= p <= 1 + 1e-12 for p in found.values())


@given(st.floats(5, 80), st.floats(1.0, 2.0))
def test_a_higher_vix_never_makes_a_crisis_less_probable(vix, factor):
    assert odds(vix * factor)[MarketRegime.CRISIS] >= odds(vix)[MarketRegime.CRISIS]
