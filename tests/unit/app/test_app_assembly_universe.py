"""Which tickers a run watches, when they belong, and what the settings' files say of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from builders_engine import bars_of
from lightning_gex.app.assembly.jobs import InputFiles, inputs_of
from lightning_gex.app.assembly.universe import UniverseRequest, chosen_universe, universe_document, with_universe
from lightning_gex.app.assembly.variants import Subject
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.sessions import sessions_between
from lightning_gex.engine.inputs import MarketInputs

BARS = {name: bars_of(name, [100.0] * 5) for name in ("AAA", "BBB", "SPY")}
INPUTS = MarketInputs(BARS, market_ticker="SPY", notes=("one",))


def workspace(tmp_path, **files: str) -> Workspace:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    for kind, text in files.items():
        (home / f"{kind}.csv").write_text(text)
    return Workspace.open(home, overrides={"universe": {kind: f"{kind}.csv" for kind in files}})


def test_without_files_nothing_is_known_and_nothing_is_said(tmp_path):
    found = with_universe(workspace(tmp_path), INPUTS)
    assert (found.sectors, found.events, found.notes) == ({}, None, ("one",))


def test_sectors_and_events_reach_the_run_and_the_unknown_is_named(tmp_path):
    home = workspace(tmp_path, sectors="ticker,sector\nAAA,Energy\n", events="date,event\n2019-01-30,FOMC\n")
    found = with_universe(home, INPUTS)
    assert found.sectors == {"AAA": "Energy"}
    assert found.events is not None
    event = found.events.next_for("BBB", np.datetime64("2019-01-02"))
    assert event is not None
    assert event.name == "FOMC"
    assert found.notes == ("one", "sectors.csv has no sector of BBB")


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    home = Workspace.open(tmp_path / "other", overrides={"universe": {"events": "none.csv"}})
    with pytest.raises(InputError, match=r"none\.csv"):
        with_universe(home, INPUTS)


YEARS = sessions_between(np.datetime64("2019-01-02"), np.datetime64("2021-12-31"))


@pytest.fixture(scope="module")
def bars_file(tmp_path_factory):
    """AAA is the largest of 2019, BBB of 2020; CCC is small and ends early."""
    file = tmp_path_factory.mktemp("universe") / "bars.csv"
    lines = ["ticker,date,open,high,low,close,volume"]
    for ticker in ("AAA", "BBB", "CCC"):
        for day in YEARS[: 400 if ticker == "CCC" else None]:
            volume = {"AAA": 500 if day < np.datetime64("2020-01-01") else 10, "BBB": 100, "CCC": 1}[ticker]
            lines.append(f"{ticker},{day},10,10,10,10,{volume}")
    file.write_text("\n".join(lines) + "\n")
    return file


def test_the_largest_at_the_time_are_watched_and_belong_when_they_are_chosen(bars_file):
    found = chosen_universe(bars_file, UniverseRequest(largest=1))
    assert found.tickers == ("AAA", "BBB")
    assert found.membership is not None
    assert found.membership.at(np.datetime64("2020-12-31")) == {"AAA"}
    assert found.membership.at(np.datetime64("2021-12-31")) == {"BBB"}
    assert "the 1 largest of the bars file by the dollar volume of the calendar year before" in found.words
    early = chosen_universe(bars_file, UniverseRequest(largest=1), end=date(2020, 6, 30))
    assert early.tickers == ("AAA",)  # who comes later is not watched


def test_the_largest_may_be_chosen_from_a_universe_only(bars_file, tmp_path):
    among = tmp_path / "mine.txt"
    among.write_text("BBB\nCCC\n")
    found = chosen_universe(bars_file, UniverseRequest(largest=1, among=among))
    assert found.tickers == ("BBB",)
    assert "of mine.txt" in found.words


def test_many_tickers_named_for_the_whole_period_are_said_to_be_picked(bars_file):
    few, many = (chosen_universe(bars_file, UniverseRequest(tuple("ABCDEF")[:n])) for n in (4, 6))
    assert few.notes == ()
    assert "the 6 tickers were named for the whole period" in many.notes[0]
    assert "survivors" in many.notes[0]


def test_a_file_with_dates_is_a_universe_and_a_list_is_named_tickers(bars_file, tmp_path):
    dated = tmp_path / "members.csv"
    dated.write_text("from,ticker,to\n2019-01-02,AAA,2019-12-31\n2020-01-02,BBB,\n")
    found = chosen_universe(bars_file, UniverseRequest(file=dated))
    assert (found.tickers, found.notes) == (("AAA", "BBB"), ())
    assert found.membership is not None
    assert found.membership.at(np.datetime64("2020-01-01")) == frozenset()
    listed = tmp_path / "list.txt"
    listed.write_text("BBB\nAAA\n")
    plain = chosen_universe(bars_file, UniverseRequest(file=listed))
    assert (plain.tickers, plain.membership) == (("BBB", "AAA"), None)


def test_members_without_bars_are_counted_aloud_and_a_universe_without_any_is_refused(bars_file, tmp_path):
    file = tmp_path / "members.csv"
    file.write_text("from,ticker\n2019-01-02,AAA\n2019-01-02,LEFT\n2019-01-02,GONE\n")
    found = chosen_universe(bars_file, UniverseRequest(file=file))
    assert found.tickers == ("AAA",)
    (note,) = found.notes
    assert "2 of the 3 tickers of members.csv have no bars" in note
    assert "GONE, LEFT" in note
    assert "survivors" in note
    file.write_text("LEFT\nGONE\n")
    with pytest.raises(InputError, match="none of its 2 tickers has bars"):
        chosen_universe(bars_file, UniverseRequest(file=file))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "nothing is to be traded"),
        ({"tickers": ("AAA",), "largest": 3}, "give one of them"),
        ({"file": Path("u.csv"), "largest": 3}, "give one of them"),
        ({"tickers": ("AAA",), "among": Path("u.csv")}, "--among"),
        ({"largest": 0}, "at least 1"),
    ],
)
def test_tickers_are_named_in_one_way(given, problem):
    with pytest.raises(SettingsError, match=problem):
        UniverseRequest(**given)


def test_a_subject_carries_its_universe_and_another_universe_is_another_variant(bars_file, tmp_path):
    files = InputFiles(bars_file)
    one = Subject.of(files, UniverseRequest(largest=1))
    assert one.membership is not None
    assert one.title.startswith("the 1 largest")
    plain = Subject.of(files, UniverseRequest(("AAA", "BBB")))
    assert plain.title == "AAA, BBB"
    home = workspace(tmp_path)
    hashes = {
        subject.variant_hash(home, subject.inputs())
        for subject in (
            one,
            plain,
            replace(one, membership=one.membership.within(["AAA"])),
            replace(plain, notes=("x",)),
        )
    }
    assert len(hashes) == 3
    assert one.judged(one.inputs()).digest == plain.judged(plain.inputs()).digest


def test_bars_of_the_market_may_come_from_a_file_of_their_own(bars_file, tmp_path):
    market = tmp_path / "market.csv"
    lines = [f"SPY,{day},300,301,299,300,1" for day in YEARS]
    market.write_text("\n".join(["ticker,date,open,high,low,close,volume", *lines]) + "\n")
    found = inputs_of(InputFiles(bars_file, market_bars=market), ("AAA",))
    assert found.market_ticker == "SPY"
    assert set(found.bars) == {"AAA", "SPY"}
    with pytest.raises(InputError, match="one of them stands for the market"):
        inputs_of(InputFiles(bars_file, market_bars=bars_file), ("AAA",))


def test_a_universe_as_a_document_names_members_by_date(bars_file):
    found = chosen_universe(bars_file, UniverseRequest(largest=1))
    document = universe_document(found.words, found.tickers, found.membership)
    assert document["members"] == [
        {"from": "2020-01-02", "members": ["AAA"]},
        {"from": "2021-01-04", "members": ["BBB"]},
    ]
    assert universe_document("the tickers named", ("AAA",), None)["members"] is None
