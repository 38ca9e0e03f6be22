"""What was said stands beside what came, voice by voice and group by group, with how sure one can be of it."""

from __future__ import annotations

import math

import pytest

from lightning_gex.analytics.kelly import wilson_interval
from lightning_gex.engine.learning import CONSENSUS, Reliability
from lightning_gex.evaluation.reliability import plain_reliability, reliability_figures
from lightning_gex.evaluation.reliability_section import reliability_body

GROUPED = {
    "all": {CONSENSUS: Reliability(10, 6, 5.8, 2.4), "Trend <Agent>": Reliability(8, 4, 5.2, 2.1)},
    "ticker SPY": {CONSENSUS: Reliability(10, 6, 5.8, 2.4)},
}


def test_every_figure_is_that_of_its_calls():
    found = reliability_figures(GROUPED)["all"]["Trend <Agent>"]
    assert (found.calls, found.hit_rate, found.mean_probability) == (8, 0.5, pytest.approx(0.65))
    assert found.brier == pytest.approx(2.1 / 8)
    assert found.interval == wilson_interval(4, 8)


def test_as_plain_mappings_it_holds_the_same():
    plain = plain_reliability(reliability_figures(GROUPED))
    assert set(plain) == {"all", "ticker SPY"}
    assert plain["ticker SPY"][CONSENSUS]["hit_rate"] == 0.6


def test_the_section_shows_agents_over_all_and_the_final_word_in_every_group():
    html = reliability_body(reliability_figures(GROUPED))
    assert html.count("<tr>") == 1 + 3  # a head, one agent, the final word over all and over SPY
    assert "Trend &lt;Agent&gt;" in html
    assert "Final word, ticker SPY" in html
    assert "0.240" in html


def test_without_an_outcome_the_section_says_so():
    assert "No signal's outcome is known yet" in reliability_body({})
    assert math.isnan(Reliability().hit_rate)
    assert reliability_figures({}) == {}
