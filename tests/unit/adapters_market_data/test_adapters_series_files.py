"""Flow, volatility index and short rates from files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.series_files import read_flow, read_rates, read_volatility_index
from lightning_gex.core.errors import InputError
from mangling import demand_one_line, mangled

FLOW = "date,price,dix,gex\n2024-03-01,5000,0.45,2.5e9\n2024-03-04,5010,,-1e9\n"
VIX = "date,close\n2024-03-01,13.5\n2024-03-04,14\n"
LONG = (
    "index,date,open,high,low,close\n"
    "VIX,2024-03-01,13,14,12,13.5\nVIX,2024-03-04,13.5,15,13,14\n"
    "SKEW,2024-03-01,,,,140\nSKEW,2024-03-04,,,,141\n"
)
RATES = "date,IRX_close,DFF\n2024-03-01,5.25,5.33\n2024-03-04,,5.33\n2024-03-05,-0.1,5.33\n"


def test_flow_keeps_its_units_and_leaves_empty_cells_absent(written):
    flow = read_flow(written(FLOW))
    assert flow.session.astype(str).tolist() == ["2024-03-01", "2024-03-04"]
    assert flow.columns["gex"].tolist() == [2.5e9, -1e9]
    assert flow.columns["dix"][0] == 0.45
    assert np.isnan(flow.columns["dix"][1])
    assert flow.columns["price"].tolist() == [5000.0, 5010.0]


def test_flow_may_hold_the_dark_pool_index_alone_or_gamma_alone(written):
    assert set(read_flow(written("date,dix,coverage\n2024-03-01,0.45,0.99\n")).columns) == {"dix", "coverage"}
    assert set(read_flow(written("date,gex\n2024-03-01,-1e9\n")).columns) == {"gex"}


def test_a_volatility_index_is_read_short_or_long(written):
    short = read_volatility_index(written(VIX))
    long = read_volatility_index(written(LONG))
    assert set(short.columns) == {"close"}
    assert set(long.columns) == {"close", "open", "high", "low"}
    np.testing.assert_array_equal(short.columns["close"], long.columns["close"])
    np.testing.assert_array_equal(short.session, long.session)


def test_vix_of_the_long_form_brings_its_nine_day_sister_where_that_is_there(written):
    both = read_volatility_index(written(LONG + "VIX9D,2024-03-04,12,13,11,12.5\n"))
    np.testing.assert_array_equal(both.columns["nine_day_close"], [np.nan, 12.5])
    np.testing.assert_array_equal(both.columns["close"], [13.5, 14.0])
    with pytest.raises(InputError, match=r"row 6, field 'close': 0 is not positive"):
        read_volatility_index(written(LONG + "VIX9D,2024-03-04,12,13,11,0\n"))


def test_another_index_of_the_long_form_is_read_by_name(written):
    skew = read_volatility_index(written(LONG), index="SKEW")
    assert skew.columns["close"].tolist() == [140.0, 141.0]
    assert np.isnan(skew.columns["open"]).all()


def test_an_index_that_is_not_in_the_file_names_those_that_are(written):
    with pytest.raises(InputError, match="no VVIX in it: it has SKEW, VIX"):
        read_volatility_index(written(LONG), index="VVIX")


def test_rates_in_per_cent_become_fractions_a_year_and_may_be_negative(written):
    rates = read_rates(written(RATES))
    np.testing.assert_allclose(rates.columns["bill_rate"], [0.0525, np.nan, -0.001], rtol=1e-15)
    np.testing.assert_allclose(rates.columns["fed_funds_rate"], 0.0533, rtol=1e-15)
    assert set(read_rates(written("date,IRX_close\n2024-03-01,5\n")).columns) == {"bill_rate"}


@pytest.mark.parametrize(
    ("reader", "text", "row", "field", "words"),
    [
        (read_flow, FLOW.replace("0.45", "45"), 2, "dix", "no share"),
        (read_flow, FLOW.replace("5010", "-5010"), 3, "price", "not positive"),
        (read_flow, FLOW.replace("2.5e9", "inf"), 2, "gex", "infinite"),
        (read_flow, FLOW.replace("2.5e9", "lots"), 2, "gex", "not a number"),
        (read_flow, FLOW.replace("03-04", "03-01"), 3, "date", "twice"),
        (read_flow, FLOW.replace("03-04", "02-04"), 3, "date", "sort by date"),
        (read_flow, FLOW.replace("03-04", "03-04T09:30"), 3, "date", "time of day"),
        (read_flow, FLOW.replace(",gex", ",gexx"), 1, "gexx", "did you mean 'gex'"),
        (read_flow, "date,price\n2024-03-01,5000\n", 1, None, "neither 'dix' nor 'gex'"),
        (read_flow, "date,dix,coverage\n2024-03-01,0.4,1.2\n", 2, "coverage", "no share"),
        (read_volatility_index, VIX.replace("14", "0"), 3, "close", "not positive"),
        (read_volatility_index, VIX.replace("close", "last"), 1, "last", "unknown column"),
        (read_volatility_index, LONG.replace("SKEW,2024-03-01", ",2024-03-01"), 4, "index", "missing"),
        (read_volatility_index, LONG.replace("VIX,2024-03-04", "VIX,2024-03-01"), 3, "date", "twice"),
        (read_rates, RATES.replace("5.25", "525"), 2, "IRX_close", "per cent"),
        (read_rates, "date,IRX_close\n", None, None, "no rows"),
    ],
)
def test_a_wrong_cell_is_named(written, reader, text, row, field, words):
    with pytest.raises(InputError, match=words) as caught:
        reader(written(text))
    assert (caught.value.row, caught.value.field) == (row, field)


@given(
    st.sampled_from(
        [(read_flow, FLOW), (read_volatility_index, LONG), (read_volatility_index, VIX), (read_rates, RATES)]
    ),
    st.data(),
)
def test_a_mangled_series_gives_values_or_an_input_error_and_nothing_else(written, case, data):
    reader, sound = case
    try:
        series = reader(written(data.draw(mangled(sound.encode()))))
    except InputError as error:
        demand_one_line(error)
    else:
        assert all(len(values) == len(series.session) for values in series.columns.values())


@pytest.mark.shared_data
def test_the_real_series_load(shared_data):
    daily = shared_data / "daily"
    flow = read_flow(daily / "spx_dix_gex.csv")
    assert len(flow.session) == 2_687
    assert flow.columns["gex"][0] == pytest.approx(1_897_312_571.486)
    assert len(read_volatility_index(daily / "cboe_vol_indices.csv").session) == 5_788
    rates = read_rates(daily / "short_rates.csv")
    assert int(np.isnan(rates.columns["bill_rate"]).sum()) == 6
    assert rates.columns["bill_rate"][0] == pytest.approx(0.0527)
