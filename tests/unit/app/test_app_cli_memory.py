"""``lightning memory``: what it shows to people and to programs."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from builders_events import AT, outcome, pattern
from lightning_gex.app.assembly.wiring import Stores, open_workspace
from lightning_gex.app.cli import main
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.patterns import AgentCall


@pytest.fixture
def home(tmp_path):
    """A workspace that remembers sixteen signals: twelve resolved a while ago, two in a crisis, two open."""
    folder = tmp_path / "home"
    stores = Stores.open(open_workspace(folder))
    calls = (AgentCall("Trend Agent", Direction.BULLISH, 0.6), AgentCall("Reversal Agent", Direction.NEUTRAL, math.nan))
    kept = [
        replace(
            pattern(
                f"s{i:02d}",
                day=10 * i,
                vector=(i / 20, 0.0, 0.0),
                outcome=outcome(10 * i + 5, 0.02 - 0.03 * (i % 3 == 0)),
            ),
            calls=calls,
            strategy="momentum",
            taken=i % 2 == 0,
            confidence_before_memory=0.58,
            regime=MarketRegime.CRISIS if i in {4, 5} else MarketRegime.RANGE_BOUND,
        )
        for i in range(14)
    ]
    kept += [
        pattern("open", day=200, vector=(0.3, 0.0, 0.0)),
        pattern("other", day=150, ticker="QQQ", vector=(0.1,) * 3),
    ]
    stores.memory().remember_all(kept)
    stores.engine.dispose()
    return folder


def answer(capsys, home, *arguments, code=0):
    assert main(["memory", *arguments, "--home", str(home)]) == code
    return capsys.readouterr()


def document(capsys, home, *arguments):
    return json.loads(answer(capsys, home, *arguments, "--json").out)


def test_show_counts_says_what_the_advice_was_worth_and_lists_the_latest(home, capsys):
    text = answer(capsys, home, "show", "--last", "2").out
    assert "16 signals, 14 with a known outcome, 9 of which made money" in text
    assert "not been tried on any outcome" in text
    assert "Trend Agent" in text
    found = document(capsys, home, "show", "--ticker", "QQQ")
    assert set(found) == {"signals", "resolved", "won", "memory", "reliability", "recent"}
    assert [p["pattern_id"] for p in found["recent"]] == ["other"]
    assert found["memory"] == {"outcomes": 0, "evidence": None, "share": 0.0}


def test_recall_shows_the_most_similar_with_dates_and_results(home, capsys):
    text = answer(capsys, home, "recall", "open", "--count", "3").out
    assert "Similar to open: SPY, bullish" in text
    assert "14 resolved signals could answer" in text
    found = document(capsys, home, "recall", "open", "-n", "3")
    assert set(found) == {"signal", "as_of", "resolved", "setups", "advice"}
    assert [s["pattern_id"] for s in found["setups"]] == ["s06", "s07", "s05"]
    assert found["setups"][0]["outcome"]["net_return"] == pytest.approx(-0.01)
    assert found["advice"]["multiplier"] == 1.0
    assert found["advice"]["considered"] >= 10


def test_recall_answers_as_of_the_signal_unless_another_moment_is_asked(home, capsys):
    assert document(capsys, home, "recall", "s03")["resolved"] == 3
    later = document(capsys, home, "recall", "s03", "--as-of", "2030-01-01")
    assert later["resolved"] == 14
    assert "s03" not in [s["pattern_id"] for s in later["setups"]]
    assert document(capsys, home, "recall")["signal"]["pattern_id"] == "open"  # the latest
    assert document(capsys, home, "recall", "--ticker", "QQQ")["signal"]["pattern_id"] == "other"


def test_recall_takes_filters(home, capsys):
    def ids(*options):
        return {s["pattern_id"] for s in document(capsys, home, "recall", "open", "-n", "20", *options)["setups"]}

    assert ids("--regime", "crisis") == {"s04", "s05"}
    assert ids("--traded") == {f"s{i:02d}" for i in range(0, 14, 2)}
    assert ids("--regime", "crisis", "--not-traded") == {"s05"}
    assert ids("--horizon", "8-10") == set()
    assert len(ids("--horizon", "7", "--strategy", "momentum", "--structure", "stock")) == 14


def test_performance_is_shown_by_the_groups_asked_for(home, capsys):
    text = answer(capsys, home, "performance", "--by", "ticker").out
    assert "By ticker" in text
    assert "By agent" not in text
    found = document(capsys, home, "performance", "--by", "agent", "--by", "regime")
    assert set(found) == {"agent", "regime"}
    (trend,) = found["agent"]
    assert (trend["label"], trend["resolved"], trend["windows"]) == ("Trend Agent", 14, 14)
    assert trend["hit_rate_low"] < trend["hit_rate"] < trend["hit_rate_high"]
    early = document(capsys, home, "performance", "--by", "all", "--as-of", f"{AT:%Y-%m-%d}T23:59Z")
    assert early["all"][0]["signals"] == 1


def test_an_export_goes_into_another_workspace_once(home, tmp_path, capsys):
    file = tmp_path / "memory.csv"
    assert document(capsys, home, "export", str(file)) == {"signals": 16, "file": str(file)}
    other = tmp_path / "other"
    assert "16 new signals" in answer(capsys, other, "import", str(file)).out
    assert document(capsys, other, "import", str(file))["new"] == 0
    main(["audit", "tail", "--home", str(other)])
    assert "memory_imported" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("recall", "nobody"), 8, "no signal nobody is remembered"),
        (("recall", "--ticker", "TSLA"), 3, "no signal of TSLA"),
        (("recall", "open", "--count", "0"), 2, "--count must be at least 1"),
        (("recall", "open", "--regime", "sunny"), 2, "none of bull_trending"),
        (("recall", "open", "--horizon", "5-3"), 2, "no span of sessions"),
        (("recall", "open", "--as-of", "soon"), 2, "no date or time"),
        (("performance", "--by", "moon"), 2, "none of all, ticker"),
        (("show", "--last", "-1"), 2, "--last must be at least 0"),
        (("export", "memory.txt"), 2, "end its name in .csv"),
        (("import", "nowhere.csv"), 5, "cannot be read"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(home, capsys, arguments, code, words):
    captured = answer(capsys, home, *arguments, code=code)
    assert words in captured.err
    assert captured.out == ""


def test_an_empty_memory_says_so(tmp_path, capsys):
    assert "0 signals" in answer(capsys, tmp_path / "new", "show").out
    assert "nothing to be similar to" in answer(capsys, tmp_path / "new", "recall", code=3).err
