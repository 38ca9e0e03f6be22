"""The consensus lies within its votes, ignores their order, and stands aside where they conflict."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lightning_gex.agents.consensus import ConsensusConfig, build_consensus, equal_weights, overlap_of
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.enums import ConsensusOutcome
from lightning_gex.core.errors import InputError, SettingsError

NAN = float("nan")
FIELDS = (
    "direction",
    "confidence",
    "agreement",
    "conflict",
    "target_price",
    "stop_price",
    "horizon_sessions",
    "voting",
)


def random_votes(make_votes, seed: int, agents: int, rows: int):
    random = np.random.default_rng(seed)
    votes = []
    for k in range(agents):
        direction = random.integers(-1, 2, rows)
        confidence = np.where(direction == 0, 0.5, random.uniform(0.5, 1.0, rows))
        abstains = random.random(rows) < 0.2
        votes.append(
            make_votes(
                f"Agent {k}",
                np.where(abstains, 0, direction),
                np.where(abstains, np.nan, confidence),
                target=np.where(random.random(rows) < 0.3, np.nan, random.uniform(50, 150, rows)),
                stop=random.uniform(50, 150, rows),
                horizon=random.integers(3, 22, rows),
            )
        )
    weights = {v.agent: float(w) for v, w in zip(votes, random.uniform(0.1, 3.0, agents), strict=True)}
    return votes, weights, np.full(rows, 100.0)


CASES = {"seed": st.integers(0, 10**6), "agents": st.integers(1, 7), "rows": st.integers(1, 12)}


@given(**CASES)
def test_the_order_of_votes_does_not_matter_to_the_bit(make_votes, seed, agents, rows):
    votes, weights, price = random_votes(make_votes, seed, agents, rows)
    shuffled = [votes[k] for k in np.random.default_rng(seed + 1).permutation(agents)]
    one, other = (build_consensus(v, weights, price=price) for v in (votes, shuffled))
    for name in FIELDS:
        assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for i in range(rows):
        leaders = [v[c.leader[i]].agent if c.leader[i] >= 0 else None for c, v in ((one, votes), (other, shuffled))]
        assert leaders[0] == leaders[1]


@given(**CASES)
def test_the_consensus_lies_within_its_votes(make_votes, seed, agents, rows):
    votes, weights, price = random_votes(make_votes, seed, agents, rows)
    consensus = build_consensus(votes, weights, ConsensusConfig(min_confidence=0.5, min_voting=1), price=price)
    for i in range(rows):
        said = [0.5 + v.direction[i] * (v.confidence[i] - 0.5) for v in votes if not v.abstained[i]]
        if not said:
            assert np.isnan(consensus.confidence[i])
            continue
        side = consensus.direction[i]
        p = 0.5 + side * (consensus.confidence[i] - 0.5)
        if side:
            assert min(said) <= p <= max(said)
        for name, toward in (("target_price", side), ("stop_price", -side)):
            level = getattr(consensus, name)[i]
            named = [
                getattr(v, name)[i]
                for v in votes
                if not v.abstained[i] and v.direction[i] == side and toward * (getattr(v, name)[i] - price[i]) > 0
            ]
            if np.isnan(level):
                assert side == 0 or not named
            else:
                assert min(named) - 1e-9 <= level <= max(named) + 1e-9
        horizons = [v.horizon_sessions[i] for v in votes if not v.abstained[i]]
        assert min(horizons) <= consensus.horizon_sessions[i] <= max(horizons)


@given(**CASES)
def test_a_rows_consensus_is_that_of_its_votes_alone(make_votes, seed, agents, rows):
    votes, weights, price = random_votes(make_votes, seed, agents, rows)
    whole = build_consensus(votes, weights, price=price)
    i = rows - 1
    alone = [
        make_votes(
            v.agent,
            v.direction[i:],
            v.confidence[i:],
            target=v.target_price[i],
            stop=v.stop_price[i],
            horizon=v.horizon_sessions[i],
        )
        for v in votes
    ]
    single = build_consensus(alone, weights, price=price[i:])
    for name in (*FIELDS, "leader"):
        assert_array_equal(getattr(whole, name)[i:], getattr(single, name), err_msg=name)


@given(**CASES)
def test_turning_every_vote_around_turns_the_consensus_around(make_votes, seed, agents, rows):
    votes, weights, _ = random_votes(make_votes, seed, agents, rows)
    turned = [make_votes(v.agent, -v.direction, v.confidence) for v in votes]
    one, other = build_consensus(votes, weights), build_consensus(turned, weights)
    assert_array_equal(other.direction, -one.direction)
    assert_allclose(other.confidence, one.confidence, rtol=1e-12)
    assert_array_equal(other.conflict, one.conflict)


@given(**CASES, factor=st.floats(0.01, 100.0))
def test_only_ratios_of_weights_matter(make_votes, seed, agents, rows, factor):
    votes, weights, price = random_votes(make_votes, seed, agents, rows)
    scaled = {name: weight * factor for name, weight in weights.items()}
    one, other = (build_consensus(votes, w, price=price) for w in (weights, scaled))
    assert_allclose(other.confidence, one.confidence, rtol=1e-12)
    assert_allclose(other.target_price, one.target_price, rtol=1e-12)


def test_the_log_odds_are_the_weighted_mean_of_what_each_agent_says(make_votes):
    """By hand: no pair overlaps, so weights 3, 1, 1 of ln(7/3), ln(4/6) and 0, and D is silent."""
    votes = [make_votes("A", 1, 0.7), make_votes("B", -1, 0.6), make_votes("C", 0, 0.5), make_votes("D", 0, NAN)]
    apart = np.zeros((6, 1))
    consensus = build_consensus(votes, {"A": 3.0, "B": 1.0, "C": 1.0, "D": 9.0}, overlap=apart)
    assert_allclose(consensus.log_odds, (3 * np.log(7 / 3) + np.log(4 / 6)) / 5)
    assert_allclose(consensus.confidence, 1 / (1 + np.exp(-consensus.log_odds)))
    assert_allclose(consensus.contribution[:, 0], [3 * np.log(7 / 3) / 5, np.log(4 / 6) / 5, 0, 0])
    assert_allclose(consensus.agreement, 3 / 5)
    assert_allclose(consensus.effective_votes, 25 / 11)
    assert (consensus.direction[0], consensus.voting[0], consensus.leader[0]) == (1, 3, 0)


@given(**CASES)
def test_what_the_agents_add_sums_to_the_log_odds_in_the_order_of_the_votes(make_votes, seed, agents, rows):
    votes, weights, _ = random_votes(make_votes, seed, agents, rows)
    consensus = build_consensus(votes, weights)
    voted = consensus.voting > 0
    assert_allclose(consensus.contribution.sum(axis=0)[voted], consensus.log_odds[voted], atol=1e-12)
    for v, added in zip(votes, consensus.contribution, strict=True):
        assert_array_equal(np.sign(added), np.where(v.confidence == 0.5, 0, v.direction))


def test_an_abstention_does_not_dilute_and_a_neutral_vote_does(make_votes):
    firm = [make_votes("A", 1, 0.7), make_votes("B", 1, 0.7)]
    abstained, neutral = (build_consensus([*firm, make_votes("C", 0, c)], equal_weights("ABC")) for c in (NAN, 0.5))
    assert_allclose(abstained.confidence, 0.7)
    assert_allclose(neutral.log_odds, np.log(7 / 3) * 2 / 3)


def test_agents_that_always_said_the_same_count_like_one(make_votes):
    random = np.random.default_rng(5)
    way = random.choice([-1, 1], 2_000)
    alone = random.choice([-1, 1], 2_000)
    twice = [make_votes("A", way, 0.6), make_votes("B", way, 0.6), make_votes("C", alone, 0.6)]
    once = [make_votes("A", way, 0.6), make_votes("C", alone, 0.6)]
    found, expected = (build_consensus(v, equal_weights("ABC"), overlap=overlap_of(v)) for v in (twice, once))
    assert_allclose(found.log_odds[-500:], expected.log_odds[-500:], atol=0.03)
    assert_allclose(found.effective_votes[-1], 1.8, atol=0.1)  # (1 + 1 + 1)^2 / (3 + 2): two votes, one of them double
    assert found.effective_votes[0] > 1.8  # before anything was seen, the prior


def test_overlap_is_known_from_the_rows_before_only(make_votes):
    random = np.random.default_rng(6)
    votes = [make_votes(name, random.choice([-1, 0, 1], 40), 0.5 + random.random(40) / 2) for name in "CAB"]
    whole = overlap_of(votes)
    cut = [make_votes(v.agent, v.direction[:30], v.confidence[:30]) for v in votes]
    assert_array_equal(whole[:, :30], overlap_of(cut))
    assert_array_equal(whole, overlap_of(votes[::-1]))  # pairs follow the names
    assert_allclose(whole[:, 0], 0.3)


@pytest.mark.parametrize(
    ("votes", "outcome"),
    [
        ({"A": (1, 0.6), "B": (1, 0.6), "C": (0, 0.5)}, ConsensusOutcome.AGREEMENT),
        ({"A": (1, 0.6), "B": (0, NAN), "C": (0, NAN)}, ConsensusOutcome.NO_QUORUM),
        ({"A": (0, NAN), "B": (0, NAN), "C": (0, NAN)}, ConsensusOutcome.NO_QUORUM),
        ({"A": (1, 0.6), "B": (-1, 0.6), "C": (1, 0.6)}, ConsensusOutcome.SPLIT),
        ({"A": (1, 0.51), "B": (1, 0.51), "C": (0, 0.5)}, ConsensusOutcome.UNDECIDED),
    ],
)
def test_every_vote_ends_in_one_named_way_and_only_an_agreement_has_a_direction(make_votes, votes, outcome):
    consensus = build_consensus([make_votes(n, d, c) for n, (d, c) in votes.items()], equal_weights("ABC"))
    assert consensus.outcome[0] == outcome
    assert (consensus.direction[0] != 0) == (outcome is ConsensusOutcome.AGREEMENT)
    assert consensus.conflict[0] == (outcome is ConsensusOutcome.SPLIT)


def test_a_sure_agent_vetoes_a_consensus_of_the_other_direction(make_votes):
    crowd = [make_votes(name, 1, 0.69) for name in "ABCE"]
    for confidence, outcome in ((0.69, ConsensusOutcome.AGREEMENT), (0.7, ConsensusOutcome.VETO)):
        consensus = build_consensus([*crowd, make_votes("D", -1, confidence)], equal_weights("ABCDE"))
        assert consensus.outcome[0] == outcome
    assert (consensus.direction[0], consensus.vetoed_by[0], consensus.leader[0]) == (0, 4, -1)
    assert consensus.conflict[0]
    only_certainty = ConsensusConfig(veto_confidence=1.0)
    assert build_consensus([*crowd, make_votes("D", -1, 0.8)], equal_weights("ABCDE"), only_certainty).direction[0] == 1


def test_a_sure_agent_of_the_same_direction_vetoes_nothing(make_votes):
    votes = [make_votes("A", 1, 0.9), make_votes("B", 1, 0.6)]
    assert build_consensus(votes, equal_weights("AB")).outcome[0] == ConsensusOutcome.AGREEMENT


def test_two_strong_sides_are_a_conflict_and_the_consensus_stands_aside(make_votes):
    votes = [make_votes("A", 1, 0.9), make_votes("B", -1, 0.55), make_votes("C", 0, 0.5)]
    consensus = build_consensus(votes, equal_weights("ABC"))
    assert consensus.conflict[0]
    assert (consensus.direction[0], consensus.leader[0]) == (0, -1)
    assert np.isnan(consensus.target_price[0])
    assert consensus.confidence[0] > 0.52  # it would have been enough


def test_a_single_dissenter_among_five_is_no_conflict(make_votes):
    votes = [make_votes(name, 1, 0.7) for name in "ABCD"] + [make_votes("E", -1, 0.65)]
    consensus = build_consensus(votes, equal_weights("ABCDE"))
    assert not consensus.conflict[0]
    assert consensus.direction[0] == 1


@pytest.mark.parametrize(("confidence", "direction"), [(0.53, 1), (0.52, 1), (0.519, 0), (0.5, 0)])
def test_inside_the_dead_band_the_consensus_is_neutral(make_votes, confidence, direction):
    votes = [make_votes("A", 1, confidence), make_votes("B", 1, confidence)]
    assert build_consensus(votes, equal_weights("AB")).direction[0] == direction


def test_fewer_votes_than_the_minimum_are_neutral(make_votes):
    votes = [make_votes("A", [1, 1], [0.8, 0.8]), make_votes("B", [0, 1], [NAN, 0.8])]
    consensus = build_consensus(votes, equal_weights("AB"))
    assert_array_equal(consensus.direction, [0, 1])
    assert_array_equal(consensus.voting, [1, 2])
    assert build_consensus(votes, equal_weights("AB"), ConsensusConfig(min_voting=1)).direction[0] == 1


def test_where_nobody_votes_there_is_no_confidence(make_votes):
    consensus = build_consensus([make_votes("A", 0, NAN), make_votes("B", 0, NAN)], equal_weights("AB"))
    assert np.isnan(consensus.confidence[0])
    assert np.isnan(consensus.agreement[0])
    assert (consensus.direction[0], consensus.leader[0], consensus.voting[0]) == (0, -1, 0)
    assert consensus.horizon_sessions[0] == 1


def test_target_and_stop_come_from_winners_on_the_right_side_by_weight_and_confidence(make_votes):
    votes = [
        make_votes("A", 1, 0.8, target=110.0, stop=95.0, horizon=5),
        make_votes("B", 1, 0.6, target=120.0, stop=101.0, horizon=21),
        make_votes("C", 1, 0.7, target=99.0, horizon=5),
        make_votes("D", -1, 0.6, target=80.0, stop=105.0, horizon=21),
        make_votes("E", 0, 0.5, horizon=21),
    ]
    consensus = build_consensus(votes, equal_weights("ABCDE") | {"B": 2.0}, price=np.array([100.0]))
    assert_allclose(consensus.target_price, (0.8 * 110 + 2 * 0.6 * 120) / (0.8 + 1.2))  # every pair overlaps alike
    assert_allclose(consensus.stop_price, 95.0)
    assert consensus.horizon_sessions[0] == (5 + 2 * 21 + 5) / 4


def test_the_leader_is_the_winner_that_moved_the_consensus_most(make_votes):
    votes = [make_votes("B", 1, 0.6), make_votes("A", 1, 0.7), make_votes("C", -1, 0.65)]
    assert build_consensus(votes, {"A": 1.0, "B": 3.0, "C": 0.1}).leader[0] == 0
    assert build_consensus(votes, {"A": 2.0, "B": 1.0, "C": 0.1}).leader[0] == 1
    alike = [make_votes("B", 1, 0.6), make_votes("A", 1, 0.6)]
    assert build_consensus(alike, equal_weights("AB")).leader[0] == 1  # equal: the first by name


@pytest.mark.parametrize("weight", [0.0, -1.0, NAN, float("inf")])
def test_a_weight_that_is_no_positive_number_is_refused(make_votes, weight):
    with pytest.raises(SettingsError, match="'A'"):
        build_consensus([make_votes("A", 1, 0.6)], {"A": weight})


def test_a_missing_weight_two_agents_of_one_name_and_no_agents_are_refused(make_votes):
    with pytest.raises(SettingsError, match="no weight"):
        build_consensus([make_votes("A", 1, 0.6)], {"B": 1.0})
    with pytest.raises(SettingsError, match="two agents"):
        build_consensus([make_votes("A", 1, 0.6), make_votes("A", 1, 0.6)], {"A": 1.0})
    with pytest.raises(SettingsError, match="at least one agent"):
        build_consensus([], {})


def test_votes_or_prices_of_different_lengths_are_refused(make_votes):
    votes = [make_votes("A", [1, 1], [0.6, 0.6]), make_votes("B", 1, 0.6)]
    with pytest.raises(InputError, match="B has 1 votes"):
        build_consensus(votes, equal_weights("AB"))
    with pytest.raises(InputError, match="prices"):
        build_consensus(votes[:1], equal_weights("A"), price=np.ones(3))


@pytest.mark.parametrize(
    "wrong", [{"min_confidence": 0.4}, {"min_voting": 0}, {"conflict_share": 0.6}, {"veto_confidence": 0.5}]
)
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        ConsensusConfig(**wrong)


def test_the_quick_start_is_bullish_under_equal_weights(make_features):
    features = make_features()
    votes = [agent.vote(features) for agent in default_agents()]
    consensus = build_consensus(votes, equal_weights([v.agent for v in votes]), price=features["price"])
    assert consensus.direction[0] == 1
    assert consensus.confidence[0] >= 0.55
    assert consensus.stop_price[0] < 180.0 < consensus.target_price[0] <= 189.50
    assert votes[consensus.leader[0]].agent == "Trend Agent"


@pytest.mark.shared_data
def test_on_real_bars_every_direction_occurs_and_none_is_the_rule(shared_data):
    """2012-2018 of SPY: a consensus that is always neutral, or never bearish, would be broken."""
    import polars as pl

    from lightning_gex.analytics.indicators import price_features
    from lightning_gex.core.bars import Bars
    from lightning_gex.core.features import Features

    table = pl.read_parquet(shared_data / "daily" / "index_etf_megacap_ohlcv.parquet").filter(
        (pl.col("ticker") == "SPY") & (pl.col("date") < pl.datetime(2019, 1, 1))
    )
    open_, high, low, close, volume = (
        table[name].to_numpy().astype(np.float64) for name in ("open", "high", "low", "close", "volume")
    )
    session = table["date"].to_numpy().astype("datetime64[D]")
    bars = Bars("SPY", session, open_, np.maximum(high, close), np.minimum(low, close), close, volume)
    features = Features("SPY", session.astype("datetime64[s]"), price_features(bars))
    votes = [agent.vote(features) for agent in default_agents()]
    consensus = build_consensus(votes, equal_weights([v.agent for v in votes]), price=features["price"])
    judged = consensus.direction[session >= np.datetime64("2012-01-01")]
    shares = [float(np.mean(judged == side)) for side in (-1, 0, 1)]
    assert all(0.02 < share < 0.9 for share in shares)
    for vote, side in itertools.product(votes[:4], (-1, 1)):
        assert (vote.direction == side).any()
