"""The order of a session's universe."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.risk.ranking import (
    HIGH_SESSIONS,
    NO_OPINION,
    UNKNOWN,
    USUAL_EDGE,
    WEIGHTS,
    ProvedOpinion,
    Traits,
    heeding,
    ranked,
    standing,
    traits_of,
)

_SCORES = st.dictionaries(st.text("ABCDEF", min_size=1, max_size=3), st.floats(allow_nan=True), max_size=12)


@given(_SCORES, st.randoms(use_true_random=False))
def test_the_order_in_which_tickers_come_does_not_matter(scores, random):
    names = list(scores)
    random.shuffle(names)
    shuffled = ranked({name: scores[name] for name in names})
    assert [(t, r.place, r.of) for t, r in shuffled.items()] == [(t, r.place, r.of) for t, r in ranked(scores).items()]


@given(_SCORES)
def test_places_run_from_the_best_score_to_the_worst_and_unknown_scores_come_last(scores):
    places = ranked(scores)
    assert [r.place for r in places.values()] == list(range(1, len(scores) + 1))
    values = [scores[t] for t in places]
    known = [v for v in values if not math.isnan(v)]
    assert known == sorted(known, reverse=True)
    assert all(math.isnan(v) for v in values[len(known) :])


_KNOWN = st.builds(Traits, *[st.floats(-5, 5)] * 3)
_TRAITS = st.dictionaries(st.text("ABCDEF", min_size=1, max_size=3), _KNOWN | st.just(UNKNOWN), max_size=12)


def _walk(seed, sessions):
    steps = np.random.default_rng(seed).normal(0.0, 0.01, sessions)
    return 100.0 * np.exp(np.cumsum(steps))


def test_traits_are_the_distance_to_the_high_in_volatility_the_half_years_return_and_the_calm():
    close = _walk(1, 300)
    steps = np.diff(np.log(close))
    found = traits_of(close, 299)
    assert found.nearness == pytest.approx(np.log(close[299] / close[48:300].max()) / steps[-63:].std())
    assert found.momentum == pytest.approx(close[299] / close[173] - 1.0)
    assert found.calm == pytest.approx(-steps[-21:].std() / steps[-252:].std())


def test_a_close_at_its_high_is_as_near_as_can_be():
    assert traits_of(np.sort(_walk(2, 260)), 259).nearness == 0.0


def test_with_less_than_a_year_of_steps_nothing_is_known():
    close = _walk(3, HIGH_SESSIONS + 1)
    assert traits_of(close, HIGH_SESSIONS - 1) is UNKNOWN
    assert math.isfinite(traits_of(close, HIGH_SESSIONS).calm)


@pytest.mark.parametrize("bad", [math.nan, 0.0, -1.0])
def test_a_close_that_is_no_price_leaves_nothing_known(bad):
    close = _walk(4, 300)
    close[100] = bad
    assert traits_of(close, 299) is UNKNOWN


def test_a_price_that_stands_still_has_no_traits():
    assert traits_of(np.full(300, 10.0), 299) is UNKNOWN


@given(st.integers(0, 1000), st.floats(1, 1e6), st.integers(0, 40))
def test_traits_see_no_later_close_and_do_not_depend_on_where_the_row_stands(seed, later, dropped):
    close = _walk(seed, 310)
    found = traits_of(close, 299)
    changed = close.copy()
    changed[300:] = later
    assert traits_of(changed, 299) == found
    assert traits_of(close[dropped:], 299 - dropped) == found


@given(_TRAITS, st.randoms(use_true_random=False))
def test_the_order_in_which_traits_come_changes_no_score(traits, random):
    names = list(traits)
    random.shuffle(names)
    shuffled = standing({name: traits[name] for name in names})
    assert {k: repr(v) for k, v in shuffled.items()} == {k: repr(v) for k, v in standing(traits).items()}


@given(_TRAITS)
def test_scores_lie_between_worst_and_best_and_average_one_half(traits):
    scores = [v for v in standing(traits).values() if not math.isnan(v)]
    assert all(0.0 <= v <= 1.0 for v in scores)
    assert not scores or np.mean(scores) == pytest.approx(0.5)


@given(_TRAITS)
def test_an_unknown_ticker_has_no_score_and_counts_for_nobody(traits):
    scores = standing({**traits, "unknown": UNKNOWN})
    assert math.isnan(scores.pop("unknown"))
    assert {k: repr(v) for k, v in scores.items()} == {k: repr(v) for k, v in standing(traits).items()}


@given(_TRAITS, st.floats(0.1, 3.0))
def test_whoever_gains_in_a_trait_never_falls_in_score(traits, gain):
    known = [t for t, v in traits.items() if v is not UNKNOWN]
    if not known:
        return
    better = {**traits, known[0]: replace(traits[known[0]], momentum=traits[known[0]].momentum + gain)}
    assert standing(better)[known[0]] >= standing(traits)[known[0]]


def test_the_best_of_all_has_one_and_the_worst_nought_and_momentum_weighs_half():
    scores = standing({"A": Traits(0.0, 0.3, -0.5), "B": Traits(-1.0, 0.2, -1.0), "C": Traits(-2.0, 0.1, -2.0)})
    assert scores == {"A": 1.0, "B": 0.5, "C": 0.0}
    assert standing({"A": Traits(0.0, 0.1, 0.0), "B": Traits(-1.0, 0.2, -1.0)}) == {"A": 0.5, "B": 0.5}
    assert sum(WEIGHTS) == 1.0


_USUAL = st.dictionaries(st.text("ABCDEF", min_size=1, max_size=3), st.floats(0, 1) | st.just(math.nan), max_size=8)


@given(_USUAL)
def test_where_nothing_is_proved_the_order_is_the_usual_one_to_the_bit(usual):
    heard = heeding(usual, NO_OPINION)
    assert list(heard) == list(usual)
    assert np.array_equal(list(heard.values()), list(usual.values()), equal_nan=True)


@given(_USUAL, st.floats(0.001, 0.5), st.integers(0, 99))
def test_a_proved_opinion_counts_by_its_edge_beside_the_usual_order(usual, edge, seed):
    generator = np.random.default_rng(seed)
    opinion = ProvedOpinion(edge, {t: float(generator.integers(-2, 3)) for t in usual})
    assert opinion.share == pytest.approx(edge / (edge + USUAL_EDGE))
    scores = heeding(usual, opinion)
    assert all(0.0 <= score <= 1.0 + 1e-12 for score in scores.values())
    for one, other in [(a, b) for a in usual for b in usual]:
        same = usual[one] == usual[other] or (math.isnan(usual[one]) and math.isnan(usual[other]))
        if same and opinion.log_odds[one] > opinion.log_odds[other]:
            assert scores[one] > scores[other]


def test_a_strong_proof_orders_tickers_of_which_nothing_else_is_known():
    scores = heeding({"A": math.nan, "B": math.nan, "C": math.nan}, ProvedOpinion(0.05, {"B": 0.4, "C": -0.1}))
    assert list(ranked(scores, 0.6)) == ["B", "A", "C"]
    assert ranked(scores, 0.6)["B"].proved_share == 0.6
