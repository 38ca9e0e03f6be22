"""The market's context, as a record or a table, and on which sessions it is known."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangling import demand_one_line, mangled

from lightning_gex.adapters.market_data.market_input import MarketInput
from lightning_gex.adapters.market_data.series_files import read_market
from lightning_gex.core.errors import InputError
from lightning_gex.core.features import MARKET_FEATURES

JSON = '{"spy_trend": 0.5, "vix": 16.0, "vix_20_avg": 18.0, "adx": 32.0, "advance_decline_ratio": 1.4}'
TOML = "spy_trend = 0.5\nvix = 16.0\nvix_20_avg = 18\nadx = 32.0\nadvance_decline_ratio = 1.4\n"
TABLE = "date,vix,adx\n2024-03-01,13,20\n2024-03-04,,21\n2024-03-05,15,22\n"
SESSIONS = np.array(["2024-02-29", "2024-03-01", "2024-03-04", "2024-03-05", "2024-03-06"], dtype="datetime64[D]")


@pytest.mark.parametrize(
    "text", [JSON, TOML, f'{{"market_data": {JSON}}}', f"[market_data]\n{TOML}", f"# note\n{TOML}"]
)
def test_a_record_says_the_same_in_json_and_toml(written, text):
    market = read_market(written(text))
    assert market.record == {
        "spy_trend": 0.5, "vix": 16.0, "vix_20_avg": 18.0, "market_adx": 32.0, "advance_decline_ratio": 1.4,
    }  # fmt: skip
    assert market.as_of is None
    assert market.by_date is None


def test_an_undated_record_serves_the_last_session_only_and_says_so(written):
    aligned = read_market(written(JSON)).aligned(SESSIONS)
    assert set(aligned.columns) == set(MARKET_FEATURES)
    for values in aligned.columns.values():
        assert np.isnan(values[:-1]).all()
        assert np.isfinite(values[-1])
    assert "undated" in aligned.absent["vix"]
    assert "2024-03-06" in aligned.absent["vix"]


def test_a_dated_record_serves_from_its_session_until_it_is_stale(written):
    market = read_market(written(TOML + "as_of = 2024-03-01T16:00:00-05:00\n"))
    assert market.as_of == datetime(2024, 3, 1, 21, tzinfo=UTC)
    vix = market.aligned(SESSIONS, max_age_days=3).columns["vix"]
    np.testing.assert_array_equal(vix, [np.nan, 16.0, 16.0, np.nan, np.nan])


def test_a_record_made_on_a_weekend_belongs_to_the_friday_before(written):
    market = read_market(written('{"vix": 16, "as_of": "2024-03-02T12:00:00Z"}'))
    np.testing.assert_array_equal(market.aligned(SESSIONS).columns["vix"][:3], [np.nan, 16.0, 16.0])


def test_a_record_older_than_every_session_allows_is_absent_with_the_reason(written):
    aligned = read_market(written('{"vix": 16, "as_of": "2023-03-01T12:00:00Z"}')).aligned(SESSIONS)
    assert np.isnan(aligned.columns["vix"]).all()
    assert "recent enough" in aligned.absent["vix"]


def test_a_table_is_aligned_by_date_and_an_empty_cell_is_absent(written):
    aligned = read_market(written(TABLE)).aligned(SESSIONS, max_age_days=1)
    np.testing.assert_array_equal(aligned.columns["vix"], [np.nan, 13.0, np.nan, 15.0, 15.0])
    np.testing.assert_array_equal(aligned.columns["market_adx"], [np.nan, 20.0, 21.0, 22.0, 22.0])
    assert set(aligned.absent) == set(MARKET_FEATURES) - {"vix", "market_adx"}


def test_every_market_feature_has_a_column_or_a_reason(written):
    for text in (JSON, TABLE, '{"vix": null, "adx": 20}'):
        aligned = read_market(written(text)).aligned(SESSIONS)
        assert set(aligned.columns) | set(aligned.absent) == set(MARKET_FEATURES)


@given(cut=st.integers(1, 5))
def test_sessions_that_come_later_change_no_earlier_value_of_a_table(written, cut):
    market = read_market(written(TABLE))
    whole = market.aligned(SESSIONS).columns["vix"]
    np.testing.assert_array_equal(market.aligned(SESSIONS[:cut]).columns["vix"], whole[:cut])


@pytest.mark.parametrize(
    ("text", "row", "field", "words"),
    [
        ('{"vix": "16"}', None, "vix", "not a number"),
        ('{"vix": true}', None, "vix", "not a number"),
        ('{"vix": -1}', None, "vix", "outside"),
        ('{"vix": 0}', None, "vix", "outside 1..1000"),
        ('{"vix": 0.16}', None, "vix", "outside 1..1000"),
        ('{"vix": 16, "as_of": "9999-12-31T23:00:00-04:00"}', None, "as_of", "no usable time"),
        ('{"vix": 16, "as_of": "0001-01-01T00:00:00+04:00"}', None, "as_of", "no usable time"),
        ('{"vix": 16, "as_of": "1066-10-14T09:00:00+00:00"}', None, "as_of", "outside the years"),
        ('{"vix": 1e999}', None, "vix", "infinite"),
        ('{"vix": 16, "vix": 17}', None, "vix", "twice"),
        ('{"vxi": 16}', None, "vxi", "did you mean 'vix'"),
        ('{"adx": 101}', None, "adx", "outside 0..100"),
        ('{"vix": 16', 1, None, "cut JSON"),
        ("{}", None, None, "names nothing"),
        ('{"market_data": 3}', None, None, "one record"),
        ('{"vix": 16, "as_of": "2024-03-01T16:00:00"}', None, "as_of", "no time zone"),
        ('{"vix": 16, "as_of": "yesterday"}', None, "as_of", "no time"),
        ('{"vix": 16, "as_of": 5}', None, "as_of", "no time"),
        ("vix = 16\nas_of = 2024-03-01\n", None, "as_of", "date alone"),
        ("vix = 16\nas_of = 2024-03-01T16:00:00\n", None, "as_of", "no time zone"),
        ("vix = \n", None, None, "neither JSON, TOML nor a table"),
        ("date,vix\n2024-03-01,sixteen\n", 2, "vix", "not a number"),
        ("date,vix\n2024-03-01,16\n2024-03-04,-3\n", 3, "vix", "outside"),
        ("date,vix\n2024-03-01,16\n2024-03-01,17\n", 3, "date", "twice"),
        ("date,vix\n2024-03-04,16\n2024-03-01,17\n", 3, "date", "sort by date"),
        ("date,vixx\n2024-03-01,16\n", 1, "vixx", "did you mean 'vix'"),
        ("date\n2024-03-01\n", 1, None, "no column besides date"),
        ("vix,adx\n16,20\n", 1, "date", "missing"),
    ],
)
def test_a_wrong_market_file_is_named(written, text, row, field, words):
    with pytest.raises(InputError, match=words) as caught:
        read_market(written(text))
    assert (caught.value.row, caught.value.field) == (row, field)


@given(sound=st.sampled_from([JSON, TOML, TABLE]), data=st.data())
def test_a_mangled_market_file_gives_values_or_an_input_error_and_nothing_else(written, sound, data):
    try:
        market = read_market(written(data.draw(mangled(sound.encode()))))
    except InputError as error:
        demand_one_line(error)
    else:
        assert isinstance(market, MarketInput)
        assert set(market.aligned(SESSIONS).columns) <= set(MARKET_FEATURES)
