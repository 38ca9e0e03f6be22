"""Bars within the day: every time carries its zone, and the first wrong row is named."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from lightning_gex.adapters.market_data.intraday_file import read_intraday
from lightning_gex.core.errors import InputError

SOUND = "time,close\n2021-03-01T09:30:00-05:00,100.5\n2021-03-01T15:00:00+00:00,101\n"


def test_times_of_any_zone_become_utc(tmp_path):
    (tmp_path / "bars.csv").write_text(SOUND)
    found = read_intraday(tmp_path / "bars.csv")
    assert found.starts_at.astype(str).tolist() == ["2021-03-01T14:30:00", "2021-03-01T15:00:00"]
    assert found.close.tolist() == [100.5, 101.0]


def test_parquet_with_a_zone_and_other_columns_is_the_same(tmp_path):
    times = [datetime(2021, 3, 1, 14, 30, tzinfo=UTC), datetime(2021, 3, 1, 15, tzinfo=UTC)]
    frame = pl.DataFrame({"time": times, "open": [1.0, 2.0], "close": [100.5, 101.0]})
    frame = frame.with_columns(
        pl.col("time").dt.convert_time_zone("America/New_York"), pl.col("close").cast(pl.Float32)
    )
    frame.write_parquet(tmp_path / "bars.parquet")
    found = read_intraday(tmp_path / "bars.parquet")
    assert found.starts_at.tolist() == [t.replace(tzinfo=None) for t in times]
    np.testing.assert_allclose(found.close, [100.5, 101.0])


@pytest.mark.parametrize(
    ("text", "row", "field", "problem"),
    [
        (SOUND.replace("+00:00", ""), 3, "time", "zone"),
        (SOUND.replace("2021-03-01T15", "2021-03-01T14"), 3, "time", "earlier"),
        (SOUND.replace("15:00:00+00:00", "14:30:00+00:00"), 3, "time", "twice"),
        (SOUND.replace("2021-03-01T15:00:00+00:00", ""), 3, "time", "no time"),
        (SOUND.replace("101", "0"), 3, "close", "positive"),
        (SOUND.replace("101", ""), 3, "close", "missing"),
        (SOUND.replace("101", "inf"), 3, "close", "finite"),
        (SOUND.replace("time", "when"), 1, "when", "unknown"),
    ],
)
def test_the_first_wrong_row_is_named(tmp_path, text, row, field, problem):
    (tmp_path / "bars.csv").write_text(text)
    with pytest.raises(InputError, match=problem) as refused:
        read_intraday(tmp_path / "bars.csv")
    assert (refused.value.row, refused.value.field) == (row, field)


def test_parquet_times_without_a_zone_are_refused(tmp_path):
    frame = pl.DataFrame({"time": [datetime(2021, 3, 1, 14, 30)], "close": [1.0]})  # noqa: DTZ001 - that is the point
    frame.write_parquet(tmp_path / "bars.parquet")
    with pytest.raises(InputError, match="no zone"):
        read_intraday(tmp_path / "bars.parquet")
