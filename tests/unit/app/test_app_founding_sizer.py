"""The position sizer on dictionaries: Kelly without a policy, a trained policy, its file."""

from __future__ import annotations

import math
import sys
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from builders_founding import ask, open_system
from lightning_gex.analytics.observation import OBSERVATION_NAMES, observation
from lightning_gex.app.founding.sizer import LightningRLPositionSizer
from lightning_gex.core.errors import InputError, LightningError, MissingExtraError, RefusedError, SettingsError
from lightning_gex.sizing.ladder import LADDER

SEEN = {
    "gex_signal": 0.5,
    "charm_pressure": 0.2,
    "vanna_sensitivity": 0.1,
    "drawdown": 0.02,
    "win_rate": 0.55,
    "volatility": 0.18,
    "portfolio_heat": 0.01,
}
KELLY = {"win_rate": 0.6, "payoff_ratio": 1.5, "stop_return": 0.05}


@pytest.fixture(scope="module")
def trained():
    sizer = LightningRLPositionSizer(algorithm="A2C")
    report = sizer.train(total_timesteps=64)
    return sizer, report


def test_the_observation_is_the_documents_seven():
    assert tuple(SEEN) == OBSERVATION_NAMES


def test_without_policy_or_record_the_size_is_the_lowest_rung():
    answer = LightningRLPositionSizer().get_position_size(SEEN, price=180.0)
    assert (answer["size_pct"], answer["method"], answer["quantity"]) == (0.02, "cold_start", 11)
    assert "no trained policy" in answer["fallback"]


def test_kelly_puts_a_quarter_of_its_fraction_at_risk():
    # f = 0.42 - 0.58 / 1.5 = 0.0333 at risk; a quarter of it over a stop of 10 % is 8.3 % of equity: the 5 % rung.
    answer = LightningRLPositionSizer().get_position_size(
        SEEN, price=100.0, win_rate=0.42, payoff_ratio=1.5, stop_return=0.10
    )
    assert (answer["size_pct"], answer["method"], answer["quantity"]) == (0.05, "kelly", 50)


def test_kelly_without_an_edge_puts_nothing_in():
    answer = LightningRLPositionSizer().get_position_size(SEEN, 100.0, win_rate=0.4, payoff_ratio=1.5, stop_return=0.05)
    assert (answer["size_pct"], answer["quantity"]) == (0.0, 0)


def test_a_trained_policy_answers_with_a_rung(trained):
    sizer, report = trained
    assert sizer.is_trained
    assert report["algorithm"] == "A2C"
    assert report["total_timesteps"] == 64
    assert "simulated" in report["data"]
    answer = sizer.get_position_size(SEEN, 180.0)
    assert answer["size_pct"] in LADDER
    assert answer["method"] == "policy"


def test_a_policy_that_sees_too_little_leaves_the_size_to_kelly(trained):
    answer = trained[0].get_position_size({"volatility": 0.2}, **KELLY)
    assert answer["method"] == "kelly"
    assert "too little known" in answer["fallback"]


def test_what_a_policy_does_not_see_is_said(trained):
    answer = trained[0].get_position_size({k: v for k, v in SEEN.items() if k != "win_rate"})
    assert answer["method"] == "policy"
    assert "win_rate" in answer["fallback"]
    assert answer["quantity"] is None


def test_a_saved_model_decides_the_same_elsewhere(trained, tmp_path):
    sizer, _ = trained
    sizer.save_model(tmp_path / "model.zip")
    loaded = LightningRLPositionSizer(algorithm="A2C", model_path=str(tmp_path / "model.zip"))
    for heat in (0.0, 0.05, 0.14):
        seen = SEEN | {"portfolio_heat": heat}
        assert loaded.get_position_size(seen) == sizer.get_position_size(seen)


def test_a_model_of_another_algorithm_is_refused_with_its_own(trained, tmp_path):
    trained[0].save_model(tmp_path / "model.zip")
    with pytest.raises(InputError, match="algorithm='A2C'"):
        LightningRLPositionSizer(algorithm="PPO", model_path=tmp_path / "model.zip")


def test_a_model_that_is_none_is_one_line(tmp_path):
    (tmp_path / "text.zip").write_text("no zip")
    for path in (tmp_path / "text.zip", tmp_path / "missing.zip", tmp_path):
        with pytest.raises(InputError) as caught:
            LightningRLPositionSizer(model_path=path)
        assert str(path) in str(caught.value)


def test_a_policy_in_the_workspace_sizes_the_whole_systems_trades(trained, tmp_path):
    trained[0].save_model(tmp_path / "policy.zip")
    with open_system(tmp_path) as (system, _):
        assert "policy" in [cap["name"] for cap in ask(system)["caps"]]
    with open_system(tmp_path, enable_rl_sizing=False) as (system, _):
        assert "policy" not in [cap["name"] for cap in ask(system, "MSFT")["caps"]]


def test_nothing_trained_is_nothing_to_save(tmp_path):
    with pytest.raises(RefusedError, match="train"):
        LightningRLPositionSizer().save_model(tmp_path / "model.zip")


def test_a_policy_is_trained_on_bars_of_ones_own():
    rng = np.random.default_rng(5)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0006, 0.012, 500)))
    days = [date(2020, 1, 2) + timedelta(days=k) for k in range(800)]
    sessions = [d for d in days if d.weekday() < 5][:500]
    frame = pd.DataFrame(
        {
            "ticker": "OWN",
            "date": pd.to_datetime(sessions),
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume": rng.integers(1_000_000, 3_000_000, 500).astype(float),
        }
    )
    report = LightningRLPositionSizer(algorithm="DQN").train(total_timesteps=64, data=frame)
    assert report["candidates"] > 0
    assert "simulated" not in report["data"]


def test_predict_size_answers_with_a_rung_by_name_or_by_vector(trained):
    sizer, _ = trained
    by_name = sizer.predict_size(SEEN)
    assert by_name == sizer.get_position_size(SEEN)["size_pct"]
    vector = observation(**SEEN).values
    assert sizer.predict_size(vector) == sizer.predict_size(vector.tolist()) == by_name
    assert by_name in LADDER


@pytest.mark.parametrize(
    "seen", [[0.0] * 6, [0.0] * 6 + [math.nan], [0.0] * 6 + [2.0], ["a"] * 7, SEEN | {"mood": 1.0}]
)
def test_predict_size_refuses_what_is_no_observation(trained, seen):
    with pytest.raises(InputError):
        trained[0].predict_size(seen)


def test_predict_size_without_a_policy_or_with_too_little_known_is_refused(trained):
    with pytest.raises(RefusedError, match="train or load"):
        LightningRLPositionSizer().predict_size(SEEN)
    with pytest.raises(RefusedError, match="too little"):
        trained[0].predict_size({"volatility": 0.2})


def test_a_training_that_fails_leaves_the_policy_before_in_place(trained):
    sizer, _ = trained
    before = sizer.policy
    with pytest.raises(InputError, match="hidden"):
        sizer.train(total_timesteps=64, hidden=())
    with pytest.raises(InputError, match="depth"):
        sizer.train(total_timesteps=64, depth=3)
    assert sizer.policy is before


def test_the_learning_rate_of_the_sizer_is_that_of_its_trainings():
    told = []
    report = LightningRLPositionSizer("A2C", seed=3, learning_rate=0.002).train(
        total_timesteps=64, progress=told.append
    )
    assert report["seed"] == 3
    assert told[-1].done == 64
    with pytest.raises(InputError, match="learning_rate"):
        LightningRLPositionSizer(learning_rate=0.0)


@pytest.mark.parametrize(
    "arguments",
    [{"total_timesteps": 0}, {"total_timesteps": 1.5}, {"total_timesteps": "many"}, {"data": 7}, {"data": "bars.csv"},
     {"data": pd.DataFrame({"close": [1.0]})}, {"learning_rate": float("nan")}],
)  # fmt: skip
def test_training_that_cannot_be_is_one_of_our_errors(arguments):
    with pytest.raises(LightningError):
        LightningRLPositionSizer().train(**arguments)


def test_without_its_extra_training_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lightning-gex\[rl\]'"):
        LightningRLPositionSizer().train(total_timesteps=64)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"algorithm": "SAC"}, "PPO, A2C, DQN"),
        ({"algorithm": None}, "PPO, A2C, DQN"),
        ({"initial_capital": 0}, "initial_capital"),
        ({"initial_capital": float("nan")}, "initial_capital"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_sizer_that_cannot_be_is_refused(arguments, said):
    with pytest.raises((SettingsError, InputError), match=said):
        LightningRLPositionSizer(**arguments)


@pytest.mark.parametrize(
    ("seen", "more", "field"),
    [
        (SEEN | {"mood": 1.0}, {}, "mood"),
        (SEEN | {"volatility": float("nan")}, {}, "volatility"),
        (SEEN | {"gex_signal": 3.0}, {}, "gex_signal"),
        (SEEN | {"drawdown": -0.1}, {}, "drawdown"),
        (SEEN | {"win_rate": "half"}, {}, "win_rate"),
        (SEEN, {"price": 0.0}, "price"),
        (SEEN, KELLY | {"win_rate": 1.5}, "win_rate"),
        (SEEN, KELLY | {"payoff_ratio": -1.0}, "payoff_ratio"),
        (SEEN, KELLY | {"stop_return": 0.0}, "stop_return"),
        ([0.0] * 7, {}, None),
    ],
)
def test_an_observation_that_cannot_be_is_one_line(seen, more, field):
    with pytest.raises(InputError) as caught:
        LightningRLPositionSizer().get_position_size(seen, **more)
    assert caught.value.field == field


def test_a_pandas_row_is_an_observation_and_none_is_absent():
    answer = LightningRLPositionSizer().get_position_size(pd.Series(SEEN), price=np.float32(180))
    assert answer["quantity"] == 11
    assert not math.isnan(LightningRLPositionSizer().get_position_size(SEEN | {"win_rate": None})["size_pct"])
