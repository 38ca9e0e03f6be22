"""Memory on dictionaries: signals, outcomes, likeness, exports."""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime, timedelta

import pytest

from builders_founding import MONDAY, OPTIONS, PRICE, open_system
from lightning_gex.app.founding.memory import LightningMemorySystem
from lightning_gex.core.errors import InputError, LightningError, RefusedError

GOOD = {
    "ticker": "AAPL",
    "direction": "bullish",
    "confidence": 0.6,
    "entry_price": 180.0,
    "target_price": 189.0,
    "stop_loss": 175.0,
    "time_horizon": 5,
}


@pytest.fixture
def memory(tmp_path):
    with LightningMemorySystem(home=tmp_path / "home") as memory:
        yield memory


def remember(memory, at=MONDAY, **changes):
    return memory.record_signal(**(GOOD | changes), price_data=PRICE | {"as_of": at}, options_data=OPTIONS)


def test_signals_given_at_one_moment_have_ids_of_their_own(memory):
    assert len({remember(memory) for _ in range(20)}) == 20
    assert memory.summary()["signals"] == 20


def test_ids_of_two_systems_on_one_workspace_never_meet(tmp_path):
    with LightningMemorySystem(home=tmp_path) as one, LightningMemorySystem(home=tmp_path) as other:
        ids = [remember(m) for m in (one, other, one, other)]
        assert len(set(ids)) == 4
        assert one.summary()["signals"] == other.summary()["signals"] == 4


def test_a_memory_survives_a_restart(tmp_path):
    with LightningMemorySystem(home=tmp_path) as memory:
        signal = remember(memory)
        memory.record_outcome(signal, 0.03, as_of=MONDAY + timedelta(days=5))
    with LightningMemorySystem(home=tmp_path) as memory:
        assert memory.find(signal).outcome.won
        assert memory.get_recent_signals()[0]["pattern_id"] == signal


def test_an_outcome_is_recalled_from_when_it_was_known_and_not_before(memory):
    signal = remember(memory)
    memory.record_outcome(signal, 0.03, as_of=MONDAY + timedelta(days=5))

    def ask(at):
        return memory.find_similar_patterns("AAPL", "bullish", PRICE | {"as_of": at}, OPTIONS)

    assert ask(MONDAY + timedelta(days=4)) == []
    (found,) = ask(MONDAY + timedelta(days=5))
    assert (found["signal_id"], found["won"], found["net_return"]) == (signal, True, 0.03)
    assert found["similarity"] == pytest.approx(1.0)


def test_confidence_follows_similar_signals_once_such_advice_has_proved_right(memory):
    far = {n: v * (0.8 if n.startswith("sma") else 1.0) for n, v in PRICE.items()} | {"rsi": 15.0, "adx": 5.0}
    opposite = {n: -v for n, v in OPTIONS.items()}

    def live_through(first, last):
        for k in range(first, last):
            at = MONDAY - timedelta(days=400 - 6 * k)
            memory.record_outcome(remember(memory, at), 0.03, as_of=at + timedelta(days=5))
            bad = memory.record_signal(**GOOD, price_data=far | {"as_of": at}, options_data=opposite)
            memory.record_outcome(bad, -0.03, as_of=at + timedelta(days=5))

    live_through(0, 12)
    untried = memory.adjust_confidence("AAPL", "bullish", 0.6, PRICE | {"as_of": MONDAY}, OPTIONS)
    assert (untried["considered"], untried["right"], untried["multiplier"]) == (12, 12, 1.0)
    live_through(12, 40)
    proved = memory.adjust_confidence("AAPL", "bullish", 0.6, PRICE | {"as_of": MONDAY}, OPTIONS)
    assert proved["share"] > 0
    assert 1.0 < proved["multiplier"] <= 1.2
    assert proved["confidence"] == pytest.approx(0.6 * proved["multiplier"])
    warned = memory.adjust_confidence("AAPL", "bullish", 0.6, far | {"as_of": MONDAY}, opposite)
    assert 0.8 <= warned["multiplier"] < 1.0


def test_a_memory_that_knows_nothing_changes_nothing(memory):
    adjusted = memory.adjust_confidence("AAPL", "bullish", 0.6, PRICE)
    assert (adjusted["confidence"], adjusted["multiplier"]) == (0.6, 1.0)
    assert math.isnan(memory.summary()["win_rate"])


def test_the_short_term_memory_has_its_length(tmp_path):
    with LightningMemorySystem(max_short_term=3, home=tmp_path) as memory:
        ids = [remember(memory, MONDAY + timedelta(minutes=k)) for k in range(5)]
        assert [s["pattern_id"] for s in memory.get_recent_signals()] == ids[:1:-1]
        assert len(memory.get_recent_signals(2)) == 2
        assert len(memory.get_recent_signals(50)) == 3


def test_the_length_is_fifty_unless_the_settings_say_otherwise(tmp_path, monkeypatch):
    with LightningMemorySystem(home=tmp_path) as memory:
        assert memory._config.recent_signals == 50
    monkeypatch.setenv("LIGHTNING_MEMORY__RECENT_SIGNALS", "7")
    with LightningMemorySystem(home=tmp_path) as memory:
        assert memory._config.recent_signals == 7


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"direction": "up"}, "direction"),
        ({"direction": "neutral"}, "direction"),
        ({"confidence": 1.2}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"confidence": "high"}, "confidence"),
        ({"entry_price": 0}, "entry_price"),
        ({"target_price": 170.0}, "target_price"),
        ({"stop_loss": 185.0}, "stop_loss"),
        ({"time_horizon": 0}, "time_horizon"),
        ({"time_horizon": 1.5}, "time_horizon"),
        ({"ticker": ""}, "ticker"),
    ],
)
def test_a_signal_that_cannot_be_is_refused_and_not_remembered(memory, change, field):
    with pytest.raises(InputError) as caught:
        remember(memory, **change)
    assert caught.value.field == field
    assert memory.summary()["signals"] == 0


def test_a_bearish_signal_has_its_target_below(memory):
    assert remember(memory, direction="bearish", target_price=170.0, stop_loss=185.0)


@pytest.mark.parametrize(
    ("net_return", "as_of", "error"),
    [
        (float("nan"), None, InputError),
        ("much", None, InputError),
        (0.1, MONDAY - timedelta(days=1), InputError),
        (0.1, datetime(2024, 6, 9), InputError),  # noqa: DTZ001 - naive on purpose
    ],
)
def test_an_outcome_that_cannot_be_is_refused(memory, net_return, as_of, error):
    signal = remember(memory)
    with pytest.raises(error):
        memory.record_outcome(signal, net_return, as_of)
    assert memory.find(signal).outcome is None


def test_an_outcome_is_recorded_once_and_of_known_signals_only(memory):
    signal = remember(memory)
    memory.record_outcome(signal, 0.02)
    with pytest.raises(RefusedError, match="recorded already"):
        memory.record_outcome(signal, 0.02)
    with pytest.raises(RefusedError, match="remembered"):
        memory.record_outcome("nobody", 0.02)


def test_a_signal_dated_after_the_clock_may_end_when_it_was_given(tmp_path):
    with open_system(tmp_path, at=MONDAY) as (system, _):
        signal = remember(system.memory, datetime(2030, 1, 2, 20, tzinfo=UTC))
        system.memory.record_outcome(signal, 0.01)
        assert system.memory.find(signal).outcome.known_at == datetime(2030, 1, 2, 20, tzinfo=UTC)


def test_performance_is_told_by_ticker_timeframe_and_confidence(memory):
    memory.record_outcome(remember(memory), 0.02)
    remember(memory, ticker="MSFT")
    analysis = memory.get_performance_analysis()
    assert {"all", "ticker", "timeframe", "confidence", "regime"} <= set(analysis)
    by_ticker = {row["label"]: row for row in analysis["ticker"]}
    assert by_ticker["AAPL"]["win_rate"] == 1.0
    assert math.isnan(by_ticker["MSFT"]["win_rate"])


def test_the_export_has_a_row_a_signal(memory, tmp_path):
    memory.record_outcome(remember(memory), -0.02)
    assert memory.export_to_csv(str(tmp_path / "out.csv")) == 1
    with (tmp_path / "out.csv").open(newline="") as file:
        (row,) = list(csv.DictReader(file))
    assert (row["ticker"], row["outcome_won"], float(row["outcome_net_return"])) == ("AAPL", "false", -0.02)


def test_an_export_can_be_remembered_by_another_workspace(memory, tmp_path):
    memory.record_outcome(remember(memory), -0.02)
    memory.export_to_csv(tmp_path / "out.csv")
    with LightningMemorySystem(home=tmp_path / "other") as other:
        assert [other.import_from_csv(tmp_path / "out.csv") for _ in range(2)] == [1, 0]
        assert repr(other.get_recent_signals()) == repr(memory.get_recent_signals())  # NaN is NaN


def test_an_export_that_cannot_be_written_is_one_of_our_errors(memory, tmp_path):
    with pytest.raises(LightningError, match="no-such-folder"):
        memory.export_to_csv(tmp_path / "no-such-folder" / "out.csv")


@pytest.mark.parametrize("length", [0, -1, 2.5, "fifty"])
def test_a_length_that_is_none_is_refused(tmp_path, length):
    with pytest.raises(InputError, match="max_short_term"):
        LightningMemorySystem(max_short_term=length, home=tmp_path)


def test_what_is_no_id_finds_nothing(tmp_path):
    with open_system(tmp_path) as (system, _):
        for value in (None, 3, [1], 10**5_000):
            assert system.memory.find(value) is None
            with pytest.raises(RefusedError, match="no signal"):
                system.memory.record_outcome(value, 0.03)


def test_a_horizon_beyond_what_the_store_counts_is_refused_and_nothing_is_remembered(tmp_path):
    with open_system(tmp_path) as (system, _):
        with pytest.raises(InputError, match="time_horizon"):
            system.memory.record_signal("AAPL", "bullish", 0.6, 180.0, 190.0, 175.0, 10**20, PRICE, OPTIONS)
        assert system.memory.summary()["signals"] == 0
