"""The table of daily positioning features is written and read back, and a wrong one is named."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO

import numpy as np
import polars as pl
import pytest

from lightning_gex.adapters.market_data.positioning_history import COLUMNS, history_bytes, history_frame, read_history
from lightning_gex.analytics.positioning_features import FEATURES_VERSION
from lightning_gex.core.errors import InputError

NAN = float("nan")
BLANK = {
    str: "x",
    float: NAN,
    int: 3,
    bool: False,
    date: date(2024, 6, 3),
    datetime: datetime(2024, 6, 3, 20, tzinfo=UTC),
}


def row(underlying: str, day: str, **values: object) -> dict[str, object]:
    made = {name: BLANK[kind] for name, kind in COLUMNS.items()}
    return made | {
        "underlying": underlying,
        "session": date.fromisoformat(day),
        "dealer_model": "naive",
        "features_version": FEATURES_VERSION,
        "spot": 100.0,
        **values,
    }


ROWS = (
    row("SPX", "2024-06-04", gamma_exposure_usd_per_pct=2e9),
    row("BRKB", "2024-06-03", straddle_expiry=None),
    row("SPX", "2024-06-03", gamma_exposure_usd_per_pct=-1e9),
)


def table() -> pl.DataFrame:
    return history_frame(ROWS)


def test_the_table_is_sorted_typed_and_absent_numbers_are_null():
    made = table()
    assert made.columns == list(COLUMNS)
    assert made["underlying"].to_list() == ["BRKB", "SPX", "SPX"]
    assert made["session"].is_sorted() is False or made["session"].to_list()[1:] == sorted(
        made["session"].to_list()[1:]
    )
    assert made.schema["as_of"] == pl.Datetime("us", "UTC")
    assert made["zero_gamma"].null_count() == 3
    assert history_bytes(made) == history_bytes(history_frame(ROWS[::-1]))


@pytest.mark.parametrize("as_text", [False, True])
def test_what_was_written_is_read_back(written, as_text):
    made = table().write_csv().encode() if as_text else history_bytes(table())
    found = read_history(written(made))
    assert list(found.by_underlying) == ["BRKB", "SPX"]
    assert found.dealer_model == "naive"
    spx = found.of("^SPX")
    assert spx.session.astype(str).tolist() == ["2024-06-03", "2024-06-04"]
    assert spx.columns["gamma_exposure_usd_per_pct"].tolist() == [-1e9, 2e9]
    assert np.isnan(spx.columns["zero_gamma"]).all()
    assert found.of("BRK.B") is not None
    assert found.of("AAPL") is None


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (lambda t: t.drop("spot"), "spot", "missing"),
        (lambda t: t.with_columns(pl.lit("0").alias("features_version")), "features_version", "run history build"),
        (
            lambda t: t.with_columns(pl.Series("dealer_model", ["naive", "naive", "inverted"])),
            "dealer_model",
            "one model",
        ),
        (lambda t: t[[0, 2, 1]], "session", "not later than"),
        (lambda t: pl.concat([t, t[2:]]), "session", "not later than"),
        (lambda t: t.with_columns(pl.lit(np.inf).alias("call_wall")), "call_wall", "infinite"),
        (lambda t: t.with_columns(pl.lit(None, dtype=pl.String).alias("underlying")), "underlying", "missing"),
        (lambda t: t.with_columns(pl.lit(1).alias("more")), "more", "unknown column"),
        (lambda t: t[:0], None, "no rows"),
    ],
)
def test_a_wrong_table_is_named(written, change, field, words):
    buffer = BytesIO()
    change(table()).write_parquet(buffer)
    with pytest.raises(InputError, match=words) as caught:
        read_history(written(buffer.getvalue()))
    assert caught.value.field == field
