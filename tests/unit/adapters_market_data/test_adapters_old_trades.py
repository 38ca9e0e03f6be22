"""Trades of an old system are read whole, or refused with the row, the field and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lightning_gex.adapters.market_data.old_trades import read_old_trades
from lightning_gex.core.errors import InputError

HEADER = "ticker,entry_date,exit_date,direction,quantity,size_pct,entry_price,exit_price"


def file(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "old.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_shares_fractions_prices_and_open_trades_are_read_as_they_stand(tmp_path):
    rows = ("AAA,2024-03-01,2024-03-08,long,100,,10.5,11", "BBB,2024-03-04,,SHORT,,0.05,,")
    found = read_old_trades(file(tmp_path, *rows))
    assert found.ticker == ("AAA", "BBB")
    assert found.direction.tolist() == [1, -1]
    assert found.quantity.tolist() == [100, 0]
    assert np.isnan(found.size_pct[0])
    assert found.size_pct[1] == 0.05
    assert found.entry_price[0] == 10.5
    assert np.isnan(found.entry_price[1])
    assert np.isnat(found.exit[1])
    assert found.line.tolist() == [2, 3]


def test_the_columns_of_prices_and_of_one_kind_of_size_may_be_missing(tmp_path):
    header = "ticker,entry_date,exit_date,direction,size_pct"
    found = read_old_trades(file(tmp_path, "AAA,2024-03-01,2024-03-08,long,0.1", header=header))
    assert found.quantity.tolist() == [0]
    assert np.isnan(found.exit_price).all()


@pytest.mark.parametrize(
    ("row", "field", "told"),
    [
        (",2024-03-01,2024-03-08,long,100,,,", "ticker", "needs a ticker"),
        ("AAA,2024-03-08,2024-03-01,long,100,,,", "exit_date", "before the entry"),
        ("AAA,soon,2024-03-08,long,100,,,", "entry_date", "soon"),
        ("AAA,2024-03-01,2024-03-08,up,100,,,", "direction", "neither long nor short"),
        ("AAA,2024-03-01,2024-03-08,long,,,,", "quantity", "needs a size"),
        ("AAA,2024-03-01,2024-03-08,long,100,0.1,,", "size_pct", "keep one of them"),
        ("AAA,2024-03-01,2024-03-08,long,1.5,,,", "quantity", "whole shares"),
        ("AAA,2024-03-01,2024-03-08,long,0,,,", "quantity", "whole shares"),
        ("AAA,2024-03-01,2024-03-08,long,,5,,", "size_pct", "0.05 stands for 5 %"),
        ("AAA,2024-03-01,2024-03-08,long,100,,-3,", "entry_price", "no price"),
        ("AAA,2024-03-01,,long,100,,10,11", "exit_price", "without an exit date"),
        ("AAA,2024-03-01,2024-03-01,long,100,,10,", "exit_price", "needs both prices"),
    ],
)
def test_a_wrong_row_is_refused_by_line_and_field(tmp_path, row, field, told):
    with pytest.raises(InputError, match=told) as refused:
        read_old_trades(file(tmp_path, "AAA,2024-01-02,2024-01-08,long,1,,,", row))
    assert refused.value.row == 3
    assert refused.value.field == field
    assert refused.value.source.endswith("old.csv")


def test_an_unknown_column_is_refused(tmp_path):
    with pytest.raises(InputError, match="unknown column"):
        read_old_trades(file(tmp_path, "AAA,2024-01-02,2024-01-08,long,1,,,,x", header=f"{HEADER},comment"))
