"""Sectors and dated events from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lightning_gex.adapters.market_data.universe_files import read_events, read_sectors
from lightning_gex.core.errors import InputError


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
