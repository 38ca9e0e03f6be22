"""What the library's own functions do beside calling the numbers: files in, files out."""

from __future__ import annotations

import polars as pl
import pytest

import lightning_gex as lg
from builders_chain import make_chain
from builders_chain_files import write_session_chain
from lightning_gex.core.errors import InputError, SettingsError


def test_from_file_to_exposures_in_three_lines(tmp_path):
    lg.write(make_chain(root="SPX"), tmp_path / "spx.parquet")

    found = lg.positioning(lg.read_chain(tmp_path / "spx.parquet"))
    strikes = lg.frame(found.exposures_by_strike())

    assert strikes["gamma_exposure_usd_per_pct"].sum() == pytest.approx(found.gamma_exposure_usd_per_pct)


def test_history_is_built_and_read_back(tmp_path):
    write_session_chain(tmp_path / "chains", "SPX", pl.Series(["2023-01-03"]).str.to_date().to_numpy()[0])
    (tmp_path / "chains" / "bad.csv").write_text("x\n")
    built = lg.history(tmp_path / "chains", tmp_path / "h.parquet", underlyings=["SPX"])
    assert built.table["underlying"].to_list() == ["SPX"]
    assert list(built.bad) == ["bad.csv"]
    features = lg.read_history(tmp_path / "h.parquet").of("SPX")
    assert lg.frame(features)["spot"].to_list() == [100.0]
    assert set(lg.ranks_of(features)) == {"gex_signal", "charm_pressure", "vanna_sensitivity"}


def test_scan_gives_the_figures_of_each_chain(tmp_path):
    one, two = make_chain(root="AAA"), make_chain(root="BBB", spot=50.0)
    lg.write(pl.concat([lg.frame(one), lg.frame(two)]), tmp_path / "market.parquet")
    table = lg.scan(tmp_path / "market.parquet", value_early_exercise=True).table
    expected = [lg.positioning(chain).gamma_exposure_usd_per_pct for chain in (one, two)]
    assert table["gamma_exposure_usd_per_pct"].to_list() == pytest.approx(expected)
    with pytest.raises(InputError, match="no such file"):
        lg.scan(tmp_path / "none.parquet")


def test_plot_and_write_say_where_they_wrote_and_refuse_other_suffixes(tmp_path):
    found = lg.positioning(make_chain())
    assert lg.plot(found, tmp_path / "x.html").read_text().startswith("<!")
    assert lg.write(found.exposures_by_expiry(), str(tmp_path / "x.csv")).read_text().startswith("expiry,")
    with pytest.raises(SettingsError, match=r"\.html or \.png"):
        lg.plot(found, tmp_path / "x.pdf")
    with pytest.raises(SettingsError, match=r"\.parquet"):
        lg.write(found.contracts, tmp_path / "x.xlsx")
    with pytest.raises(InputError, match="ask for one"):
        lg.write(found, tmp_path / "x.csv")
