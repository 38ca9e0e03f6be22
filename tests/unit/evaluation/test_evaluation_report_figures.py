"""The table of a run's figures: what is there stands beside its interval, what is not is named with the reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_runs import bars, decision, run, wandering_run

from lightning_gex.core.enums import DecisionStatus
from lightning_gex.evaluation.metrics import RunMetrics, evaluate
from lightning_gex.evaluation.report_figures import figures_body

NAN = float("nan")


@pytest.fixture(scope="module")
def coin() -> RunMetrics:
    return evaluate(wandering_run(count=160))


def test_calls_both_ways_are_held_against_their_own_entries(coin) -> None:
    html = figures_body(coin)
    assert "Excess over the same entries" in html
    assert "0 by construction" not in html
    assert "it takes 5 tickers on a date" in html


def test_what_is_zero_by_construction_is_no_row_but_a_remark() -> None:
    html = figures_body(evaluate(wandering_run(count=160, shorts=False)))
    assert "Excess over the same entries" not in html
    assert "every call was long, so it is 0 by construction" in html
    assert "Excess over every session" in html


def test_a_universe_has_its_row(coin) -> None:
    html = figures_body(replace(coin, same_date_excess=0.031, same_date_excess_interval=(0.012, 0.05)))
    assert "+3.1 points" in html
    assert "+1.2 to +5.0" in html
    assert "5 tickers" not in html


def test_a_run_that_took_nothing_says_so_and_shows_no_empty_row() -> None:
    mine = bars("AAA", np.linspace(100, 101, 30))
    html = figures_body(
        evaluate(run({"AAA": mine}, [decision("AAA", s, DecisionStatus.NO_SIGNAL, 0) for s in mine.session]))
    )
    assert "no decision taken has a known outcome" in html
    assert "no trade was closed" in html
    assert "Win rate" not in html.split("Not in the table")[0]


def test_the_deflated_sharpe_ratio_names_what_it_is_held_against(coin) -> None:
    assert "more than the best of 452 variants without skill" in figures_body(replace(coin, trials=452))
    assert "probability of more than zero" in figures_body(replace(coin, trials=1))


def test_nothing_rounds_to_a_negative_zero(coin) -> None:
    small = replace(coin, brier_skill=-0.0004, excess_over_all_sessions=-0.0001, growth_over_hold=-0.0001)
    assert "-0.0 points" not in figures_body(small)
    assert "-0.000" not in figures_body(small)
