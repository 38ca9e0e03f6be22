"""The page, the image and the tables of a run say what its findings say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from builders_claims import data_of, market_of
from lightning_gex.evaluation.falsification import Period, Verdict, judged, periods_of, tried
from lightning_gex.evaluation.falsification_image import falsification_png
from lightning_gex.evaluation.falsification_section import (
    FARTHEST,
    falsification_html,
    falsification_tables,
    number,
    plain_findings,
    row_of,
    scaled,
    tally_words,
)
from lightning_gex.evaluation.hypotheses import REGISTRY, Family


@pytest.fixture(scope="module")
def run():
    claims = data_of(market_of(5, 900, gamma_hedging=2.0))
    return judged(claims, tried(claims, REGISTRY, periods_of(None, None, claims.session[450]), resamples=60))


def test_the_page_names_every_claim_every_verdict_and_the_hash_and_fetches_nothing(run):
    page = falsification_html(run, registered_at="2024-01-02T03:04:05+00:00", notes=["<a note>"])
    for finding in run.findings:
        assert finding.hypothesis.claim.split("'")[0] in page
    assert run.registry_hash in page
    assert "2024-01-02T03:04:05" in page
    assert "&lt;a note&gt;" in page
    for period in run.periods:
        assert tally_words(run, period) in page
    for family in Family:
        assert f'id="{family.name.lower()}"' in page
    assert 'src="http' not in page
    assert "Content-Security-Policy" in page


def test_the_image_is_a_png_and_the_same_for_the_same_run(run):
    one = falsification_png(run)
    assert one.startswith(b"\x89PNG")
    assert one == falsification_png(run)


def test_a_run_without_anything_tested_is_drawn_too():
    claims = data_of(market_of(5, 40))
    nothing = judged(claims, tried(claims, REGISTRY, [Period("short")], resamples=10))
    assert {f.verdict for f in nothing.findings} == {Verdict.NOT_TESTABLE}
    assert falsification_png(nothing).startswith(b"\x89PNG")
    assert "not testable" in falsification_html(nothing, registered_at="now", notes=[])
    assert set(falsification_tables(nothing)) == {"findings", "points", "null", "observations"}


def test_the_tables_hold_one_row_a_finding_and_every_pair_and_placebo(run):
    tables = falsification_tables(run)
    assert len(tables["findings"]) == len(run.findings)
    there = [f for f in run.findings if f.measured]
    assert len(tables["null"]) == sum(len(f.measured.null) for f in there)
    assert len(tables["points"]) == sum(len(f.measured.points) for f in there)
    first = next(iter(run.periods))
    assert len(tables["observations"]) == sum(f.measured.count for f in there if f.period == first)
    row = tables["findings"].row(0, named=True)
    assert row["effect"] == run.findings[0].measured.effect
    assert (row["effect_low"], row["effect_high"]) == run.findings[0].measured.interval


def test_plain_findings_hold_every_figure_and_none_where_nothing_was_tested(run):
    for plain, finding in zip(plain_findings(run), run.findings, strict=True):
        assert plain["verdict"] == finding.verdict.value
        assert ("effect" in plain) == (finding.measured is not None)
        if finding.measured is not None:
            assert plain["null_draws"] == len(finding.measured.null)
            assert plain["figures"] == dict(finding.measured.figures)


def test_an_effect_is_drawn_in_units_of_the_smallest_that_matters_as_claimed(run):
    for finding in run.findings:
        effect, low, high = scaled(finding)
        if finding.measured is None:
            assert math.isnan(effect)
            continue
        h = finding.hypothesis
        assert effect * h.smallest_effect * h.sign == pytest.approx(finding.measured.effect)
        assert not low > high
    assert FARTHEST > 1


def test_a_row_has_a_cell_for_each_column(run):
    widths = {len(row_of(f)) for f in run.findings}
    assert len(widths) == 1
    assert number(np.nan) == "n/a"
