"""A report is files that belong together, and one of them lists the others."""

from __future__ import annotations

import json
import math
from io import BytesIO

import polars as pl

from lightning_gex.evaluation.report_files import FORMAT, REPORT_FILE, ReportFiles

TABLE = pl.DataFrame({"session": [1, 2], "equity_usd": [1.0, None]})


def report(**changes) -> ReportFiles:
    made = {
        "kind": "backtest",
        "title": "Δ of one",
        "page": ("report.html", "<html></html>"),
        "figures": {"accuracy": 0.5, "ece": math.nan, "groups": {"one": [1, math.inf]}},
        "tables": {"decisions": TABLE, "equity": TABLE},
        "beside": ("decisions",),
        "images": {"summary.png": b"png"},
    }
    return ReportFiles(**{**made, **changes})


def test_every_file_is_there_and_listed_with_its_rows_and_columns():
    contents = report().contents()
    assert set(contents) == {
        "report.html", REPORT_FILE, "decisions.parquet", "tables/equity.parquet", "summary.png"
    }  # fmt: skip
    document = json.loads(contents[REPORT_FILE])
    assert (document["format"], document["kind"], document["page"]) == (FORMAT, "backtest", "report.html")
    assert document["tables"]["equity"] == {
        "file": "tables/equity.parquet",
        "rows": 2,
        "columns": {"session": "Int64", "equity_usd": "Float64"},
    }
    for listed in document["tables"].values():
        assert pl.read_parquet(BytesIO(contents[listed["file"]])).equals(TABLE)


def test_what_is_no_number_is_null():
    document = json.loads(report().contents()[REPORT_FILE])
    assert document["figures"] == {"accuracy": 0.5, "ece": None, "groups": {"one": [1, None]}}


def test_the_same_report_gives_the_same_bytes():
    assert report().contents() == report().contents()
