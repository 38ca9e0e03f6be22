"""Arrays become polars frames, and frames the contents of files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import polars as pl
import pytest

from builders_chain import make_chain
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.series import DatedSeries
from lightning_gex.evaluation.frames import TABLE_SUFFIXES, frame, table_bytes


@dataclass(frozen=True)
class Result:
    name: str
    roots: tuple[str, ...]
    strike: np.ndarray
    gamma: np.ndarray
    grid: np.ndarray


@dataclass(frozen=True)
class Table:
    strike: np.ndarray

    def columns(self) -> dict[str, np.ndarray]:
        return {"strike": self.strike, "twice": 2 * self.strike}


def sample() -> pl.DataFrame:
    return frame(
        {
            "day": np.array(["2024-01-02", "NaT"], dtype="datetime64[D]"),
            "moment": np.array(["2024-01-02T21:00:00", "2024-01-03T21:00:00"], dtype="datetime64[s]"),
            "value": np.array([1.5, np.nan]),
            "wild": np.array([np.inf, 2.0]),
            "count": np.array([3, 4]),
            "flag": np.array([True, False]),
            "word": np.array(["a,b", "c"]),
        }
    )


def test_each_array_is_a_column_and_absent_numbers_are_null():
    table = sample()
    assert table.schema["day"] == pl.Date
    assert table.schema["moment"] == pl.Datetime("us", "UTC")
    assert table["value"].to_list() == [1.5, None]
    assert table["day"].null_count() == 1
    assert table["moment"][0].isoformat() == "2024-01-02T21:00:00+00:00"


def test_of_a_dataclass_the_arrays_along_its_rows_count_and_nothing_else():
    found = frame(Result("x", ("a", "b", "c"), np.arange(2.0), np.ones(2), np.ones((2, 2))))
    assert found.columns == ["strike", "gamma"]
    assert frame(Table(np.arange(2.0))).columns == ["strike", "twice"]
    assert frame(found) is found
    assert len(frame(make_chain())) == len(make_chain())
    series = DatedSeries(np.array(["2024-01-02"], dtype="datetime64[D]"), {"dix": np.array([0.4])}, "x")
    assert frame(series).columns == ["date", "dix"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (Result("x", (), np.arange(2.0), np.ones(3), np.ones((2, 2))), "different lengths .strike 2, gamma 3"),
        ({"name": 3}, "holds no arrays"),
        (3.0, "no result of arrays"),
        (Result, "no result of arrays"),
    ],
)
def test_what_is_no_table_is_refused(what, words):
    with pytest.raises(InputError, match=words):
        frame(what)


def test_csv_and_json_hold_no_nan_and_no_infinity():
    text = table_bytes(sample(), "x.csv").decode()
    assert text.splitlines()[1] == '2024-01-02,2024-01-02T21:00:00+00:00,1.5,,3,true,"a,b"'
    assert text.splitlines()[2].startswith(",2024-01-03T21:00:00+00:00,,2.0,4,false,c")
    rows = json.loads(table_bytes(sample(), "x.JSON"))
    assert rows[0]["day"] == "2024-01-02"
    assert rows[0]["moment"] == "2024-01-02T21:00:00+00:00"
    assert (rows[0]["wild"], rows[1]["value"]) == (None, None)


def test_parquet_keeps_the_types_and_the_same_table_gives_the_same_bytes():
    data = table_bytes(sample(), "x.parquet")
    assert data == table_bytes(sample(), "x.parquet")
    assert pl.read_parquet(BytesIO(data)).schema == sample().schema


def test_another_suffix_says_which_there_are():
    with pytest.raises(SettingsError, match=", ".join(TABLE_SUFFIXES)):
        table_bytes(sample(), "x.xlsx")


@pytest.mark.parametrize("values", [np.array([1.0, None], dtype=object), np.array([1j]), np.array([b"a"])])
def test_an_array_of_what_no_table_holds_is_refused_by_its_name(values):
    with pytest.raises(InputError, match="field 'strike'"):
        frame({"strike": values})


def test_half_a_character_in_a_text_is_refused():
    with pytest.raises(InputError, match="half a character"):
        frame({"name": ["a", "\ud800"]})
