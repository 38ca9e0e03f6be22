"""What is planted in a market is found by the claim that is about it, and where nothing is planted nothing is.

The suite takes a few markets; with ``LIGHTNING_SOAK`` it is hundreds, and how they ended is written to
``benchmarks/results/soak_falsify.json``.
"""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

import lightning_gex as lg
from builders_claims import (
    COLUMNS,
    GRID_REACH,
    data_of,
    history_of,
    market_of,
    with_gamma_damping,
    with_pins,
    with_walls,
)
from lightning_gex.evaluation.claim_data import ClaimData
from lightning_gex.evaluation.falsification import Finding, Period, Verdict, judged, tried
from lightning_gex.evaluation.hypotheses import LEVEL, REGISTRY, VERSION, registry_hash

SOAK = bool(os.environ.get("LIGHTNING_SOAK"))
RESULT = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "soak_falsify.json"
SESSIONS = 750
RESAMPLES = 300
#: Chance that a right test fails a bound here, however many markets there are.
RARE = 1e-4
SLOPE, TURNED, PINNED = -0.5, 0.4, 0.4


def nothing(seed: int) -> ClaimData:
    """Dealers who do not hedge, and no planted effect."""
    market = market_of(seed, SESSIONS)
    return data_of(market, history=history_of(market))


def hedging(seed: int) -> ClaimData:
    """Dealers who hedge twice the gamma and the vanna of their book."""
    market = market_of(1_000 + seed, SESSIONS, gamma_hedging=2.0, vanna_hedging=2.0)
    return data_of(market, history=history_of(market))


def leaning(seed: int) -> ClaimData:
    """No hedging; prices drift by half a daily deviation where customers lean wholly to calls, and fall with puts."""
    return data_of(market_of(3_000 + seed, SESSIONS, planted_effect=0.5))


def made(seed: int) -> ClaimData:
    """No hedging; moves scaled by gamma's rank, walls that turn four touches in ten, closes drawn to strikes."""
    market = market_of(2_000 + seed, SESSIONS)
    data = data_of(with_gamma_damping(market, SLOPE), history=history_of(market))
    return with_pins(with_walls(data, TURNED, seed), PINNED)


def charmed(seed: int) -> ClaimData:
    """Dealers who hedge the passing of time fivefold and nothing else."""
    market = market_of(4_000 + seed, SESSIONS, charm_hedging=5.0)
    return data_of(market, history=history_of(market))


#: World -> the claims that are true in it.
TRUE_IN = {
    nothing: frozenset[str](),
    hedging: frozenset({"gamma_shrinks_moves", "gamma_reverses", "short_gamma_trends", "vanna_pushes"}),
    leaning: frozenset(
        f"{feature}_{side}_{horizon}"
        for feature in ("gex", "dix")
        for side in ("highest", "lowest")
        for horizon in (3, 5, 10, 21)
    ),
    charmed: frozenset({"charm_pushes"}),
    made: frozenset(
        {"gamma_lowers_variance", "gamma_improves_log_mse", "gamma_improves_qlike", "gamma_shrinks_moves"}
        | {"call_wall_holds", "put_wall_holds", "zero_gamma_holds", "monthly_expiry_pins", "weekly_expiry_pins"}
    ),
}
World = Callable[[int], ClaimData]


def findings(world: World, seeds: Iterable[int]) -> list[tuple[Finding, ...]]:
    """Every claim in every market of a world."""
    found = []
    for seed in seeds:
        data = world(seed)
        found.append(judged(data, tried(data, REGISTRY, [Period("whole")], seed=seed, resamples=RESAMPLES)).findings)
    return found


def tallied(markets: list[tuple[Finding, ...]]) -> dict[str, dict[str, float]]:
    """By claim: how often it was tested, how often its raw p-value was at most the level, effects, verdicts."""
    by_name = defaultdict(list)
    for findings_of_one in markets:
        for finding in findings_of_one:
            if finding.measured is not None:
                by_name[finding.hypothesis.name].append(finding)
    told: dict[str, dict[str, float]] = {}
    for name, own in by_name.items():
        effects = np.array([f.hypothesis.sign * f.measured.effect for f in own])
        told[name] = {
            "markets": len(own),
            "rejected_unadjusted": float(np.mean([f.measured.p_value <= LEVEL for f in own])),
            "effect_mean": float(effects.mean()),
            "effect_standard_error": float(effects.std(ddof=1) / math.sqrt(len(own))) if len(own) > 1 else math.nan,
            "smallest_effect": own[0].hypothesis.smallest_effect,
            "power_said": float(np.mean([f.power for f in own])),
            **{v.value.replace(" ", "_"): float(np.mean([f.verdict is v for f in own])) for v in Verdict},
        }
    return told


def false_finding(markets: list[tuple[Finding, ...]]) -> list[bool]:
    """Of each market in which nothing holds: whether a claim was supported, or its opposite found."""
    return [any(f.q_value <= LEVEL for f in one) for one in markets]


def kept(world: World, told: dict[str, object]) -> None:
    """Write a world's figures beside those of the others."""
    document = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    if document.get("registry_hash") != registry_hash(REGISTRY):
        document = {"registry_hash": registry_hash(REGISTRY), "registry_version": VERSION, "worlds": {}}
    document |= {"sessions": SESSIONS, "resamples": RESAMPLES, "level": LEVEL}
    document["worlds"][world.__name__] = {"what": world.__doc__, **told}
    plain = json.loads(json.dumps(document), parse_constant=lambda _: None)
    RESULT.write_text(json.dumps(plain, indent=1) + "\n", "utf-8")


def test_the_history_that_claims_are_tested_on_is_that_of_the_markets_own_chains():
    market = market_of(3, 120, gamma_hedging=1.0)
    found = history_of(market).columns
    for row in (40, 90, 119):
        chain = lg.positioning(market.chain(row))
        for name in ("call_wall", "put_wall"):
            assert found[name][row] == getattr(chain, name)
        for name in COLUMNS[3:6]:
            assert found[name][row] == pytest.approx(getattr(chain, name), rel=0.1), name
        near = abs(np.log(chain.zero_gamma_nearest / chain.spot)) < GRID_REACH
        assert np.isfinite(found["zero_gamma"][row]) == near
        if near:
            assert found["zero_gamma"][row] == pytest.approx(chain.zero_gamma_nearest, rel=0.002)


@pytest.mark.slow
@pytest.mark.timeout(14_400 if SOAK else 300)
def test_where_nothing_is_planted_claims_are_found_no_more_often_than_the_level_says():
    markets = findings(nothing, range(200 if SOAK else 2))
    told, wrong = tallied(markets), false_finding(markets)
    if SOAK:
        kept(nothing, {"markets": len(markets), "markets_with_a_false_finding": sum(wrong), "claims": told})
    assert sum(wrong) <= binom.ppf(1.0 - RARE, len(markets), LEVEL)
    for name, own in told.items():
        most = binom.ppf(1.0 - RARE, own["markets"], LEVEL) / own["markets"]
        assert own["rejected_unadjusted"] <= most, name
    assert len(told) == len(REGISTRY) - 1  # no bars within the day


@pytest.mark.slow
@pytest.mark.timeout(14_400 if SOAK else 300)
@pytest.mark.parametrize("world", [hedging, leaning, made, charmed])
def test_what_is_planted_is_found_by_the_claims_about_it(world):
    markets = findings(world, range(200 if SOAK else 2))
    told = tallied(markets)
    if SOAK:
        kept(world, {"markets": len(markets), "claims_that_are_true": sorted(TRUE_IN[world]), "claims": told})
    true = [told[name] for name in TRUE_IN[world] if name in told]
    assert np.mean([own["effect_mean"] > 0 for own in true]) >= 0.9
    found = [f for one in markets for f in one if f.hypothesis.name in TRUE_IN[world] and f.measured is not None]
    if SOAK or len(found) > 4:  # of one claim in two markets nothing can be asked
        assert np.mean([f.measured.p_value <= LEVEL for f in found]) > 4 * LEVEL
    if SOAK:
        for name in TRUE_IN[world]:
            own = told[name]
            assert own["effect_mean"] > 3.0 * own["effect_standard_error"], name
            assert own["rejected_unadjusted"] > LEVEL, name
