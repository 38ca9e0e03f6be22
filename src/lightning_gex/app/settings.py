"""What a user may set: validated sections from explicit arguments, environment, ``lightning.toml`` and defaults.

The first of these that names a key wins. A key nobody knows is an error, with the file and the key in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from lightning_gex.core.decision import Scalar
from lightning_gex.core.errors import SettingsError

ENV_PREFIX = "LIGHTNING_"
ENV_DELIMITER = "__"

#: A run begins with at least a dollar, and with no more than the ledger counts to the cent.
LEAST_CAPITAL_USD = 1.0
LARGEST_CAPITAL_USD = 1e12


def _no_boolean(value: object) -> object:
    """``true`` is no number, though Python would count it as 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _no_password_in_url(url: str) -> str:
    """A password in a settings file, or on record with the settings of a run, is no secret any more."""
    if re.search(r"//[^/@]*:[^/@]*@", url) or "password=" in url.lower():
        raise ValueError("holds a password: put it into ~/.pgpass (chmod 600) and leave it out here")
    return url


_Number = BeforeValidator(_no_boolean)
Fraction = Annotated[float, Field(ge=0, le=1), _Number]
PositiveFraction = Annotated[float, Field(gt=0, le=1), _Number]
OpenFraction = Annotated[float, Field(gt=0, lt=1), _Number]
Positive = Annotated[float, Field(gt=0), _Number]
NotNegative = Annotated[float, Field(ge=0), _Number]
Count = Annotated[int, Field(ge=1), _Number]
Capital = Annotated[float, Field(ge=LEAST_CAPITAL_USD, le=LARGEST_CAPITAL_USD), _Number]
Weight = Annotated[float, Field(ge=0, le=1_000), _Number]
ApiName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^.\s]+$")]


class Section(BaseModel):
    """One table of ``lightning.toml``: every key known, every number finite, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class AccountSettings(Section):
    """The money, and what trading it costs."""

    initial_capital: Capital = 100_000.0
    """USD at the start of a run."""
    allow_short: bool = False
    """Open short positions; off, a bearish view only closes."""
    cost_bp_per_side_stocks: NotNegative = 5.0
    """Assumed cost of a fill in a stock, basis points a side."""
    cost_bp_per_side_index: NotNegative = 2.0
    """Assumed cost of a fill in an index or index ETF, basis points a side."""


class EnhancementSettings(Section):
    """Each of the five enhancements, on or off."""

    rl_sizing: bool = True
    """A trained policy may size positions; without one, Kelly does."""
    memory: bool = True
    """Confidence is adjusted by how similar past signals ended."""
    multi_agent: bool = True
    """All five agents vote; off, options flow decides alone."""
    hierarchical: bool = True
    """Strategic, tactical and execution layers filter."""
    security: bool = True
    """Guardrails and breakers check the order."""


class GuardrailSettings(Section):
    """Hard limits on what may be ordered."""

    max_daily_trades: Count = 20
    """Entries a session."""
    max_daily_loss_pct: PositiveFraction = 0.05
    """Loss since the session's open, as a fraction of equity then, beyond which no entry is made."""
    max_position_size_pct: PositiveFraction = 0.15
    """Notional of one position, as a fraction of equity."""
    max_total_exposure_pct: PositiveFraction = 0.80
    """Sum of absolute position values, as a fraction of equity."""
    max_orders_per_minute: Count = 10
    """Orders within any 60 seconds."""
    max_ticker_exposure_pct: PositiveFraction = 0.20
    """Sum of absolute position values in one ticker, as a fraction of equity."""
    price_collar_pct: PositiveFraction = 0.20
    """Distance of the price from the ticker's last one, as a fraction of it, beyond which no entry is made."""


class BreakerSettings(Section):
    """Where each circuit breaker trips; it stays tripped until a person resets it, and stops entries, never exits."""

    max_daily_loss_pct: PositiveFraction = 0.05
    """Loss since the session's open, as a fraction of equity then."""
    max_drawdown_pct: PositiveFraction = 0.25
    """Fall from the highest equity, as a fraction of it."""
    max_losing_streak: Count = 36
    """Trades lost in a row."""
    max_vix_jump: Positive = 0.50
    """Rise of the VIX over the session before, as a fraction."""
    max_data_age_sessions: Count = 3
    """Sessions between the latest bar and now."""
    max_error_rate: PositiveFraction = 0.20
    """Share of recent operations that failed."""


class SmallCapitalSettings(Section):
    """A cap in dollars on what is at work at once, for the first weeks with real money."""

    enabled: bool = False
    """Whether the cap is a guardrail beside the others."""
    max_capital_usd: Annotated[float, Field(gt=0, le=LARGEST_CAPITAL_USD), _Number] = 5_000.0
    """USD of position values and pending entries, in all runs of the account, beyond which no entry is made."""


class RateLimitSettings(Section):
    """How often an API may be called, by every program on the workspace together."""

    calls: Count = 60
    """Calls within any window, of an API that rate_limits.apis does not name."""
    window_seconds: Annotated[float, Field(gt=0, le=86_400), _Number] = 60.0
    """Length of the window, seconds."""
    apis: Mapping[ApiName, Count] = {}
    """Calls within any window by API, under the name its credentials have in the vault."""


class AlertSettings(Section):
    """Who is told of a breaker, a halt, a failure and the day's end; where to is a secret, and no setting."""

    vault_entry: Annotated[str, Field(max_length=100)] = ""
    """Name of the vault's entry whose secret holds the addresses; empty takes LIGHTNING_ALERT_URLS, if it is set."""
    daily_summary: bool = True
    """Also tell how each session of paper or live trading ended."""


class DecisionSettings(Section):
    """What a signal needs to be traded at all."""

    minimum_confidence: Annotated[float, Field(ge=0.5, le=1)] = 0.5
    """Probability, after memory, below which a signal is not traded."""
    calibrate: bool = True
    """Whether the consensus is turned into a probability by base rates and past outcomes; false shows it as it is."""
    range_horizon_sessions: Annotated[int, Field(ge=1, le=21), _Number] = 5
    """Sessions that the expected range of a decision is for."""


class ConsensusSettings(Section):
    """When the agents' votes are enough."""

    min_confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.52
    """Probability below which the consensus is neutral."""
    min_voting: Count = 2
    """Agents that must not abstain."""
    conflict_share: Annotated[float, Field(gt=0, le=0.5)] = 0.3
    """Share of the voting weight that, held by both sides at once, splits the vote: no direction."""
    veto_confidence: Annotated[float, Field(gt=0.5, le=1)] = 0.7
    """Confidence from which on a single agent stops a consensus of the other direction; 1 leaves only certainty."""


class SizingSettings(Section):
    """How a position's size is chosen where not by policy or Kelly."""

    fixed_size_pct: Fraction = 0.0
    """Notional of every position as a fraction of equity, below all limits; 0 asks the policy or Kelly."""
    capital_share: Fraction = 1.0
    """Part of the capital that is this system's: every size is that part of what it would be; 1 is all of it."""
    policy: Literal["champion", "shipped"] = "champion"
    """Which policy sizes: the promoted one, else Kelly; or the one that ships with the package, champion or not."""


class KellySettings(Section):
    """How far Kelly's answer is trusted."""

    fraction: PositiveFraction = 0.25
    """Part of Kelly's fraction that is put at risk."""
    minimum_outcomes: Count = 30
    """With fewer resolved outcomes that do not overlap the size is the cold start's."""
    cold_start_size_pct: PositiveFraction = 0.02
    """Notional as a fraction of equity until then."""
    level: OpenFraction = 0.95
    """Two-sided confidence of the win rate's interval, which must exclude no edge where outcomes have no dates."""
    edge_level: OpenFraction = 0.50
    """Two-sided confidence of the mean net return's interval, which must exclude no edge."""
    prior_outcomes: NotNegative = 30.0
    """Imagined outcomes without skill that the resolved ones are averaged with."""


class MemorySettings(Section):
    """How similar past signals move the confidence of a new one."""

    neighbours: Count = 20
    """How many similar signals are recalled."""
    similarity_threshold: Fraction = 0.8
    """Less similar signals are not considered; 1 is identical."""
    minimum_neighbours: Count = 10
    """With fewer to consider memory gives no advice."""
    prior_strength: Positive = 30.0
    """Imagined signals at the base rate that the considered ones are averaged with."""
    half_life_years: Positive = 5.0
    """After how long an outcome counts half."""
    lowest_multiplier: Annotated[float, Field(ge=0.8, le=1)] = 0.8
    """The most that memory takes away."""
    highest_multiplier: Annotated[float, Field(ge=1, le=1.2)] = 1.2
    """The most that memory adds."""
    recent_signals: Count = 50
    """Length of the short-term memory."""


class TacticalSettings(Section):
    """How a signal's bracket is made sane, whatever the regime."""

    minimum_stop_atr: Positive = 1.0
    """A nearer stop is moved out to this many average true ranges."""
    minimum_target_atr: Positive = 1.0
    """A nearer target is moved out to this many average true ranges."""
    minimum_reward_to_risk: Positive = 1.0
    """Target distance over stop distance below which the stop is moved in."""
    forecast_brackets: bool = True
    """Count these distances, and the regimes', in the forecast of the true range where that is wider than ATR."""
    held_bracket_atr: NotNegative = 8.0
    """Average true ranges to stop and target of trades held to their horizon; 0 takes agents' and regime's levels."""
    widest_bracket_pct: OpenFraction = 0.20
    """The farthest that they may be, as a fraction of the price."""
    core_ideas: bool = True
    """A share whose agents leave its direction open is an idea all the same where it rises more often than not."""
    core_horizon_sessions: Annotated[int, Field(ge=1, le=252), _Number] = 10
    """Sessions that such an idea is meant for."""
    carry_on: bool = True
    """A trade at the end of its horizon goes on, unsold, where it would be entered again."""
    best_share: PositiveFraction = 0.40
    """Part of a session's universe, best score first, whose ideas are traded; 1 lets all."""
    one_entry_a_view: bool = False
    """A view that was traded must be interrupted before it is traded again."""
    sessions_before_event: Annotated[int, Field(ge=0), _Number] = 2
    """No entry where a dated event is this many sessions ahead or fewer; 0 enters anyway."""
    sessions_before_expiry: Annotated[int, Field(ge=0), _Number] = 0
    """The same for the monthly expiry."""


class RegimeSettings(Section):
    """How firmly a market regime is held against noise."""

    minimum_dwell_sessions: Annotated[int, Field(ge=1, le=252), _Number] = 5
    """Sessions that a regime lasts at least before an equally or less dangerous one takes over."""
    exit_moves: Annotated[float, Field(ge=0, le=10), _Number] = 1.0
    """Usual sessions' moves past its threshold that a figure must stand for its regime to end."""


class ConcentrationSettings(Section):
    """How much of the same thing an account may hold."""

    target_volatility: Positive = 0.10
    """Forecast volatility of the account a year, as a fraction of equity, that an entry may bring it to."""
    max_position_volatility: Positive = 0.02
    """What one position may add to it alone, as a fraction of equity: its value over equity times its volatility."""
    max_correlated_pct: PositiveFraction = 0.40
    """Sum of absolute position values that move with the idea, as a fraction of equity; 1 sets no such cap."""
    correlated_from: PositiveFraction = 0.70
    """Correlation of daily returns from which a position moves with another."""
    max_sector_pct: PositiveFraction = 0.30
    """Sum of absolute position values in one sector, as a fraction of equity; 1 sets no such cap."""
    correlation_sessions: Annotated[int, Field(ge=3), _Number] = 126
    """Sessions that the correlation is taken over."""
    fewest_sessions: Annotated[int, Field(ge=3), _Number] = 40
    """Sessions two tickers must share for their correlation to be known; unknown counts as 1."""

    @model_validator(mode="after")
    def _enough_sessions(self) -> Self:
        if self.fewest_sessions > self.correlation_sessions:
            raise ValueError("fewest_sessions must not exceed correlation_sessions")
        return self


class DataSettings(Section):
    """What is done about bars that are not what they seem."""

    refuse_faults: bool = True
    """A fault found in the data (an unadjusted split, bars that are not daily) refuses a run; off, it is a note."""


class UniverseSettings(Section):
    """Files that say of tickers what prices do not; empty: not known. A relative path begins in the workspace."""

    sectors: str = ""
    """CSV or Parquet with ticker,sector."""
    events: str = ""
    """CSV or Parquet with date,event and optionally ticker,known_from: earnings, central bank meetings."""


class ExecutionSettings(Section):
    """Bounds of the last look before an order."""

    max_price_move: OpenFraction = 0.02
    """Largest move of the price since the signal, as a fraction."""
    minimum_stop_return: OpenFraction = 0.001
    """How near the stop may be, as a fraction of the price."""
    maximum_stop_return: OpenFraction = 0.25
    """How far the stop may be, as a fraction of the price."""
    minimum_reward_to_risk: Positive = 1.0
    """Target distance over stop distance."""
    max_volume_share: PositiveFraction = 0.01
    """Value of the position over the average value traded in a session."""

    @model_validator(mode="after")
    def _stops_in_order(self) -> Self:
        if self.minimum_stop_return >= self.maximum_stop_return:
            raise ValueError("minimum_stop_return must be below maximum_stop_return")
        return self


class MigrationSettings(Section):
    """What each stage of a transition from an old system asks for before it is entered."""

    history_sessions: Count = 252
    """Sessions that both systems are compared over on history."""
    history_trades: Count = 30
    """Trades of the new system in that comparison."""
    largest_shortfall_a_year: NotNegative = 0.05
    """How far below zero the 95 % interval of the difference in growth a year on history may reach, as a fraction."""
    largest_paper_shortfall: NotNegative = 0.05
    """The same of the difference on paper, over all its sessions together."""
    largest_calibration_error: Fraction = 0.10
    """Mean distance between the confidence that was said and what came, on history."""
    parallel_sessions: Count = 10
    """Sessions on paper side by side before a quarter of the capital."""
    stage_sessions: Count = 5
    """Sessions on paper at a quarter of the capital before half of it."""
    full_sessions: Count = 20
    """Sessions on paper at half of the capital before all of it."""
    paper_trades: Count = 10
    """Trades closed on paper since the transition began, before all of the capital."""


class StorageSettings(Section):
    """Where journal and memory are kept."""

    url: Annotated[str, AfterValidator(_no_password_in_url)] = ""
    """PostgreSQL as postgresql://user@host/database, its password in ~/.pgpass; empty keeps both in lightning.db."""
    memory_search: Literal["program", "server"] = "program"
    """Where memory searches: in this program, or in PostgreSQL by pgvector (server); the answers are the same."""


class VaultSettings(Section):
    """Where the vault's master password comes from."""

    use_keyring: bool = False
    """Ask the operating system's keyring where no password is given; needs the extra keyring."""


class AgentWeights(Section):
    """How much each agent's vote counts; 0 silences it. Equal weights were as good as learned ones on 2012-2021."""

    trend: Weight = 1.0
    """Long-term direction: moving averages and ADX."""
    reversal: Weight = 1.0
    """Return to the mean: RSI, Bollinger bands, stochastic."""
    breakout: Weight = 1.0
    """Breaks of support and resistance on volume."""
    volatility: Weight = 1.0
    """Change of the volatility regime: ATR and band width."""
    options_flow: Weight = 1.0
    """Dealer positioning: gamma, charm, vanna, off-exchange flow."""


class AgentSettings(Section):
    """The agents that vote."""

    learn_weights: bool = True
    """Whether an agent that has proved itself on past outcomes counts more; false freezes all weights."""
    weights: AgentWeights = AgentWeights()


class Settings(BaseSettings):
    """Everything a user may set, frozen. Build it with ``load_settings``."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter=ENV_DELIMITER
    )

    account: AccountSettings = AccountSettings()
    enhancements: EnhancementSettings = EnhancementSettings()
    decision: DecisionSettings = DecisionSettings()
    guardrails: GuardrailSettings = GuardrailSettings()
    breakers: BreakerSettings = BreakerSettings()
    small_capital: SmallCapitalSettings = SmallCapitalSettings()
    rate_limits: RateLimitSettings = RateLimitSettings()
    alerts: AlertSettings = AlertSettings()
    agents: AgentSettings = AgentSettings()
    consensus: ConsensusSettings = ConsensusSettings()
    memory: MemorySettings = MemorySettings()
    regimes: RegimeSettings = RegimeSettings()
    tactical: TacticalSettings = TacticalSettings()
    concentration: ConcentrationSettings = ConcentrationSettings()
    data: DataSettings = DataSettings()
    universe: UniverseSettings = UniverseSettings()
    execution: ExecutionSettings = ExecutionSettings()
    sizing: SizingSettings = SizingSettings()
    kelly: KellySettings = KellySettings()
    migration: MigrationSettings = MigrationSettings()
    storage: StorageSettings = StorageSettings()
    vault: VaultSettings = VaultSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Explicit arguments, then the environment, then the file of ``model_config``: the first to name a key wins."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def flat(self) -> dict[str, Scalar]:
        """Every setting as ``section.key`` -> value, in the order of the reference."""
        return dict(_flatten(self.model_dump()))

    def config_hash(self) -> str:
        """16 hexadecimal digits that change with any setting, wherever it came from (SHA-256 over canonical JSON)."""
        canonical = json.dumps(self.flat(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def load_settings(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings: overrides win over ``LIGHTNING_SECTION__KEY``, that over the file, that over defaults.

    Parameters
    ----------
    file : a ``lightning.toml``; None or an absent file leaves environment and defaults.
    overrides : ``{section: {key: value}}``.

    Raises
    ------
    SettingsError : one line with the file (or environment variable) and key of every wrong setting.
    """
    in_file = _read_toml(file)
    _refuse_unknown_variables()

    class _Sourced(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        sourced = _Sourced(**(overrides or {}))
    except ValidationError as error:
        where = _Origins(overrides or {}, in_file, file)
        raise SettingsError("; ".join(where.problem(e["loc"], e["type"], e["msg"]) for e in error.errors())) from None
    except ValueError as error:  # a variable that holds neither JSON nor a plain value
        section = re.search(r'field "(\w+)"', str(error))
        name = f" variable {ENV_PREFIX}{section[1].upper()}" if section else ""
        raise SettingsError(f"environment{name}: {error}; set single keys, LIGHTNING_SECTION__KEY") from None
    return Settings.model_construct(**{name: getattr(sourced, name) for name in Settings.model_fields})


def default_toml() -> str:
    """``lightning.toml`` with every setting at its default, commented out, each with what it means."""
    lines = [
        "# Settings of Lightning GEX. Remove the '#' before a key to change it.",
        f"# An environment variable such as {ENV_PREFIX}ACCOUNT__INITIAL_CAPITAL wins over this file.",
    ]
    for name, section in Settings.model_fields.items():
        lines += _section_lines(name, section.default)
    return "\n".join(lines) + "\n"


def _section_lines(name: str, section: Section) -> list[str]:
    lines = ["", f"# {_first_sentence(type(section))}", f"[{name}]"]
    nested: list[str] = []
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if isinstance(value, Section):
            nested += _section_lines(f"{name}.{key}", value)
        else:
            lines += [f"# {field.description}", f"#{key} = {_toml_value(value)}"]
    return lines + nested


def _first_sentence(section: type[Section]) -> str:
    return (section.__doc__ or "").strip().splitlines()[0]


def _toml_value(value: Scalar) -> str:
    return json.dumps(value)  # TOML writes strings, numbers and booleans as JSON does


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Scalar]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _read_toml(file: Path | None) -> dict[str, Any]:
    """What the file says, for naming the origin of a wrong value; a broken file is an error with its line."""
    if file is None or not file.exists():
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error


def _refuse_unknown_variables() -> None:
    """A misspelt section in the environment would otherwise be ignored. Names without ``__`` belong to others too."""
    for variable in os.environ:
        section, delimiter, _ = variable.upper().removeprefix(ENV_PREFIX).partition(ENV_DELIMITER)
        if variable.upper().startswith(ENV_PREFIX) and delimiter and section.lower() not in Settings.model_fields:
            known = ", ".join(Settings.model_fields)
            raise SettingsError(f"environment variable {variable}: no section '{section.lower()}' (there are: {known})")


@dataclass(frozen=True, slots=True)
class _Origins:
    """Everything that can have set a value, to say which of them set a wrong one."""

    overrides: Mapping[str, Any]
    in_file: Mapping[str, Any]
    file: Path | None

    def problem(self, location: tuple[int | str, ...], kind: str, message: str) -> str:
        """One wrong setting in words: where it was set, its key, what is wrong with it."""
        path = tuple(str(part) for part in location)
        what = message[:1].lower() + message[1:]
        if kind == "extra_forbidden":
            what = _unknown(path)
        elif kind == "model_type":
            what = "must be a table of settings"
        return f"{self._of(path)}: {what.removeprefix('value error, ')}"

    def _of(self, path: tuple[str, ...]) -> str:
        key = ".".join(path)
        variable = ENV_PREFIX + ENV_DELIMITER.join(path).upper()
        if _has(self.overrides, path):
            return f"argument '{key}'"
        if variable in {name.upper() for name in os.environ}:
            return f"environment variable {variable}"
        return f"{self.file}, key '{key}'" if _has(self.in_file, path) else f"key '{key}'"


def _has(tree: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    node: object = tree
    for part in path:
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def _unknown(path: tuple[str, ...]) -> str:
    model: type[BaseModel] = Settings
    for part in path[:-1]:
        annotation = model.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    close = get_close_matches(path[-1], model.model_fields, n=1)
    return f"no such setting, did you mean '{close[0]}'?" if close else "no such setting"
