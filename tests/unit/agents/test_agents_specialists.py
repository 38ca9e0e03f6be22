"""Each specialist says what its field says, abstains where it cannot know, and never looks ahead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lightning_gex.agents.breakout import BreakoutAgent
from lightning_gex.agents.options_flow import OptionsFlowAgent
from lightning_gex.agents.registry import default_agents
from lightning_gex.agents.reversal import ReversalAgent
from lightning_gex.agents.trend import TrendAgent
from lightning_gex.agents.volatility import VolatilityAgent
from lightning_gex.core.enums import Direction
from lightning_gex.core.features import ALL_FEATURES, OPTIONS_FEATURES

NAN = float("nan")
AGENTS = default_agents()
NUMBERS = ("direction", "confidence", "target_price", "stop_price", "horizon_sessions", "abstained")
NEEDED = [
    (TrendAgent(), ("price", "sma_20", "sma_50", "sma_200", "adx")),
    (ReversalAgent(), ("price", "rsi", "bb_upper", "bb_lower", "stochastic")),
    (BreakoutAgent(), ("price", "resistance", "support")),
    (VolatilityAgent(), ("price", "sma_20", "atr", "atr_20_avg", "bb_width", "bb_width_avg")),
]
WILD = {"seed": st.integers(0, 10**6), "rows": st.integers(1, 40), "absent": st.sampled_from([0.0, 0.1, 0.5])}


def vote_of(agent, features):
    return agent.vote(features).at(0)


@pytest.mark.parametrize("agent", AGENTS, ids=lambda a: a.name)
class TestEveryAgent:
    @given(**WILD)
    def test_votes_are_well_formed_on_whatever_features(self, agent, wild_features, seed, rows, absent):
        features = wild_features(seed, rows, absent)
        votes = agent.vote(features)
        voted, side = ~votes.abstained, votes.direction
        price = features["price"]
        assert np.isnan(votes.confidence[~voted]).all()
        assert ((votes.confidence[voted] >= 0.5) & (votes.confidence[voted] <= 0.5 + agent.max_edge)).all()
        assert (votes.confidence[voted & (side == 0)] == 0.5).all()
        assert (side[~voted] == 0).all()
        for level, toward in ((votes.target_price, side), (votes.stop_price, -side)):
            named = ~np.isnan(level)
            assert (level[named] > 0).all()
            assert (toward[named] * (level - price)[named] > 0).all()
        assert ((votes.horizon_sessions >= 3) & (votes.horizon_sessions <= 21)).all()

    @given(**WILD)
    def test_a_rows_vote_is_the_vote_on_that_row_alone(self, agent, wild_features, seed, rows, absent):
        features = wild_features(seed, rows, absent)
        votes = agent.vote(features)
        for i in {0, rows // 2, rows - 1}:
            alone = agent.vote(features.row(i))
            for name in NUMBERS:
                assert_array_equal(getattr(votes, name)[i : i + 1], getattr(alone, name), err_msg=name)
            assert votes.at(i).reasons == alone.at(0).reasons

    @given(seed=st.integers(0, 10**6), rows=st.integers(2, 40), cut=st.integers(1, 39))
    def test_truncating_the_future_changes_no_past_vote(self, agent, wild_features, make_features, seed, rows, cut):
        features = wild_features(seed, rows, 0.1)
        cut = min(cut, rows - 1)
        past = make_features(bare=True, **{name: values[:cut] for name, values in features.columns.items()})
        whole, early = agent.vote(features), agent.vote(past)
        for name in NUMBERS:
            assert_array_equal(getattr(whole, name)[:cut], getattr(early, name), err_msg=name)

    @given(seed=st.integers(0, 10**6))
    def test_another_currency_changes_levels_and_nothing_else(self, agent, wild_features, make_features, seed):
        features = wild_features(seed, 12, 0.1)
        levels = {
            "price",
            "sma_20",
            "sma_50",
            "sma_200",
            "bb_upper",
            "bb_lower",
            "resistance",
            "support",
            "atr",
            "atr_20_avg",
        }
        levels |= {"zero_gamma", "call_wall", "put_wall"}
        scaled = make_features(bare=True, **{k: v * 4 if k in levels else v for k, v in features.columns.items()})
        before, after = agent.vote(features), agent.vote(scaled)
        assert_array_equal(before.direction, after.direction)
        assert_allclose(after.confidence, before.confidence, rtol=1e-12)
        assert_allclose(after.target_price, before.target_price * 4, rtol=1e-12)

    def test_it_abstains_on_nothing_and_says_what_is_absent(self, agent, make_features):
        for features in (
            make_features(bare=True, **dict.fromkeys(ALL_FEATURES, NAN)),
            make_features(bare=True, spy_trend=0.5),
        ):
            vote = vote_of(agent, features)
            assert vote.abstained
            assert vote.reasons[0].startswith("absent: ")

    def test_it_answers_no_rows_with_no_votes(self, agent, make_features):
        votes = agent.vote(make_features().row(1))  # past the end: no rows
        assert len(votes) == len(votes.confidence) == 0


@pytest.mark.parametrize(("agent", "name"), [(agent, name) for agent, names in NEEDED for name in names])
def test_an_agent_abstains_and_names_the_input_that_is_absent(agent, name, make_features):
    votes = agent.vote(make_features(**{name: [180.0, NAN]}))
    assert_array_equal(votes.abstained, [False, True])
    assert votes.at(1).reasons == (f"absent: {name}",)
    assert name in votes.abstain_reason


def test_an_abstention_passes_on_why_a_column_was_not_given(make_features):
    features = make_features(bare=True, price=100.0, absent={"support": "bars too short"})
    assert vote_of(BreakoutAgent(), features).reasons == ("absent: resistance, support (bars too short)",)


class TestTrend:
    def test_averages_in_order_are_followed_up_and_down(self, make_features):
        up = vote_of(TrendAgent(), make_features())
        down = vote_of(TrendAgent(), make_features(price=165.0, sma_20=168.0, sma_50=170.0, sma_200=175.0))
        assert (up.direction, down.direction) == (Direction.BULLISH, Direction.BEARISH)
        assert up.confidence == down.confidence == 0.75
        assert "price 180.00 above its 200-session average 170.00" in up.reasons
        assert "price 165.00 below its 200-session average 175.00" in down.reasons
        assert "ADX 35.0, 30 or more: a strong trend" in up.reasons

    def test_it_is_neutral_rather_than_abstaining_where_averages_disagree(self, make_features):
        vote = vote_of(TrendAgent(), make_features(price=172.0, sma_20=174.0, sma_50=176.0, sma_200=170.0))
        assert (vote.direction, vote.confidence, vote.abstained) == (Direction.NEUTRAL, 0.5, False)

    def test_confidence_rises_with_adx(self, make_features):
        votes = TrendAgent().vote(make_features(adx=[5.0, 15.0, 20.0, 25.0, 30.0, 60.0]))
        assert_allclose(votes.confidence, [0.6, 0.6, 0.65, 0.7, 0.75, 0.75])

    def test_target_and_stop_are_multiples_of_atr(self, make_features):
        vote = vote_of(TrendAgent(target_atr=3.0, stop_atr=1.0), make_features())
        assert (vote.target_price, vote.stop_price) == (180 + 3 * 4.5, 180 - 4.5)

    def test_without_atr_it_votes_and_names_no_levels(self, make_features):
        vote = vote_of(TrendAgent(), make_features(atr=NAN))
        assert vote.direction is Direction.BULLISH
        assert np.isnan([vote.target_price, vote.stop_price]).all()


class TestReversal:
    def test_two_stretched_measures_call_for_a_reversal(self, make_features):
        low = vote_of(ReversalAgent(), make_features(rsi=25.0, stochastic=10.0, adx=20.0))
        high = vote_of(ReversalAgent(), make_features(rsi=75.0, stochastic=90.0, adx=20.0))
        assert (low.direction, high.direction) == (Direction.BULLISH, Direction.BEARISH)
        assert_allclose(low.confidence, 0.5 + 0.25 * (2 / 3 + 5 / 6) / 3)
        assert_allclose(high.confidence, low.confidence)
        assert low.reasons == ("RSI 25.0, 30 or below: oversold", "stochastic 10.0, 20 or below: oversold")

    def test_one_measure_alone_is_neutral(self, make_features):
        assert vote_of(ReversalAgent(), make_features(rsi=25.0)).direction is Direction.NEUTRAL

    def test_measures_that_contradict_each_other_are_neutral(self, make_features):
        features = make_features(rsi=25.0, stochastic=10.0, price=186.0)
        assert vote_of(ReversalAgent(), features).direction is Direction.NEUTRAL

    def test_a_strong_trend_takes_off_half_of_the_score(self, make_features):
        votes = ReversalAgent().vote(make_features(rsi=15.0, stochastic=5.0, price=170.0, adx=[20.0, 45.0, NAN]))
        assert_allclose(votes.confidence, [0.75, 0.625, 0.75])

    def test_the_target_is_the_middle_band(self, make_features):
        vote = vote_of(ReversalAgent(), make_features(rsi=25.0, stochastic=10.0, price=174.0))
        assert vote.target_price == 180.0
        assert vote.stop_price == 174.0 - 2.0 * 4.5

    def test_bands_without_width_say_nothing(self, make_features):
        vote = vote_of(ReversalAgent(), make_features(bb_upper=180.0, bb_lower=180.0, rsi=25.0))
        assert vote.direction is Direction.NEUTRAL


class TestBreakout:
    def test_a_close_beyond_a_level_is_followed_and_between_them_nothing(self, make_features):
        votes = BreakoutAgent().vote(make_features(price=[186.0, 185.0, 180.0, 175.0, 174.0]))
        assert_array_equal(votes.direction, [1, 0, 0, 0, -1])

    def test_the_target_is_a_multiple_of_atr_beyond_the_price(self, make_features):
        assert_allclose(BreakoutAgent().vote(make_features(price=[186.0, 174.0])).target_price, [195.45, 164.55])

    def test_volume_confirms_a_break(self, make_features):
        volume = [1e6, 1.5e6, 2.25e6, 3e6, NAN]
        votes = BreakoutAgent().vote(make_features(price=186.0, volume=volume))
        assert_allclose(votes.confidence, [0.6, 0.6, 0.675, 0.75, 0.6])
        assert "volume unknown" in votes.at(4).reasons
        assert "on 2.00 times average volume" in votes.at(3).reasons
        assert "on only 0.67 times average volume" in votes.at(0).reasons
        assert votes.at(3).reasons[0] == "close 186.00, above the resistance of 20 sessions at 185.00"

    def test_the_stop_is_behind_the_level_or_nearer(self, make_features):
        stops = BreakoutAgent().vote(make_features(price=[185.5, 190.0])).stop_price
        assert_allclose(stops, [185.0 - 4.5, 190.0 - 2.0 * 4.5])  # one ATR behind the level; two from the price
        stop = BreakoutAgent().vote(make_features(price=174.5)).stop_price[0]
        assert_allclose(stop, 175.0 + 4.5)


class TestVolatility:
    def test_the_four_corners_of_volatility_and_price(self, make_features):
        features = make_features(
            price=[180.0, 170.0, 180.0, 170.0], atr=[4.0, 6.0, 6.0, 4.0], bb_width=[0.05, 0.07, 0.07, 0.05], vix=NAN
        )
        votes = VolatilityAgent().vote(features)
        assert_array_equal(votes.direction, [1, -1, 0, 0])
        assert "price 180.00 holds its 20-session average 178.00" in votes.at(0).reasons
        assert "ATR 6.00, +20 % from its 20-session average 5.00: livelier" in votes.at(1).reasons
        assert "Bollinger width 0.050, -17 % from its 20-session average 0.060: calmer" in votes.at(0).reasons

    def test_confidence_grows_with_the_change_up_to_its_edge(self, make_features):
        votes = VolatilityAgent().vote(
            make_features(atr=[4.9, 4.5, 4.0, 2.0], bb_width=0.06 * np.array([0.98, 0.9, 0.8, 0.4]), vix=NAN)
        )
        assert_array_equal(votes.direction, [0, 1, 1, 1])
        assert (np.diff(votes.confidence) > 0).all()
        assert_allclose(votes.confidence[-1], 0.65)

    def test_vix_counts_where_it_is_known(self, make_features):
        votes = VolatilityAgent().vote(make_features(vix=[9.0, 18.0, NAN]))
        assert votes.confidence[0] > votes.confidence[2] > votes.confidence[1]

    def test_the_forecast_for_a_week_counts_against_the_last_month(self, make_features):
        votes = VolatilityAgent().vote(
            make_features(vix=NAN, volatility_forecast_5=[0.10, 0.20, NAN], realised_volatility=[0.20, 0.20, 0.20])
        )
        assert votes.confidence[0] > votes.confidence[2] > votes.confidence[1]
        assert "forecast volatility 10.0% for a week, the last month's 20.0%: calmer" in votes.at(0).reasons

    def test_target_and_stop_stand_one_forecast_deviation_of_ten_sessions_away(self, make_features):
        votes = VolatilityAgent().vote(
            make_features(atr=4.0, bb_width=0.05, vix=NAN, volatility_forecast_10=[0.252, NAN])
        )
        assert_array_equal(votes.direction, [1, 1])
        away = 180.0 * 0.252 * (10 / 252) ** 0.5
        assert_allclose(votes.target_price, [180.0 + away, 180.0 + 2.1 * 4.0])
        assert_allclose(votes.stop_price, [180.0 - away, 180.0 - 2.1 * 4.0])

    def test_an_average_of_zero_is_absent(self, make_features):
        assert vote_of(VolatilityAgent(), make_features(atr_20_avg=0.0)).reasons == ("absent: atr_20_avg",)


class TestOptionsFlow:
    chain = {  # noqa: RUF012  # read only
        "price": 100.0,
        "atr": 2.0,
        "gamma_exposure_usd_per_pct": 1e9,
        "zero_gamma": 95.0,
        "call_wall": 110.0,
        "put_wall": 90.0,
        "dealer_models_agree": 1.0,
    }

    def test_ranks_decide_by_their_mean(self, make_features):
        vote = vote_of(OptionsFlowAgent(), make_features())
        assert vote.direction is Direction.BULLISH
        assert_allclose(vote.confidence, 0.5 + 0.25 * (0.75 + 0.65 + 0.55 + 0.60) / 4)
        assert "dealers' gamma is high for its year (rank +0.75): calm" in vote.reasons

    @pytest.mark.parametrize("only", OPTIONS_FEATURES)
    def test_one_rank_is_enough_and_counts_for_less(self, only, make_features):
        vote = vote_of(OptionsFlowAgent(), make_features(bare=True, price=100.0, **{only: -0.8}))
        assert vote.direction is Direction.BEARISH
        assert_allclose(vote.confidence, 0.5 + 0.25 * 0.8 * 5 / 8)

    def test_ranks_near_the_middle_are_neutral(self, make_features):
        ranks = dict.fromkeys(OPTIONS_FEATURES, 0.1)
        vote = vote_of(OptionsFlowAgent(), make_features(**ranks))
        assert (vote.direction, vote.abstained) == (Direction.NEUTRAL, False)

    def test_one_chain_is_read_by_its_signs_and_says_so(self, make_features):
        votes = OptionsFlowAgent().vote(
            make_features(
                bare=True, **self.chain | {"gamma_exposure_usd_per_pct": [1e9, -1e9], "zero_gamma": [95.0, 105.0]}
            )
        )
        assert_array_equal(votes.direction, [1, -1])
        assert_allclose(votes.confidence, 0.5 + 0.25 * 0.8 * 0.25)
        assert "one chain without history: its signs and levels are read, not its ranks" in votes.at(0).reasons
        said = {"dealers are short gamma, -1,000,000,000 USD per 1 %", "price 100.00 below zero gamma 105.00"}
        assert said <= set(votes.at(1).reasons)

    def test_dealer_models_that_disagree_halve_the_strength_of_a_chain(self, make_features):
        agent = OptionsFlowAgent(chain_factor=0.5)
        votes = agent.vote(make_features(bare=True, **self.chain | {"dealer_models_agree": [1.0, 0.0]}))
        assert_allclose((votes.confidence - 0.5)[1], (votes.confidence - 0.5)[0] / 2)
        assert "dealer models disagree on the sign of gamma" in votes.at(1).reasons

    def test_walls_hold_while_dealers_are_long_gamma(self, make_features):
        agent = OptionsFlowAgent(chain_factor=0.5)
        place = agent.vote(make_features(bare=True, **self.chain | {"price": [91.0, 100.0, 109.0], "zero_gamma": NAN}))
        assert_allclose(place.confidence, 0.5 + 0.25 * 0.5 * np.array([0.7, 0.5, 0.3]))
        assert "price 91.00 near the put wall 90.00" in place.at(0).reasons
        assert "price 109.00 near the call wall 110.00" in place.at(2).reasons
        short = self.chain | {"price": [91.0, 109.0], "gamma_exposure_usd_per_pct": -1e9, "zero_gamma": NAN}
        assert len(set(agent.vote(make_features(bare=True, **short)).confidence)) == 1

    def test_no_zero_gamma_and_no_walls_leave_the_sign_of_gamma(self, make_features):
        chain = self.chain | dict.fromkeys(("zero_gamma", "call_wall", "put_wall", "dealer_models_agree"), NAN)
        vote = vote_of(OptionsFlowAgent(chain_factor=0.5), make_features(bare=True, **chain))
        assert vote.direction is Direction.BULLISH
        assert_allclose(vote.confidence, 0.5 + 0.25 * 0.25)

    def test_known_ranks_come_before_the_chain(self, make_features):
        vote = vote_of(OptionsFlowAgent(), make_features(**self.chain | {"gamma_exposure_usd_per_pct": -1e9}))
        assert vote.direction is Direction.BULLISH
        assert not any("chain" in reason for reason in vote.reasons)

    def test_a_wall_nearer_than_the_usual_distance_becomes_target_or_stop(self, make_features):
        near = self.chain | {"call_wall": [103.0, 110.0, 101.0], "put_wall": [97.75, 90.0, 99.0], "zero_gamma": 95.0}
        votes = OptionsFlowAgent(near_wall=0.01).vote(make_features(bare=True, **near))
        assert_allclose(votes.target_price, [103.0, 104.2, 104.2])  # 100 + 2.1 x 2 where the wall is too far or near
        assert_allclose(votes.stop_price, [97.75, 95.8, 95.8])  # 100 - 2.1 x 2


def test_the_quick_start_is_read_as_its_author_meant_it(make_features):
    said = {agent.name: vote_of(agent, make_features()).direction.word for agent in AGENTS}
    assert said == {
        "Trend Agent": "bullish",
        "Reversal Agent": "neutral",
        "Breakout Agent": "neutral",
        "Volatility Agent": "bullish",
        "Options Flow Agent": "bullish",
    }
