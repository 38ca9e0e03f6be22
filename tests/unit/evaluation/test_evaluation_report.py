from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from evaluation_runs import bars, decision, moment, run, vote, wandering_run

from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.enums import DecisionStatus
from lightning_gex.core.membership import SURVIVORS_ONLY
from lightning_gex.core.sessions import settlement_utc
from lightning_gex.evaluation import pictures
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.report import positioning_html, report_html

MODELLED = "modelled: the chains are made from VIX, no market quoted them"


def chain(*, modelled: bool = True) -> OptionChain:
    strike, call = (a.ravel() for a in np.meshgrid(np.arange(160.0, 241.0, 5.0), [True, False]))
    call = call.astype(bool)
    n = len(strike)
    root, expiry = np.full(n, "AAA"), np.full(n, np.datetime64("2016-06-17"))
    interest = np.round(4_000 * np.exp(-(((strike - np.where(call, 205, 195)) / 12) ** 2)) + 10)
    nothing = np.full(n, np.nan)
    return OptionChain(
        "AAA", moment("2016-06-03T20:00"), 200.0, root, expiry, settlement_utc(root, expiry), call, strike, nothing,
        nothing, np.full(n, 0.18), interest, np.full(n, 50.0), np.full(n, 100.0), n, source="model", modelled=modelled,
    )  # fmt: skip


class Page(HTMLParser):
    """What a reader and a browser meet: addresses, ids, text outside scripts."""

    VOID = frozenset({"meta", "br", "img", "hr", "link", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses, self.ids, self.open, self.text = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        found = dict(attrs)
        self.addresses += [found[name] for name in ("src", "href", "data", "action") if name in found]
        self.ids += [found["id"]] if "id" in found else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if "script" not in self.open and "style" not in self.open:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def whole():
    made = wandering_run(count=300, notes=(MODELLED, "the open of AAA is stale"))
    return report_html(made, evaluate(made), positioning=positioning(chain()))


def test_the_page_asks_no_other_address_for_anything(whole) -> None:
    page = Page(whole)
    assert all(address.startswith("#") for address in page.addresses)
    assert "default-src 'none'" in whole
    assert not page.open, "every tag is closed"
    assert len(page.ids) == len(set(page.ids))
    assert {a[1:] for a in page.addresses} <= set(page.ids)


def test_no_picture_offers_to_send_its_data_anywhere(whole) -> None:
    pictures_shown = whole.count('class="plotly-graph-div"')
    assert pictures_shown == whole.count('"showSendToCloud": false') > 10


def test_besides_plotlys_script_the_page_names_no_address(whole) -> None:
    assert not re.findall(r"https?:", whole.replace(pictures.plotly_script(), ""))


def test_plotlys_script_is_there_once_and_the_file_stays_small(whole) -> None:
    assert whole.count(pictures.plotly_script()) == 1
    assert len(whole.encode()) < 8_000_000


def test_the_headline_answers_in_plain_words_with_an_interval(whole) -> None:
    words = Page(whole).words
    assert "The direction calls" in words
    assert re.search(r"The direction was right in \d+\.\d% of [\d,]+ decisions \(\d+\.\d to \d+\.\d%\)", words)
    assert "to the close of" in words


def test_modelled_chains_are_said_at_the_top_and_at_the_head_of_every_section(whole) -> None:
    assert whole.count('class="section-head"') == whole.count('class="badge"') == 10
    assert f'<div class="banner" role="note">{MODELLED}</div>' in whole
    assert "modelled chain" in Page(whole).words


def test_a_universe_of_survivors_is_said_at_the_top() -> None:
    note = f"8 of the 426 tickers of bars.csv end before 2021-12-31: the file is {SURVIVORS_ONLY}, and more"
    made = wandering_run(count=120, notes=(note, "another"))
    assert f'<div class="banner" role="note">{note}</div>' in report_html(made, evaluate(made))


def test_curves_of_other_runs_are_drawn_in_the_one_plot_of_equity() -> None:
    made = wandering_run(count=120)
    whole = report_html(made, evaluate(made), curves={"the baseline": made.equity * 0.99})
    plot = whole[whole.index('id="equity"') :]
    assert plot.index("the baseline") < plot.index('id="drawdown"')


def test_the_first_page_has_every_headline_with_its_interval(whole) -> None:
    first = Page(whole[: whole.index('id="figures"')]).words
    for name in (
        "Trades", "Accuracy", "Excess", "Win rate", "Expectancy a trade", "Brier skill", "Growth a year",
        "Sharpe ratio", "Deepest fall", "turnover", "Capacity", "Variants tried", "Is the confidence a probability?",
    ):  # fmt: skip
        assert name in first, name
    assert first.count("95% interval") >= 9
    assert "In short:" in first


def test_real_chains_carry_no_banner() -> None:
    made = wandering_run(count=120)
    html = report_html(made, evaluate(made), positioning=positioning(chain(modelled=False)))
    assert "Modelled" not in Page(html).words
    assert 'class="badge"' not in html


def test_every_picture_has_a_title_a_caption_and_its_data(whole) -> None:
    names = (
        "equity",
        "drawdown",
        "stages",
        "regimes",
        "votes",
        "hits",
        "reliability",
        "strikes",
        "profile",
        "expiries",
        "ahead",
        "drift",
        "term",
        "vanna",
        "charm",
    )
    for name in names:
        assert f'<figure aria-labelledby="{name}-title"><figcaption>' in whole
        assert f'id="{name}"' in whole


def test_each_figure_stands_beside_its_base_rate_interval_or_twin(whole) -> None:
    words = Page(whole).words
    for text in (
        "same entries, long",
        "without skill",
        "elsewhere in time",
        "Buy and hold",
        "rest in bills",
        "Deflated",
    ):
        assert text.lower() in words.lower()


def test_the_last_decision_is_explained_stage_by_stage(whole) -> None:
    words = Page(whole).words
    for text in ("Strategic layer", "Tactical layer", "Guardrails", "Options Flow Agent"):
        assert text in words


def test_notes_of_the_run_reach_the_reader(whole) -> None:
    assert "the open of AAA is stale" in Page(whole).words


def test_a_run_without_trades_is_told_as_that() -> None:
    mine = bars("AAA", np.linspace(100, 110, 60))
    made = run({"AAA": mine}, [decision("AAA", s, DecisionStatus.NO_SIGNAL, 0) for s in mine.session])
    words = Page(report_html(made, evaluate(made))).words
    assert "There is nothing to judge yet" in words
    assert "Of 60 decisions none was taken" in words
    assert "nan" not in words.lower().split()


def test_a_run_without_decisions_is_a_page_too() -> None:
    made = run({"AAA": bars("AAA", np.linspace(100, 110, 60))}, [])
    assert "The run made no decision." in Page(report_html(made, evaluate(made))).words


def test_text_from_outside_cannot_become_markup() -> None:
    evil = "<script>alert(1)</script><b>"
    mine = bars(evil, np.linspace(100, 110, 60))
    made = [decision(evil, s, votes=(vote(evil, 1),)) for s in mine.session]
    made[-1] = replace(made[-1], reason=evil)
    bad = replace(run({evil: mine}, made, notes=(evil, f"modelled {evil}")), settings={evil: evil}, run_id=evil)
    html = report_html(bad, evaluate(bad), title=evil)
    assert "<script>alert" not in html
    assert "</script><b>" not in html
    Page(html)


def test_the_same_run_gives_the_same_page() -> None:
    made = wandering_run(count=120)
    assert report_html(made, evaluate(made)) == report_html(made, evaluate(made))


def test_of_many_tickers_the_page_shows_some_and_says_so() -> None:
    made = wandering_run(tickers=tuple(f"T{k:02d}" for k in range(16)), count=260, every=7)
    html = report_html(made, evaluate(made))
    assert len(html.encode()) < 8_000_000
    assert "for the first 15 of 16 tickers" in html
    assert "10 of 16 tickers." in html


@pytest.mark.parametrize("modelled", [True, False])
def test_one_chain_has_a_page_of_its_own_that_says_what_made_it(modelled: bool) -> None:
    html = positioning_html(positioning(chain(modelled=modelled)))
    found = Page(html)
    assert not found.open
    assert found.addresses == []
    assert ("Modelled: no market quoted this chain" in found.words) is modelled
    assert "as of Fri 2016-06-03 16:00 New York (20:00 UTC)" in found.words
    assert html.count(pictures.plotly_script()) == 1
