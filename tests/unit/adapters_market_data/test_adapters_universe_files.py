"""Universes, sectors and dated events from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lightning_gex.adapters.market_data.universe_files import read_events, read_sectors, read_universe
from lightning_gex.core.errors import InputError
from lightning_gex.core.membership import Membership


def written(folder: Path, text: str) -> Path:
    file = folder / "table.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_sectors_are_read_by_ticker_and_an_empty_one_is_not_known(tmp_path: Path):
    file = written(tmp_path, "ticker,sector\nAAPL,Technology\nXOM,Energy\nNEW,\n")
    assert read_sectors(file) == {"AAPL": "Technology", "XOM": "Energy"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ticker,sector\nAAPL,Tech\nAAPL,Energy\n", "AAPL is there twice"),
        ("ticker,sector\n,Tech\n", "a sector without a ticker"),
        ("ticker\nAAPL\n", "sector"),
        ("ticker,sector\n", "no rows"),
    ],
)
def test_a_wrong_sector_file_is_refused_with_its_row(tmp_path: Path, text: str, problem: str):
    with pytest.raises(InputError, match=problem):
        read_sectors(written(tmp_path, text))


def test_events_concern_a_ticker_or_everybody_and_may_have_become_known_later(tmp_path: Path):
    text = "date,event,ticker,known_from\n2021-01-28,earnings,AAPL,2021-01-04\n2021-01-27,FOMC,,\n"
    calendar = read_events(written(tmp_path, text))
    assert [(e.name, e.ticker, str(e.session)) for e in calendar.events] == [
        ("FOMC", "", "2021-01-27"),
        ("earnings", "AAPL", "2021-01-28"),
    ]
    assert calendar.events[0].known_from is None
    assert calendar.events[1].known_from == np.datetime64("2021-01-04")
    plain = read_events(written(tmp_path, "date,event\n2021-01-27,FOMC\n"))
    assert len(plain) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("date,event\n2021-01-27,\n", "an event needs a name"),
        ("date,event\nsoon,FOMC\n", "soon"),
        ("date,event,known_from\n2021-01-27,FOMC,later\n", "later"),
        ("date,what\n2021-01-27,FOMC\n", "event"),
    ],
)
def test_a_wrong_event_file_is_refused_with_its_row(tmp_path: Path, text: str, problem: str):
    with pytest.raises(InputError, match=problem):
        read_events(written(tmp_path, text))


def test_a_universe_with_dates_says_who_belongs_when(tmp_path: Path):
    text = "from,ticker,to\n2019-01-02,AAPL,\n2019-01-02,GE,2020-06-30\n2020-07-01,TSLA,\n2021-01-04,GE,\n"
    universe = read_universe(written(tmp_path, text))
    assert isinstance(universe, Membership)
    assert universe.at(np.datetime64("2020-06-30")) == {"AAPL", "GE"}
    assert universe.at(np.datetime64("2020-07-01")) == {"AAPL", "TSLA"}
    assert universe.at(np.datetime64("2021-01-04")) == {"AAPL", "GE", "TSLA"}
    forever = read_universe(written(tmp_path, "ticker,from\nAAPL,2019-01-02\n"))
    assert isinstance(forever, Membership)
    assert forever.at(np.datetime64("2030-01-01")) == {"AAPL"}


@pytest.mark.parametrize(
    "text", ["AAPL\nGE\nAAPL\n\nBRK-B", "ticker\nAAPL\nGE\nAAPL\nBRK-B\n", " AAPL \r\nGE\nBRK-B\n"]
)
def test_a_list_names_each_symbol_once_in_its_order(tmp_path: Path, text: str):
    assert read_universe(written(tmp_path, text)) == ("AAPL", "GE", "BRK-B")


@pytest.mark.parametrize(
    ("text", "row", "problem"),
    [
        ("from,ticker\n2019-01-02,\n", 2, "ticker is missing"),
        ("from,ticker\nsoon,AAPL\n", 2, "is not a date"),
        ("from,ticker,to\n2019-01-02,AAPL,2018-12-31\n", 2, "before it comes"),
        ("from,ticker,to\n2019-01-02,AAPL,2019-12-31\n2019-06-03,AAPL,\n", 3, "belongs already on 2019-06-03"),
        ("from,ticker,to\n2019-01-02,AAPL,\n2019-06-03,AAPL,2019-07-01\n", 3, "belongs already"),
        ("from,ticker,to\n2019-01-02,AAPL,never\n", 2, "is not a date"),
        ("from,ticker,weight\n2019-01-02,AAPL,1\n", 1, "unknown column"),
        ("from,to\n2019-01-02,2019-01-03\n", 1, "column is missing"),
        ("AAPL\nG E\n", 2, "is no symbol"),
        ("AAPL;GE\n", 1, "is no symbol"),
    ],
)
def test_a_wrong_universe_is_refused_with_its_row(tmp_path: Path, text: str, row: int, problem: str):
    with pytest.raises(InputError, match=problem) as refused:
        read_universe(written(tmp_path, text))
    assert refused.value.row == row
