"""The bones of a page: tables, escaping, and what a real browser makes of them on a phone and at a desk."""

from __future__ import annotations

from functools import cache

import pytest
from evaluation_runs import wandering_run
from test_evaluation_report import chain

from browser import CHROMIUM, DESK, PHONE, measured
from builders_claims import data_of, market_of
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.evaluation import page
from lightning_gex.evaluation.falsification import judged, periods_of, tried
from lightning_gex.evaluation.falsification_section import falsification_html
from lightning_gex.evaluation.hypotheses import REGISTRY
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.report import positioning_html, report_html
from lightning_gex.evaluation.side_by_side import side_by_side
from lightning_gex.evaluation.side_by_side_section import side_by_side_html

in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
LONG = "averyveryverylongnamethatnobodywouldeverbreak" * 3
INK = {False: "#1c2430", True: "#e6ebf2"}


@cache
def report() -> str:
    """A run whose name, notes and tables are as long as they may become."""
    made = wandering_run(tickers=("AAA", "BBB"), count=200, notes=(f"modelled: {LONG}", LONG))
    return report_html(made, evaluate(made), title=f"A report on {LONG}")


@cache
def comparison() -> str:
    new, old = wandering_run(count=160), wandering_run(count=160, every=3)
    found = side_by_side(new, old, new_words="this system", old_words=f"trades of {LONG}.csv")
    return side_by_side_html(found, title="Old against new", source="history", notes=(LONG,))


@cache
def claims() -> str:
    """Claims about gamma, with a picture of every effect."""
    data = data_of(market_of(5, 600, gamma_hedging=2.0))
    found = judged(data, tried(data, REGISTRY, periods_of(None, None, None), resamples=40))
    return falsification_html(found, registered_at="2024-01-02T03:04:05+00:00", notes=[LONG])


@cache
def positioned() -> str:
    """Dealer positioning of one chain."""
    return positioning_html(positioning(chain()))


def test_a_table_escapes_its_cells_names_its_rows_and_scrolls_in_its_own_box():
    html = page.table(["Name", "<n>"], [["a & b", "1"]], numbers=(1,), caption="x < y")
    assert '<th scope="row">a &amp; b</th><td class="number">1</td>' in html
    assert '<th scope="col" class="number">&lt;n&gt;</th>' in html
    assert html.index("x &lt; y") < html.index('<div class="scroll">') < html.index("<table>")


def test_a_page_asks_no_address_and_fits_the_screen_it_is_shown_on():
    html = page.document("t & u", "<h1>h</h1>", ["<p>body</p>"], "<p>foot</p>", ["var x = 1;"])
    assert "<title>t &amp; u</title>" in html
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in html
    assert "default-src 'none'" in html
    assert "prefers-color-scheme: dark" in html


SHOWN = {False: ((report, DESK), (comparison, PHONE), (positioned, PHONE))}
SHOWN |= {True: ((report, PHONE), (comparison, DESK), (claims, PHONE))}


@in_a_browser
@pytest.mark.parametrize("dark", [False, True])
def test_no_page_scrolls_sideways_and_every_picture_is_drawn_in_the_colours_of_the_scheme(dark, tmp_path):
    pages = {made.__name__: (made(), width) for made, width in SHOWN[dark]}
    for name, found in measured(pages, tmp_path, dark=dark).items():
        assert found["scroll"] <= found["client"] == pages[name][1], (name, found["wide"])
        assert found["wide"] == [], name
        assert found["pictures"] > 0, name
        assert found["failed"] == [], name
        assert found["ink"] == INK[dark], name
        red, green, blue = (int(INK[dark][k : k + 2], 16) for k in (1, 3, 5))
        assert found["drawn"] == f"rgb({red}, {green}, {blue})", name
