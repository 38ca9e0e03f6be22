"""The page of two systems says who did better, how sure that is and why they differ, and escapes what it repeats."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from evaluation_runs import wandering_run

from lightning_gex.evaluation.side_by_side import SideBySide, side_by_side
from lightning_gex.evaluation.side_by_side_section import (
    side_by_side_html,
    side_by_side_tables,
    side_by_side_verdict,
)
from lightning_gex.evaluation.verdict import Finding


@cache
def compared() -> SideBySide:
    new = wandering_run(count=160, seed=1)
    old = replace(wandering_run(count=160, seed=1, every=3), run_id="run-2")
    return side_by_side(new, old, new_words="this <b>", old_words="that & those")


@pytest.mark.parametrize(
    ("interval", "finding"),
    [((0.01, 0.03), Finding.BETTER), ((-0.03, -0.01), Finding.WORSE), ((-0.01, 0.03), Finding.UNDECIDED)],
)
def test_the_verdict_follows_from_the_interval_and_from_nothing_else(interval, finding):
    found = replace(compared(), gain=replace(compared().gain, return_interval=interval))
    assert side_by_side_verdict(found).finding is finding


def test_the_page_holds_both_systems_every_section_and_no_address():
    html = side_by_side_html(compared(), title="Old <against> new", source="history", notes=("a & b",))
    assert "Old &lt;against&gt; new" in html
    assert "this &lt;b&gt;" in html
    assert "that &amp; those" in html
    assert "a &amp; b" in html
    for section in ("figures", "money", "difference", "agreement", "why", "mixes", "said"):
        assert f'<section id="{section}"' in html
    body = html[html.index("<body>") :]
    assert 'src="http' not in body
    assert 'href="http' not in body


def test_the_tables_hold_every_lone_entry_and_every_session():
    tables = side_by_side_tables(compared())
    assert tables["differing"].height == len(compared().differing)
    assert tables["growth"].height == len(compared().sessions)
    assert tables["growth"]["difference"].sum() == pytest.approx(compared().total_difference)
    assert {"new_decisions", "old_trades", "new_equity", "old_calls", "mixes", "disagreements"} <= set(tables)
    assert tables["disagreements"]["entries"].sum() == len(compared().differing)
