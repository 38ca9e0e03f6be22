"""Regimes along time: danger counts at once, relief has to prove itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.errors import SettingsError
from lightning_gex.risk.regime_figures import CODE, NO_REGIME, REGIMES
from lightning_gex.risk.regime_path import RegimeRules, settled

BULL, BEAR = CODE[MarketRegime.BULL_TRENDING], CODE[MarketRegime.BEAR_TRENDING]
HIGH, CRISIS = CODE[MarketRegime.HIGH_VOLATILITY], CODE[MarketRegime.CRISIS]
RANGE, CUSTOM = CODE[MarketRegime.RANGE_BOUND], CODE[MarketRegime.CUSTOM_REGIME]
DANGER = {HIGH: 1, CRISIS: 2}


def path(told: list[int], *, holds: bool | list[bool] = False, dwell: int = 3) -> tuple[list[int], list[int]]:
    """Regimes in force, and sessions in them, where every regime holds on those rows or never."""
    still = np.zeros((len(told), len(REGIMES)), dtype=np.bool_)
    still[np.broadcast_to(np.array(holds), len(told))] = True
    code, since = settled(np.array(told, dtype=np.int8), still, RegimeRules(dwell, 1.0))
    return code.tolist(), since.tolist()


def test_a_calmer_regime_takes_over_only_after_the_minimum_dwell():
    assert path([HIGH, RANGE, RANGE, RANGE, RANGE]) == ([HIGH, HIGH, HIGH, RANGE, RANGE], [1, 2, 3, 1, 2])


def test_more_danger_takes_over_at_once():
    assert path([RANGE, HIGH, CRISIS])[0] == [RANGE, HIGH, CRISIS]


def test_a_crisis_is_left_for_high_volatility_like_any_other_relief():
    assert path([CRISIS, HIGH, HIGH, HIGH])[0] == [CRISIS, CRISIS, CRISIS, HIGH]


def test_what_still_holds_is_not_given_up_however_old_it_is():
    assert path([BULL, RANGE, RANGE, RANGE, RANGE, RANGE], holds=True)[0] == [BULL] * 6
    told, holds = [BULL, RANGE, RANGE, RANGE, RANGE], [True, True, True, True, False]
    assert path(told, holds=holds)[0] == [BULL, BULL, BULL, BULL, RANGE]


def test_one_row_of_another_regime_changes_nothing():
    assert path([BULL, RANGE, BULL, BEAR, BULL]) == ([BULL] * 3 + [BEAR] * 2, [1, 2, 3, 1, 2])


def test_without_dwell_and_margin_every_row_stands_for_itself():
    told = [BULL, RANGE, HIGH, CRISIS, RANGE, BEAR]
    assert path(told, dwell=1)[0] == told


def test_the_users_own_regime_begins_and_ends_with_its_rule():
    assert path([BULL, CUSTOM, BULL, RANGE], holds=True)[0] == [BULL, CUSTOM, BULL, BULL]


def test_a_row_that_tells_nothing_has_no_regime_and_the_next_begins_anew():
    assert path([BULL, NO_REGIME, RANGE], holds=True) == ([BULL, NO_REGIME, RANGE], [1, 0, 1])


_TOLD = st.lists(st.integers(NO_REGIME, len(REGIMES) - 1), min_size=1, max_size=40)


@given(_TOLD, st.integers(1, 10), st.randoms(use_true_random=False))
def test_regimes_last_and_never_understate_danger(told, dwell, random):
    still = np.array([[random.random() < 0.5 for _ in REGIMES] for _ in told])
    rows = np.array(told, dtype=np.int8)
    code, since = settled(rows, still, RegimeRules(dwell, 1.0))
    for i, (row, now) in enumerate(zip(told, code.tolist(), strict=True)):
        assert (now == NO_REGIME) == (row == NO_REGIME)
        assert DANGER.get(now, 0) >= DANGER.get(row, 0) or row == CUSTOM or now == CUSTOM
        if i and now != code[i - 1]:
            left = int(code[i - 1])
            forced = {left, now} & {NO_REGIME, CUSTOM} or DANGER.get(now, 0) > DANGER.get(left, 0)
            assert forced or (since[i - 1] >= dwell and not still[i][left])
            assert since[i] == (now != NO_REGIME)
    cut = len(told) // 2 + 1
    assert settled(rows[:cut], still[:cut], RegimeRules(dwell, 1.0))[0].tolist() == code[:cut].tolist()


@pytest.mark.parametrize("wrong", [{"minimum_dwell_sessions": 0}, {"minimum_dwell_sessions": True}, {"exit_moves": -1}])
def test_rules_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        RegimeRules(**wrong)
