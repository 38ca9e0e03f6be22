"""A report's claims: which figures make them, and that a later one never counts without the earlier ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from evaluation_runs import bars, decision, run
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.evaluation.claims import (
    INTERVAL_LEVEL,
    P_LEVEL,
    Claim,
    claim_rows,
    claims_words,
    counted,
    plain_claims,
    report_claims,
    run_claims,
)
from lightning_gex.evaluation.comparison import Beside
from lightning_gex.evaluation.metrics import RunMetrics, evaluate
from lightning_gex.evaluation.paired import Judged, difference
from lightning_gex.evaluation.placebos import RandomEntries


def metrics(**changes: object) -> RunMetrics:
    mine = bars("AAA", [100.0 + (i % 7) for i in range(60)])
    made = evaluate(run({"AAA": mine}, [decision("AAA", mine.session[i], horizon=5) for i in (5, 20, 35)]))
    placebo = replace(made.placebo, p_value=0.5)
    return replace(made, **{"placebo": placebo, "deflated_sharpe_over_hold": 0.5, **changes})


def beside(name: str, low: float, **changes: object) -> Beside:
    mine = bars("AAA", [100.0 + (i % 7) for i in range(60)])
    same = Judged.of(run({"AAA": mine}, [decision("AAA", mine.session[5], horizon=5)]))
    gain = replace(difference(same, same), excess_accuracy_interval=(low, 0.5))
    return Beside(name, name, metrics(**changes), gain)


def entries(p_value: float, return_p_value: float) -> RandomEntries:
    return RandomEntries(200, 0.5, 0.6, 0.0, 10.0, p_value, return_p_value)


def made(claims: tuple[Claim, ...]) -> dict[str, bool | None]:
    return {claim.name: claim.made for claim in claims}


GOOD = {
    "excess_over_drift": 0.1,
    "excess_over_drift_interval": (0.01, 0.2),
    "same_date_excess": 0.1,
    "same_date_excess_interval": (0.01, 0.2),
    "same_date_excess_return_interval_bp": (1.0, 9.0),
    "deflated_sharpe_over_hold": 0.99,
}


def test_figures_off_zero_make_every_claim_and_all_of_them_count() -> None:
    good = metrics(**GOOD)
    good = replace(good, placebo=replace(good.placebo, p_value=0.01))
    claims = report_claims(good, beside("baseline", 0.01), [beside("shuffled", 0.01)], entries(0.01, 0.05))
    assert all(claim.made for claim in claims)
    assert counted(claims) == claims
    assert {c.name for c in claims} >= {"over_shuffled", "over_baseline", "random_entries", "sharpe_over_hold"}
    assert {c.level for c in claims} == {INTERVAL_LEVEL, P_LEVEL}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"same_date_excess_interval": (-0.01, 0.2)}, "verdict"),
        ({"excess_over_drift_interval": (0.0, 0.2)}, "excess_over_drift"),
        ({"same_date_excess_return_interval_bp": (-1.0, 9.0)}, "same_date_excess_return"),
        ({"deflated_sharpe_over_hold": 0.949}, "sharpe_over_hold"),
    ],
)
def test_each_claim_rests_on_its_own_figure(changes: dict, name: str) -> None:
    claims = report_claims(metrics(**{**GOOD, **changes}), beside("baseline", 0.1), [], entries(0.01, 0.01))
    assert made(claims)[name] is False


def test_a_rising_market_s_sharpe_ratio_is_no_claim() -> None:
    plain, rich = metrics(), replace(metrics(), deflated_sharpe=1.0, sharpe=3.0, total_return=5.0)
    assert made(run_claims(rich)) == made(run_claims(plain))


def test_what_cannot_be_judged_is_neither_made_nor_denied() -> None:
    unknown = (math.nan, math.nan)
    bare = metrics(
        accuracy=math.nan,
        excess_over_drift_interval=unknown,
        same_date_excess_interval=unknown,
        same_date_excess_return_interval_bp=unknown,
        deflated_sharpe_over_hold=math.nan,
    )
    bare = replace(bare, placebo=replace(bare.placebo, p_value=math.nan))
    claims = report_claims(
        bare, beside("baseline", math.nan), [beside("shuffled", math.nan)], entries(math.nan, math.nan)
    )
    assert {claim.made for claim in claims} == {None}
    assert counted(claims) == ()
    assert plain_claims(claims)["verdict"]["made"] is None


def test_the_words_say_what_counts_and_why_the_rest_does_not() -> None:
    first, second = Claim("a", "it beats chance", 0.025, True), Claim("b", "it beats a placebo", 0.05, True)
    assert "it beats chance; it beats a placebo" in claims_words((first, second))
    assert "none of which counts" in claims_words((replace(first, made=False), second))
    assert (
        claims_words((replace(first, made=False),))
        == "Of 1 things that the figures could say in its favour they say 0."
    )
    assert "too little" in claims_words((replace(first, made=None),))
    assert claim_rows((replace(first, made=None), second)) == [
        ["it beats chance", "too little to judge", "2.5%", "no"],
        ["it beats a placebo", "yes", "5.0%", "no"],
    ]


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=12))
def test_nothing_counts_after_the_first_claim_that_was_not_made(said: list[bool | None]) -> None:
    claims = [Claim(f"c{i}", "", INTERVAL_LEVEL, value) for i, value in enumerate(said)]
    kept = counted(claims)
    until = said.index(False) if False in said else len(said)
    expected = [] if said[0] is None else [f"c{i}" for i in range(until) if said[i]]
    assert [claim.name for claim in kept] == expected
    assert [name for name, told in plain_claims(claims).items() if told["counts"]] == expected
