"""A verdict follows by the rule that was on record, and nothing that comes later changes what was tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from claim_samples import SESSIONS, bars_of, data, hypothesis, path, rank

from builders_claims import data_of, market_of
from lightning_gex.analytics.multiple_testing import benjamini_hochberg
from lightning_gex.evaluation.claim_data import Need
from lightning_gex.evaluation.claim_measures import Measured, Observations, Trial
from lightning_gex.evaluation.falsification import (
    MEASURES,
    WHOLE,
    Period,
    Verdict,
    judged,
    periods_of,
    tried,
    verdict_of,
)
from lightning_gex.evaluation.hypotheses import REGISTRY, registry_hash

NOTHING = Observations(np.zeros(0, dtype="datetime64[D]"), np.zeros(0), np.zeros(0))


def result(effect: float, low: float, high: float) -> Measured:
    return Measured(effect, (low, high), 0.5, 1.0, np.zeros(1), "none", NOTHING, {}, "nothing", ())


@pytest.mark.parametrize(
    ("effect", "low", "high", "q", "power", "verdict"),
    [
        (-0.10, -0.15, -0.05, 0.01, 0.9, Verdict.SUPPORTED),
        (-0.01, -0.02, -0.001, 0.01, 0.9, Verdict.SUPPORTED),
        (0.10, 0.05, 0.15, 0.01, 0.9, Verdict.CONTRADICTED),
        (0.00, -0.04, 0.04, 0.60, 0.1, Verdict.CONTRADICTED),
        (-0.04, -0.09, 0.01, 0.20, 0.9, Verdict.NOT_SHOWN),
        (-0.04, -0.09, 0.01, 0.20, 0.5, Verdict.UNDERPOWERED),
        (-0.04, -0.09, 0.01, 0.20, np.nan, Verdict.UNDERPOWERED),
        (-0.04, np.nan, np.nan, 0.20, 0.9, Verdict.NOT_SHOWN),
        (np.nan, np.nan, np.nan, 0.01, 0.9, Verdict.NOT_TESTABLE),
        (-0.10, -0.15, -0.05, np.nan, 0.9, Verdict.NOT_TESTABLE),
    ],
)
def test_the_rule_for_a_claim_that_something_is_lower_by_a_twentieth(effect, low, high, q, power, verdict):
    claim = hypothesis("gamma_lowers_variance")
    assert (claim.sign, claim.smallest_effect) == (-1, 0.05)
    found, why = verdict_of(claim, result(effect, low, high), q, power)
    assert found is verdict
    assert why
    turned = replace(claim, sign=1)  # the mirror image is judged alike
    assert verdict_of(turned, result(-effect, -high, -low), q, power)[0] is verdict


def test_an_effect_too_small_to_matter_is_supported_and_said_to_be_small():
    claim = hypothesis("gamma_lowers_variance")
    assert "smaller" in verdict_of(claim, result(-0.01, -0.02, -0.001), 0.01, 0.9)[1]
    assert "smaller" not in verdict_of(claim, result(-0.1, -0.15, -0.05), 0.01, 0.9)[1]


def test_a_run_adjusts_the_p_values_of_a_period_for_all_of_its_tests():
    market = market_of(1, 620)
    run = judged(claims := data_of(market), tried(claims, REGISTRY, [Period(WHOLE)], resamples=100))
    p = np.array([f.measured.p_value if f.measured else np.nan for f in run.findings])
    q = np.array([f.q_value for f in run.findings])
    np.testing.assert_array_equal(q, benjamini_hochberg(p))
    assert run.registry_hash == registry_hash(REGISTRY)
    assert sum(run.tally(WHOLE).values()) == len(REGISTRY)
    assert len(run.of(WHOLE)) == len(REGISTRY)


def test_what_lacks_an_input_is_not_testable_by_name_and_costs_the_others_nothing():
    prices, _ = path(1)
    claims = replace(data(bars_of(prices)), absent={n: f"no {n.value}" for n in Need}, features={})
    run = judged(claims, tried(claims, REGISTRY, [Period(WHOLE)], resamples=50))
    for finding in run.findings:
        if finding.hypothesis.needs:
            assert finding.verdict is Verdict.NOT_TESTABLE
            for need in finding.hypothesis.needs:
                assert f"no {need}" in finding.why
            assert np.isnan(finding.q_value)
    assert run.findings[-4].measured is not None  # the calendar alone decides


def test_periods_are_the_whole_and_what_lies_to_either_side_of_a_date():
    assert [p.name for p in periods_of(None, None, None)] == [WHOLE]
    prices, _ = path(1)
    claims = data(bars_of(prices))
    cut = claims.session[300]
    whole, before, after = periods_of(claims.session[10], claims.session[690], cut)
    assert whole.rows(claims).sum() == 681
    assert before.rows(claims).sum() == 290
    assert after.rows(claims).sum() == 391
    assert not (before.rows(claims) & after.rows(claims)).any()


def test_an_empty_period_is_not_testable_and_breaks_nothing():
    prices, _ = path(1)
    names = ("gex", "dix", "vix_fall", "charm_pressure", "vanna_sensitivity")
    claims = data(bars_of(prices), features={name: rank(k) for k, name in enumerate(names)})
    beyond = Period("beyond", claims.session[-1] + np.timedelta64(10, "D"))
    run = judged(claims, tried(claims, REGISTRY, [beyond], resamples=10))
    assert all(f.verdict is Verdict.NOT_TESTABLE for f in run.findings)
    assert np.isnat(run.periods["beyond"][0])


@pytest.mark.parametrize(
    "tested", [h for h in REGISTRY if h.name != "gamma_turns_last_half_hour"], ids=lambda h: h.name
)
def test_what_comes_later_changes_no_pair_of_feature_and_outcome(tested, whole_and_cut):
    """Whatever was paired with an outcome known by the cut is the same when nothing after it is there."""
    whole, cut = whole_and_cut
    found = [MEASURES[tested.statistic](Trial(c, tested, np.ones(len(c), dtype=np.bool_), 20)) for c in (whole, cut)]
    assert all(isinstance(f, Measured) for f in found), found
    longer, shorter = (f.observations for f in found)
    assert len(shorter.session) < len(longer.session)
    at = np.searchsorted(longer.session, shorter.session)
    np.testing.assert_array_equal(longer.session[at], shorter.session)
    np.testing.assert_array_equal(longer.feature[at], shorter.feature)
    np.testing.assert_array_equal(longer.outcome[at], shorter.outcome)


@pytest.fixture(scope="module")
def whole_and_cut():
    """A market, and the same one without its last sessions, with levels that stand a rank's distance from the close."""
    count, kept = 1_500, 1_300
    market = market_of(2, count, gamma_hedging=1.0)
    known = data_of(market)
    levels = {
        "call_wall": market.bars.close * (1.0 + 0.004 * (2.0 + rank(5, count))),
        "put_wall": market.bars.close * (1.0 - 0.004 * (2.0 + rank(6, count))),
        "zero_gamma": market.bars.close * (1.0 + 0.006 * rank(7, count)),
    }
    features = {**known.features, "charm_pressure": rank(8, count), "vanna_sensitivity": rank(9, count)}
    whole = replace(known, levels=levels, features=features, absent={})
    cut = data_of(
        replace(
            market,
            bars=market.bars.first(kept),
            flow=_first(market.flow, kept),
            vix=_first(market.vix, kept),
        )
    )
    cut = replace(
        cut,
        levels={n: v[:kept] for n, v in levels.items()},
        features={**cut.features, **{n: features[n][:kept] for n in ("charm_pressure", "vanna_sensitivity")}},
        absent={},
    )
    assert kept > SESSIONS
    return whole, cut


def _first(series, count):
    return type(series)(series.session[:count], {n: v[:count] for n, v in series.columns.items()}, series.source)
