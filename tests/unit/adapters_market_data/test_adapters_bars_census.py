"""What a bars file holds, ticker by ticker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lightning_gex.adapters.market_data.bars_census import census_of_bars
from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.core.errors import InputError
from lightning_gex.core.membership import Membership

HEADER = "ticker,date,open,high,low,close,volume"


def written(folder: Path, *rows: str) -> Path:
    file = folder / "bars.csv"
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    return file


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """BBB ends early, CCC has no volume; the tickers are mixed up."""
    rows = []
    for date, left in (("2019-12-30", 1), ("2019-12-31", 1), ("2020-01-02", 0), ("2021-01-04", 0)):
        rows += [f"BBB,{date},5,5,5,5,100"] if left else []
        rows += [f"AAA,{date},10,10,10,10,7", f"CCC,{date},1,1,1,1,"]
    return written(tmp_path, *rows)


def test_a_census_counts_bars_first_and_last_sessions_and_dollars_by_year(three: Path):
    census = census_of_bars(three)
    assert census.bars == {"BBB": 2, "AAA": 4, "CCC": 4}
    assert (str(census.first["AAA"]), str(census.last["AAA"])) == ("2019-12-30", "2021-01-04")
    assert str(census.last["BBB"]) == "2019-12-31"
    assert census.traded_usd == {
        2019: {"BBB": 1000.0, "AAA": 140.0, "CCC": 0.0},
        2020: {"AAA": 70.0, "CCC": 0.0},
        2021: {"AAA": 70.0, "CCC": 0.0},
    }
    assert census.sessions.astype(str).tolist() == ["2019-12-30", "2019-12-31", "2020-01-02", "2021-01-04"]


def test_the_largest_of_a_census_are_those_of_the_bars(three: Path):
    census = census_of_bars(three)
    assert census.largest(1).members == (frozenset({"BBB"}), frozenset({"AAA"}))
    for names in (1, 2, 3):
        assert census.largest(names).digest() == Membership.largest(read_bars(three), names).digest()
    assert census.largest(2, among=["AAA"]).everyone == ("AAA",)


def test_a_census_of_parquet_is_the_same(three: Path, tmp_path: Path):
    import polars as pl

    frame = pl.read_csv(three, try_parse_dates=True).cast({"close": pl.Float32, "ticker": pl.Categorical})
    frame.write_parquet(tmp_path / "bars.parquet")
    one, other = census_of_bars(three), census_of_bars(tmp_path / "bars.parquet")
    assert one.traded_usd == other.traded_usd
    assert one.last_of_year == other.last_of_year
    assert np.array_equal(one.sessions, other.sessions)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",2020-01-02,1,1,1,1,1", "ticker is missing"),
        ("AAA,soon,1,1,1,1,1", "is not a date"),
        ("AAA,2020-01-02,1,1,1,much,1", "is not a number"),
        ("AAA,2020-01-02,1,1,1,1e200,1e200", "no sum of dollars"),
        ("AAA,2020-01-02,1,1,1,1,-5", "no sum of dollars"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_its_row(tmp_path: Path, row: str, problem: str):
    with pytest.raises(InputError, match=problem) as refused:
        census_of_bars(written(tmp_path, "AAA,2020-01-01,1,1,1,1,1", row))
    assert refused.value.row == 3
