"""Dictionaries become one row of features, or one clear line."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders_founding import MARKET, MONDAY, OPTIONS, PRICE, open_system
from lightning_gex.adapters.clock import ReplayClock
from lightning_gex.app.founding import inputs
from lightning_gex.core.errors import InputError, LightningError
from lightning_gex.core.features import CHAIN_FEATURES, MARKET_FEATURES, OPTIONS_FEATURES, PRICE_FEATURES
from lightning_gex.risk.guardrails import GuardrailLimits

CLOCK = ReplayClock(MONDAY)


def read(price=PRICE, options=None, market=None, ticker="AAPL"):
    return inputs.given(ticker, price, options, market, CLOCK)


def refusal(**arguments) -> str:
    with pytest.raises(InputError) as caught:
        read(**arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_figures_arrive_under_the_names_the_agents_read():
    features = read(PRICE, OPTIONS, MARKET).features
    assert features["sma_200"][0] == 170.0
    assert features["adx"][0] == 35.0
    assert features["market_adx"][0] == 32.0
    assert math.isnan(features["zero_gamma"][0])


def test_what_is_missing_or_none_is_absent():
    features = read({"price": 180.0, "rsi": None}, {}, None).features
    assert math.isnan(features["rsi"][0])
    assert set(features.absent) == {"options_data", "market_data"}


@pytest.mark.parametrize(
    "value",
    [180, np.float32(180), np.int64(180), Decimal(180), np.array(180.0), np.array([180.0]), pd.Series([180.0]),
     pl.Series([180.0])],
    ids=lambda v: type(v).__name__,
)  # fmt: skip
def test_one_number_is_a_number_whatever_holds_it(value):
    assert read({"price": value}).features["price"][0] == 180.0


def test_a_row_of_a_pandas_frame_is_a_dictionary():
    frame = pd.DataFrame([PRICE])
    assert read(frame.iloc[0]).features["atr"][0] == 4.5
    assert read(frame).features["atr"][0] == 4.5


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ({"price": float("nan")}, "price_data, field 'price': is nan: leave the key out"),
        ({"price": float("inf")}, "field 'price': is inf"),
        ({"price": -1.0}, "field 'price': -1 is out of range: it must be above 0"),
        ({"price": 0}, "field 'price': 0 is out of range"),
        ({"price": "180"}, "field 'price': must be a number, not '180'"),
        ({"price": True}, "field 'price': must be a number, not True"),
        ({"price": np.bool_(True)}, "field 'price': must be a number, not True"),
        ({"price": [180.0]}, "field 'price': must be a number, not [180.0]"),
        ({"price": pd.Series([1.0, 2.0])}, "field 'price': must hold exactly one value"),
        ({"price": 10**400}, "field 'price': is no finite number"),
        ({"price": 1e30}, "field 'price': 1e+30 is out of range"),
        ({"price": None}, "field 'price': is missing"),
        ({"price": 180.0, "rsi": 101.0}, "field 'rsi': 101 is out of range: it must be 0 to 100"),
        ({"price": 180.0, "smaa_20": 1.0}, "field 'smaa_20': unknown key: did you mean 'sma_20'?"),
        ({"price": 180.0, 7: 1.0}, "field '7': unknown key"),
        ({"price": 180.0, "bb_lower": 5.0, "bb_upper": 4.0}, "field 'bb_lower': 5 is above bb_upper 4"),
        ({"price": 180.0, "support": 5.0, "resistance": 4.0}, "field 'support': 5 is above resistance 4"),
        ([180.0], "price_data: must be a dictionary, not list"),
        (None, "field 'price': is missing"),
    ],
)
def test_a_price_that_cannot_be_used_is_one_line_that_names_dictionary_and_key(price, said):
    assert said in refusal(price=price)


@pytest.mark.parametrize("ticker", ["", "  ", None, 7, "A B", "A\nB", "Ä", "A" * 33])
def test_a_ticker_that_is_none_is_refused(ticker):
    assert "field 'ticker'" in refusal(ticker=ticker)


def test_blanks_around_a_ticker_are_no_part_of_it():
    assert read(ticker=" AAPL ").features.ticker == "AAPL"


def test_undated_data_are_stamped_by_the_clock_and_the_record_says_so():
    seen = inputs.given("AAPL", PRICE, None, None, ReplayClock(MONDAY.replace(microsecond=7)))
    assert seen.as_of == MONDAY
    assert not seen.dated
    assert "the clock's 2024-06-03 18:00:00 UTC stands in" in seen.notes[0]


def test_the_latest_of_several_dates_counts_and_is_utc():
    zone = timezone(timedelta(hours=-4))
    seen = read(
        PRICE | {"as_of": datetime(2024, 5, 31, 15, 0, tzinfo=zone)}, {"as_of": "2024-05-31T14:00:00-04:00"}, MARKET
    )
    assert seen.as_of == datetime(2024, 5, 31, 19, 0, tzinfo=UTC)
    assert seen.as_of.tzinfo is UTC
    assert seen.dated
    assert seen.notes == ()


@pytest.mark.parametrize(
    "as_of",
    [datetime(2024, 6, 3), "2024-06-03", "soon", 20240603, pd.NaT, datetime(1950, 1, 3, tzinfo=UTC),  # noqa: DTZ001
     datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), np.datetime64("2024-06-03")],
)  # fmt: skip
def test_a_time_without_a_zone_or_outside_the_calendar_is_refused(as_of):
    assert "price_data, field 'as_of'" in refusal(price=PRICE | {"as_of": as_of})


KEYS = (*PRICE_FEATURES, *OPTIONS_FEATURES, *CHAIN_FEATURES, *MARKET_FEATURES, "adx", "as_of", "no_such_key", 7)
ANY_VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.floats(0.1, 300.0),
    st.floats(-1.0, 1.0),
    st.integers(),
    st.text(max_size=5),
    st.sampled_from([[], {}, np.float32(2), Decimal("NaN"), Decimal("1E+400"), complex(1, 1), np.array([1.0, 2.0])]),
)
#: Mostly the figures of an ordinary moment, some of them changed: what random dictionaries alone would never reach.
PLAUSIBLE = st.floats(1e-6, 1e7)


@pytest.fixture(scope="module")
def living_system(tmp_path_factory):
    limits = GuardrailLimits(max_daily_trades=1_000_000, max_orders_per_minute=1_000_000)  # or it stops deciding
    with open_system(tmp_path_factory.mktemp("founding_inputs"), guardrails=limits) as (system, _):
        yield system


def changed(base, keys, values):
    return st.dictionaries(st.sampled_from(keys), values, max_size=4).map(lambda changes: {**base, **changes})


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_no_dictionary_gives_anything_but_a_decision_or_one_of_our_errors(living_system, data):
    values = data.draw(st.sampled_from([ANY_VALUE, PLAUSIBLE]))
    price = data.draw(st.one_of(changed(PRICE, KEYS, values), changed(PRICE, PRICE_FEATURES, values)))
    options = data.draw(st.one_of(st.none(), changed(OPTIONS, OPTIONS_FEATURES + CHAIN_FEATURES, values)))
    market = data.draw(st.one_of(st.none(), changed(MARKET, tuple(MARKET), values)))
    try:
        decision = living_system.analyze_ticker("AAPL", price, options, market)
    except LightningError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
    else:
        check_decision(decision)
        if decision["trade_id"] is not None:
            living_system.update_trade_outcome(decision["trade_id"], decision["entry_price"])


def check_decision(decision) -> None:
    assert decision["status"] in {"approved", "blocked", "no_signal"}
    assert decision["reason"]
    assert [s["stage"] for s in decision["stages"]] == [
        "signal", "memory", "strategic", "tactical", "sizing", "execution", "guardrails",
    ]  # fmt: skip
    assert math.isnan(decision["confidence"]) or 0.0 <= decision["confidence"] <= 1.0
    if decision["status"] == "approved":
        assert decision["quantity"] >= 1
        assert decision["position_size_pct"] in {0.02, 0.05, 0.10, 0.15}
        assert decision["stop_loss"] < decision["entry_price"] < decision["target_price"]
    else:
        assert decision["quantity"] == 0
        assert decision["trade_id"] is None


@pytest.mark.parametrize("value", [np.timedelta64(1, "D"), Decimal("sNaN"), pytest.param(10**5_000, id="huge")])
def test_what_only_calls_itself_a_number_is_refused_by_name(value):
    with pytest.raises(InputError, match="field 'rsi'"):
        inputs.number(value, "rsi")


@pytest.mark.parametrize("value", [10**16, 2**63, 1.5, -1])
def test_a_count_that_nothing_has_is_refused(value):
    with pytest.raises(InputError, match="must be a whole number"):
        inputs.whole(value, "count", least=0)


def test_a_horizon_of_centuries_is_refused():
    assert inputs.horizon(10_000) == 10_000
    with pytest.raises(InputError, match="from 1 to 10000"):
        inputs.horizon(10_001)


@pytest.mark.parametrize("name", ["atr_20_avg", "avg_volume", "bb_width_avg", "sma_20", "volatility"])
def test_a_figure_too_small_to_divide_by_is_refused(name):
    with pytest.raises(InputError, match="nothing that a market has"):
        inputs.given("AAPL", {**PRICE, name: 5e-324}, None, None, ReplayClock(MONDAY))


@pytest.mark.parametrize("value", [None, 3, b"x", "", " ", "a\0b"])
def test_what_names_no_file_is_refused(value):
    with pytest.raises(InputError, match="must name a file"):
        inputs.file_path(value)


@pytest.mark.parametrize("value", [None, 3, b"x", "", " "])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(InputError, match="field 'path'"):
        inputs.text(value, "path")


@pytest.mark.parametrize("word", [bytearray(b"bullish"), b"bullish", ["bullish"], {}, None, 1.5])
def test_what_is_no_word_is_no_side(word):
    with pytest.raises(InputError, match="bullish or bearish"):
        inputs.side(word)
