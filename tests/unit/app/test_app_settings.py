"""Settings: who wins, what is refused and how it is said, and that no default drifts from the part it sets."""

from __future__ import annotations

import dataclasses
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.agents.consensus import ConsensusConfig
from lightning_gex.app.settings import Settings, default_toml, load_settings
from lightning_gex.core.errors import SettingsError
from lightning_gex.engine.config import CostSchedule, EngineConfig, Enhancements
from lightning_gex.memory.confidence import MemoryConfig
from lightning_gex.risk.circuit_breaker import BreakerLimits
from lightning_gex.risk.concentration import ConcentrationLimits
from lightning_gex.risk.execution import ExecutionConfig
from lightning_gex.risk.guardrails import GuardrailLimits
from lightning_gex.risk.regime_path import RegimeRules
from lightning_gex.risk.tactical import TacticalConfig
from lightning_gex.sizing.kelly_size import KellyConfig


@pytest.fixture
def file(tmp_path):
    def write(text: str):
        path = tmp_path / "lightning.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_defaults_are_the_founding_document_s_limits():
    guardrails = load_settings().guardrails
    assert guardrails.max_daily_trades == 20
    assert guardrails.max_daily_loss_pct == 0.05
    assert guardrails.max_position_size_pct == 0.15
    assert guardrails.max_total_exposure_pct == 0.80
    assert guardrails.max_orders_per_minute == 10
    assert load_settings().account.initial_capital == 100_000


@pytest.mark.parametrize(
    ("section", "part", "elsewhere"),
    [
        ("enhancements", Enhancements, set()),
        ("guardrails", GuardrailLimits, {"max_capital_usd"}),  # small_capital.max_capital_usd
        ("breakers", BreakerLimits, set()),
        ("consensus", ConsensusConfig, set()),
        ("memory", MemoryConfig, set()),
        ("kelly", KellyConfig, set()),
        ("tactical", TacticalConfig, {"allow_short"}),  # account.allow_short
        ("regimes", RegimeRules, set()),
        ("concentration", ConcentrationLimits, set()),
        ("execution", ExecutionConfig, {"cost_per_side"}),  # account.cost_bp_per_side_*
    ],
)
def test_a_section_has_the_fields_and_defaults_of_the_part_it_sets(section, part, elsewhere):
    own = getattr(load_settings(), section).model_dump()
    theirs = {f.name: getattr(part(), f.name) for f in dataclasses.fields(part) if f.name not in elsewhere}
    assert own == theirs


def test_the_remaining_settings_default_to_what_the_engine_defaults_to():
    settings = load_settings()
    assert settings.decision.minimum_confidence == EngineConfig().minimum_confidence
    assert settings.account.allow_short == TacticalConfig().allow_short
    assert settings.account.cost_bp_per_side_stocks == CostSchedule().stock_bp
    assert settings.account.cost_bp_per_side_index == CostSchedule().index_bp


def test_explicit_wins_over_environment_over_file_over_default(file, monkeypatch):
    path = file("[guardrails]\nmax_daily_trades = 5\nmax_orders_per_minute = 6\nmax_daily_loss_pct = 0.01\n")
    monkeypatch.setenv("LIGHTNING_GUARDRAILS__MAX_ORDERS_PER_MINUTE", "7")
    monkeypatch.setenv("LIGHTNING_GUARDRAILS__MAX_DAILY_LOSS_PCT", "0.02")
    guardrails = load_settings(path, {"guardrails": {"max_daily_loss_pct": 0.03}}).guardrails
    assert guardrails.max_daily_loss_pct == 0.03  # named by all three
    assert guardrails.max_orders_per_minute == 7  # environment and file
    assert guardrails.max_daily_trades == 5  # file
    assert guardrails.max_position_size_pct == 0.15  # nobody


def test_a_nested_section_is_reached_by_file_and_environment(file, monkeypatch):
    path = file("[agents.weights]\ntrend = 2.0\nreversal = 0.5\n")
    monkeypatch.setenv("LIGHTNING_AGENTS__WEIGHTS__TREND", "3")
    weights = load_settings(path).agents.weights
    assert (weights.trend, weights.reversal, weights.breakout) == (3.0, 0.5, 1.0)


def test_an_absent_file_leaves_the_defaults(tmp_path):
    assert load_settings(tmp_path / "none.toml") == load_settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[guardrails]\nmax_daily_trads = 3\n", ["guardrails.max_daily_trads", "did you mean 'max_daily_trades'"]),
        ("[guardrial]\nx = 3\n", ["'guardrial'", "did you mean 'guardrails'"]),
        ("[agents.weights]\ntrnd = 1\n", ["agents.weights.trnd", "did you mean 'trend'"]),
        ("[account]\ninitial_capital = -1\n", ["account.initial_capital", "greater than or equal to 1"]),
        ("[account]\ninitial_capital = nan\n", ["account.initial_capital", "finite"]),
        ("[account]\nallow_short = 'perhaps'\n", ["account.allow_short", "boolean"]),
        ("[memory]\nhighest_multiplier = 1.5\n", ["memory.highest_multiplier", "1.2"]),
        ("[execution]\nminimum_stop_return = 0.3\n", ["'execution'", "must be below maximum_stop_return"]),
        ("kelly = 3\n", ["'kelly'", "must be a table of settings"]),
        ("[account\n", ["not valid TOML", "line 1"]),
    ],
)
def test_a_wrong_file_is_refused_naming_file_and_key(file, text, words):
    path = file(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in [str(path), *words]:
        assert word in message


def test_every_wrong_key_is_named_at_once(file):
    with pytest.raises(SettingsError, match=r"max_daily_trades.*initial_capital|initial_capital.*max_daily_trades"):
        load_settings(file("[guardrails]\nmax_daily_trades = 0\n[account]\ninitial_capital = 0\n"))


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "lightning.toml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings(path)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LIGHTNING_ACCOUNT__INITIAL_CAPITAL", "lots", "variable LIGHTNING_ACCOUNT__INITIAL_CAPITAL"),
        ("LIGHTNING_ACOUNT__INITIAL_CAPITAL", "5", "LIGHTNING_ACOUNT__INITIAL_CAPITAL: no section 'acount'"),
        ("LIGHTNING_ACCOUNT__CAPITAL", "5", "no such setting"),
        ("LIGHTNING_ACCOUNT", "5,", "environment"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(monkeypatch, variable, value, words):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=words):
        load_settings()


def test_variables_of_other_programs_are_left_alone(monkeypatch):
    monkeypatch.setenv("LIGHTNING_CLOUD_URL", "https://example.com")
    assert load_settings() == Settings()


def test_a_wrong_argument_is_refused_as_one():
    with pytest.raises(SettingsError, match=r"argument 'kelly.fraction'"):
        load_settings(overrides={"kelly": {"fraction": 0}})


def test_nothing_can_be_changed_afterwards():
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.account.initial_capital = 1.0
    with pytest.raises(ValueError, match="frozen"):
        settings.account = settings.account


def test_the_default_file_sets_nothing_and_uncommented_it_sets_the_defaults(file):
    text = default_toml()
    assert load_settings(file(text)) == load_settings()
    uncommented = "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()
    )
    assert set(tomllib.loads(uncommented)) == set(Settings.model_fields)
    assert load_settings(file(uncommented)) == load_settings()
    assert load_settings(file(uncommented)).flat() == dict(_leaves(tomllib.loads(uncommented)))


def _leaves(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def test_flat_names_every_setting_once():
    flat = load_settings().flat()
    assert flat["agents.weights.trend"] == 1.0
    assert flat["guardrails.max_daily_trades"] == 20
    assert all(value is None or isinstance(value, str | int | float | bool) for value in flat.values())


def test_the_hash_does_not_depend_on_where_a_value_came_from(file, monkeypatch):
    by_argument = load_settings(overrides={"kelly": {"fraction": 0.5}}).config_hash()
    by_file = load_settings(file("[kelly]\nfraction = 0.5\n")).config_hash()
    monkeypatch.setenv("LIGHTNING_KELLY__FRACTION", "0.5")
    assert by_argument == by_file == load_settings().config_hash() != Settings.model_construct().config_hash()


@given(st.floats(min_value=0.001, max_value=1.0), st.floats(min_value=0.001, max_value=1.0))
def test_the_hash_changes_exactly_when_a_setting_does(one, other):
    hashes = [load_settings(overrides={"kelly": {"fraction": value}}).config_hash() for value in (one, other)]
    assert (hashes[0] == hashes[1]) is (one == other)
