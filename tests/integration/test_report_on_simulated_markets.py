"""The whole report where the truth is known: it finds what is planted, and claims nothing where nothing is.

What decides is the verdict's own figure, the excess over the same dates' universe: of options flow alone, which trades
on the signal that carries the effect, and of the system as it is set, which has to learn first who knows it, and must
claim nothing where nothing is. Figure and sizes were chosen on other seeds (0 to 9) and are asked of these.
``benchmarks/soak_report.py`` measures all claims of whole reports over 200 seeds (``make soak``); its committed result
is held to the stated levels here, and ten seeds are run anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soak_report
from scipy import stats

from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.app.assembly.simulated_inputs import SimulationRequest, write_simulated
from lightning_gex.app.assembly.variants import BASELINE, EVERYTHING, Subject, Variant, run_variant, under
from lightning_gex.app.workspace import Workspace
from lightning_gex.evaluation.claims import hold_claim, run_claims
from lightning_gex.evaluation.metrics import RunMetrics, evaluate
from lightning_gex.evaluation.sweep_words import SWEEP_LEVEL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # a minute of one core

SEEDS = range(300, 310)
TICKERS, SESSIONS, LEARNT = 5, 230, 90
#: For the system as it is set: sessions, and those learnt from, so that an agent can prove itself; fewer seeds do.
HEARD_SESSIONS, HEARD_LEARNT, HEARD_SEEDS = 340, 220, SEEDS[:8]
#: Standard errors of a mean over the seeds that chance alone goes beyond once in a hundred times.
NOISE = float(stats.t.ppf(0.995, len(SEEDS) - 1))
HEARD_NOISE = float(stats.t.ppf(0.995, len(HEARD_SEEDS) - 1))
SOAKED_SEEDS = 200


@pytest.fixture(scope="module", autouse=True)
def _own_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[tuple[str, str], list[RunMetrics]]:
    """Condition and variant -> figures by seed, from files to metrics."""
    made: dict[tuple[str, str], list[RunMetrics]] = {}
    for condition, variants in (("planted", [BASELINE]), ("nothing", [BASELINE, EVERYTHING])):
        for seed in SEEDS:
            judged = figures(condition, seed, variants, tmp_path_factory.mktemp(condition))
            for variant, one in zip(variants, judged, strict=True):
                made.setdefault((condition, variant.name), []).append(one)
    return made


def figures(
    condition: str, seed: int, variants: list[Variant], folder: Path, sessions: int = SESSIONS, learnt: int = LEARNT
) -> list[RunMetrics]:
    """What some variants came to on one market."""
    effects = soak_report.CONDITIONS[condition]
    request = SimulationRequest(seed=seed, tickers=TICKERS, sessions=sessions, **effects)
    made = write_simulated(request, folder / "files", progress=soak_report.silent)
    bars = read_bars(made.files.bars, tickers=[made.tickers[0]])[made.tickers[0]]
    subject = Subject(made.files, made.tickers, start=bars.session[learnt].item())
    workspace, inputs = Workspace.open(folder / "home"), subject.inputs()
    runs = [
        run_variant(under(workspace, v), subject, inputs, kind="x", label="", progress=soak_report.silent)
        for v in variants
    ]
    return [evaluate(run, seed=seed) for run in runs]


def standard_errors(values: Sequence[float], weights: Sequence[float]) -> float:
    """How many standard errors a weighted mean over the seeds lies from zero; markets of different seeds share nothing.

    A market with two decisions says less than one with fifty, so each counts by its decisions.
    """
    weight = np.array(weights, dtype=float) / sum(weights)
    value = np.where(weight > 0, values, 0.0)
    mean = float(weight @ value)
    spread = np.sqrt(float((weight**2 * (value - mean) ** 2).sum()) * len(value) / (len(value) - 1))
    return mean / float(spread)


def found_in(metrics: Sequence[RunMetrics], figure: str) -> float:
    """The pooled figure in standard errors."""
    return standard_errors([getattr(m, figure) for m in metrics], [m.decisions_resolved for m in metrics])


def test_a_planted_effect_is_found_by_the_figure_that_was_to_find_it(found) -> None:
    assert found_in(found["planted", BASELINE.name], "same_date_excess") > NOISE


def test_the_system_as_it_is_set_finds_what_one_of_its_agents_knows(tmp_path_factory) -> None:
    heard = [
        figures("planted", seed, [EVERYTHING], tmp_path_factory.mktemp("heard"), HEARD_SESSIONS, HEARD_LEARNT)[0]
        for seed in HEARD_SEEDS
    ]
    assert sum(m.decisions_resolved for m in heard) > 100
    assert found_in(heard, "same_date_excess") > HEARD_NOISE


def test_the_effect_makes_the_difference_on_the_same_draws(found) -> None:
    """Paired by seed, so that whatever the draws have in common falls out."""
    there, not_there = found["planted", BASELINE.name], found["nothing", BASELINE.name]
    gained = [a.same_date_excess - b.same_date_excess for a, b in zip(there, not_there, strict=True)]
    fewest = [min(a.decisions_resolved, b.decisions_resolved) for a, b in zip(there, not_there, strict=True)]
    assert standard_errors(gained, fewest) > NOISE


@pytest.mark.parametrize("variant", [BASELINE.name, EVERYTHING.name])
@pytest.mark.parametrize("figure", ["same_date_excess", "excess_over_all_sessions"])
def test_where_nothing_is_nothing_is_found(found, variant: str, figure: str) -> None:
    assert sum(m.decisions_resolved for m in found["nothing", variant]) > 100
    assert abs(found_in(found["nothing", variant], figure)) < NOISE


@pytest.mark.parametrize("name", ["verdict", "same_date_excess", "excess_over_drift", "sharpe_over_hold"])
def test_where_nothing_is_no_more_reports_claim_something_than_stated(found, name: str) -> None:
    claims = [
        claim
        for variant in (BASELINE.name, EVERYTHING.name)
        for m in found["nothing", variant]
        for claim in (*run_claims(m), hold_claim(m))
        if claim.name == name
    ]
    false = sum(bool(claim.made) for claim in claims)
    assert len(claims) == 2 * len(SEEDS)
    assert false <= stats.binom.ppf(0.999, len(claims), claims[0].level)


def test_the_committed_soak_is_whole_and_keeps_every_stated_level() -> None:
    told = json.loads(soak_report.RESULT.read_text())
    assert (told["seeds"], told["missing"]) == (SOAKED_SEEDS, 0)
    assert len(list(soak_report.stated_rates("", told["nothing"]))) == told["stated_levels"]
    assert told["stated_levels"] >= 2 * 11  # every claim of an evaluation, of the system and of options flow alone
    assert soak_report.exceeded(told["nothing"]) == told["exceeded"] == []
    assert told["planted"]["baseline"]["claims"]["verdict"]["rate"] > 0.5
    assert told["planted"]["system"]["claims"]["verdict"]["rate"] > 0.5


def test_a_level_that_is_not_kept_is_named_and_a_chance_excess_among_many_is_not() -> None:
    rates = {f"claim {i}": soak_report.rate([i == 0] * 6 + [False] * 194, 0.025) for i in range(40)}
    rates["claim 0"] = soak_report.rate([True] * 10 + [False] * 190, 0.025)  # one in 40 comes this far by chance
    assert soak_report.exceeded(rates) == []
    wrong = soak_report.rate([True] * 20 + [False] * 180 + [None] * 5, 0.025)
    assert (wrong["reports"], wrong["made"]) == (200, 20)
    assert wrong["interval"] == pytest.approx(stats.binomtest(20, 200).proportion_ci(0.95, method="exact"))
    assert soak_report.exceeded({**rates, "wrong": wrong}) == ["wrong"]


def test_sweeps_where_nothing_is_are_held_to_their_level_and_one_without_a_trade_is_no_report() -> None:
    lines = [
        {"claim": i == 0, "any_superior_variant": i < 3, "superior_ability_p": 0.01 if i < 3 else 0.5}
        for i in range(40)
    ]
    lines.append({"claim": None, "any_superior_variant": None, "superior_ability_p": None})
    found = soak_report.summary_of([{"command": "sweep", "condition": "nothing", **line} for line in lines])
    rates = found["nothing"]["sweep"]
    assert {name: (one["made"], one["reports"], one["level"]) for name, one in rates.items()} == {
        "claim": (1, 40, SWEEP_LEVEL),
        "any_superior_variant": (3, 40, SWEEP_LEVEL),
        "superior_ability": (3, 40, SWEEP_LEVEL),
    }
    assert soak_report.tasks_of(2, ["sweep"], (6, 504, 126))[1].key == ("sweep", "nothing", 1)


def test_reports_are_kept_and_a_torn_line_is_made_anew(tmp_path: Path) -> None:
    line = {"command": "evaluate", "condition": "nothing", "seed": 3, "sources": soak_report.sources_digest()}
    other = {**line, "seed": 4, "sources": "of other sources"}
    text = json.dumps(line) + "\n" + json.dumps(other) + "\n" + json.dumps({**line, "seed": 5})[:20]
    (tmp_path / "lines.jsonl").write_text(text)
    assert soak_report.read_lines(tmp_path) == [line]
