"""Gamma of the vendor's own raw files against the gamma printed in them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from bench_vendor_gamma import compare


@pytest.mark.shared_data
def test_gamma_of_a_european_index_chain_is_the_vendors_near_the_money(shared_data: Path) -> None:
    found = compare(shared_data / "chains" / "raw" / "cboe_quotedata_XSP_2023-09-14.csv.gz")
    assert found["near_the_money"] > 1_500
    assert found["near_the_money_median_ratio"] == pytest.approx(1.0, abs=0.01)
    assert found["near_the_money_within_10_percent"] > 0.9


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name", ["cboe_delayed_quotes_SPY_2022-07-12.json.gz", "cboe_quotedata_TSLA_2023-08-18.csv.gz"]
)
def test_gamma_of_files_saved_after_the_close_is_the_vendors_over_calls_and_puts(shared_data: Path, name: str) -> None:
    # Saved hours after the quotes, their volatilities stand beside another spot: too high for calls what is too low
    # for puts, so the two are off by as much in opposite directions.
    found = compare(shared_data / "chains" / "raw" / name)
    calls, puts = (float(str(found[f"near_the_money_median_ratio_{side}"])) for side in ("calls", "puts"))
    assert (calls + puts) / 2 == pytest.approx(1.0, abs=0.05)
