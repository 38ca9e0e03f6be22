"""The headlines as tiles, with and without a baseline beside the run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evaluation_runs import wandering_run

from lightning_gex.evaluation.comparison import Beside
from lightning_gex.evaluation.headline_tiles import basis_points, headline_tiles, number, number_interval
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.paired import Judged, difference

NAN = float("nan")


@pytest.fixture(scope="module")
def pair():
    made, other = wandering_run(count=160), wandering_run(count=160, every=3)
    gain = difference(Judged.of(made), Judged.of(other))
    return evaluate(made), Beside("baseline", "the baseline", evaluate(other), gain)


def test_the_growth_over_a_baseline_is_a_headline_with_its_interval_where_there_is_one(pair) -> None:
    metrics, baseline = pair
    html = headline_tiles(metrics, baseline)
    low, high = baseline.gain.return_interval
    assert "Growth over the baseline" in html
    assert f"{100 * low:+.1f} to {100 * high:+.1f} points" in html
    assert "Growth over the baseline" not in headline_tiles(metrics)
    assert "the rest in bills" in headline_tiles(metrics)


@pytest.mark.parametrize("with_baseline", [True, False])
def test_the_tiles_fill_their_rows(pair, with_baseline) -> None:
    assert headline_tiles(pair[0], pair[1] if with_baseline else None).count('class="tile"') == 12  # three in a row


def test_absent_figures_read_as_such_and_nothing_is_a_negative_zero(pair) -> None:
    assert (number(NAN), number_interval((NAN, NAN)), basis_points(NAN)) == ("n/a", "n/a", "n/a")
    assert (number(-0.001), number_interval((-0.001, 0.001)), basis_points(-0.01)) == (
        "0.00",
        "0.00 to 0.00",
        "+0.0 bp",
    )
    assert "n/a" in headline_tiles(replace(pair[0], sharpe=NAN))
