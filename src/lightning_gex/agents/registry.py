"""Which agents there are: the five, those that other packages bring, and a check for their authors."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

import numpy as np

from lightning_gex.agents.breakout import BreakoutAgent
from lightning_gex.agents.custom import RowAgent
from lightning_gex.agents.options_flow import OptionsFlowAgent
from lightning_gex.agents.reversal import ReversalAgent
from lightning_gex.agents.trend import TrendAgent
from lightning_gex.agents.volatility import VolatilityAgent
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.features import ALL_FEATURES, Features
from lightning_gex.core.ports import Agent
from lightning_gex.core.units import Float64Array1D
from lightning_gex.core.votes import Votes

ENTRY_POINT_GROUP = "lightning_gex.agents"
_ROWS = 48  # rows of the made-up features an agent is checked on
_CUTS = (1, 7, 31)  # row counts at which the future is cut off
_FLOATS = ("confidence", "target_price", "stop_price")
_COLUMNS = {"direction": np.int8, "horizon_sessions": np.int64, "abstained": np.bool_} | dict.fromkeys(
    _FLOATS, np.float64
)


def default_agents() -> tuple[Agent, ...]:
    """The five agents with their own defaults, in the order in which they are shown."""
    return (TrendAgent(), ReversalAgent(), BreakoutAgent(), VolatilityAgent(), OptionsFlowAgent())


def installed_agents() -> tuple[Agent, ...]:
    """The agents that installed packages announce under the entry point group ``lightning_gex.agents``.

    An entry point names an object with ``vote`` (an agent), one with ``analyze`` (wrapped in ``RowAgent``), or a class
    or function that makes one without arguments.

    Returns
    -------
    Agents in the order of their entry points' names.

    Raises
    ------
    SettingsError : one cannot be loaded, is no agent, or has the name of another (one of the five included).
    """
    points = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: (point.name, point.value))
    found = tuple(_load(point) for point in points)
    names = [agent.name for agent in (*default_agents(), *found)]
    for agent in found:
        if names.count(agent.name) > 1:
            raise SettingsError(f"two agents are called {agent.name!r}: uninstall one, or rename it")
    return found


def check_agent(agent: Agent) -> None:
    """Try an agent on made-up features: what its author should run before anyone trades with it.

    Parameters
    ----------
    agent : with ``name`` and ``vote``; wrap one with ``analyze`` in ``RowAgent`` first.

    Raises
    ------
    SettingsError : the first rule it breaks. The rules: a name; votes under that name, one a row, of the right type;
        directions -1, 0, 1; confidence in [0.5, 1], 0.5 where neutral, NaN where abstained; positive targets, stops and
        horizons; no direction where abstained, and a reason; abstention where every feature is absent; the same votes
        when asked again and when the future is cut off; no exception, and no change of the features.
    """
    name = getattr(agent, "name", None)
    if not isinstance(name, str) or not name.strip():
        raise SettingsError(f"{type(agent).__name__} has no name: give it a non-empty text")
    features = _made_up(_ROWS)
    votes = _votes_of(agent, features)
    _check_shape(votes, name, _ROWS)
    _check_ranges(votes)
    _check_same(votes, _votes_of(agent, features), _ROWS, f"{name} votes differently when asked again")
    for cut in _CUTS:
        past = _votes_of(agent, _cut(features, cut))
        _check_shape(past, name, cut)
        _check_same(votes, past, cut, f"{name} reads the future: cutting it off after row {cut - 1} changes a vote")
    nothing = _votes_of(agent, _all_absent(3))
    _check_shape(nothing, name, 3)
    _check_ranges(nothing)
    _require(bool(nothing.abstained.all()), f"{name} does not abstain where every feature is absent")


def _load(point: EntryPoint) -> Agent:
    where = f"entry point {point.name!r} ({point.value})"
    try:
        made = point.load()
        if isinstance(made, type) or not (hasattr(made, "vote") or hasattr(made, "analyze")):
            made = made()
    except Exception as error:
        raise SettingsError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(getattr(made, "name", None), str):
        raise SettingsError(f"{where} is no agent: it has no name")
    if hasattr(made, "vote"):
        agent: Agent = made
        return agent
    if hasattr(made, "analyze"):
        return RowAgent(made)
    raise SettingsError(f"{where} is no agent: it has neither vote(features) nor analyze(data)")


def _made_up(rows: int) -> Features:
    """Features from one seed: plausible, changing, and here and there absent. No market made them."""
    random = np.random.default_rng(20_240_101)
    price = np.asarray(100.0 * np.cumprod(1.0 + 0.02 * random.standard_normal(rows)), dtype=np.float64)
    scale = {"rsi": 100.0, "stochastic": 100.0, "adx": 60.0, "market_adx": 60.0, "volume": 2e6, "avg_volume": 2e6}
    scale |= {"vix": 40.0, "vix_20_avg": 40.0, "atr": 3.0, "atr_20_avg": 3.0, "advance_decline_ratio": 2.0}
    near_price = {"sma_20", "sma_50", "sma_200", "bb_upper", "bb_lower", "resistance", "support"}
    near_price |= {"zero_gamma", "call_wall", "put_wall"}
    signed = {"gex_signal", "charm_pressure", "vanna_sensitivity", "dark_pool_flow", "spy_trend"}
    signed |= {"gamma_exposure_usd_per_pct"}
    columns: dict[str, Float64Array1D] = {"price": price}
    for name in ALL_FEATURES[1:]:
        if name in near_price:
            values = price * (1.0 + 0.05 * random.standard_normal(rows))
        elif name in signed:
            values = random.uniform(-1.0, 1.0, rows)
        else:
            values = scale.get(name, 1.0) * random.uniform(0.05, 1.0, rows)
        values[random.random(rows) < 0.03] = np.nan
        columns[name] = values
    columns["dealer_models_agree"] = np.round(columns["dealer_models_agree"])
    return _locked(columns, rows)


def _all_absent(rows: int) -> Features:
    return _locked({name: np.full(rows, np.nan) for name in ALL_FEATURES}, rows)


def _cut(features: Features, rows: int) -> Features:
    return _locked({name: values[:rows].copy() for name, values in features.columns.items()}, rows)


def _locked(columns: dict[str, Float64Array1D], rows: int) -> Features:
    """Features whose arrays refuse to be written to, so that an agent that tries is found out."""
    for values in columns.values():
        values.setflags(write=False)
    as_of = np.datetime64("2020-01-02T21:00:00", "s") + np.arange(rows) * np.timedelta64(86_400, "s")
    return Features("CHECK", as_of, columns)


def _votes_of(agent: Agent, features: Features) -> Votes:
    try:
        votes = agent.vote(features)
    except Exception as error:
        raise SettingsError(f"{agent.name} raises {type(error).__name__}: {error}") from error
    _require(isinstance(votes, Votes), f"{agent.name} answers a {type(votes).__name__}, not Votes")
    return votes


def _check_shape(votes: Votes, name: str, rows: int) -> None:
    _require(votes.agent == name, f"{name} votes under another name: {votes.agent!r}")
    _require(isinstance(votes.strategy, str) and bool(votes.strategy), f"{name} names no strategy")
    for field, dtype in _COLUMNS.items():
        values = getattr(votes, field)
        right = isinstance(values, np.ndarray) and values.shape == (rows,) and values.dtype == dtype
        _require(right, f"{name}: {field} must be a ({rows},) array of {np.dtype(dtype).name}")
    for evidence in votes.evidence:
        _require(len(evidence.sign) == rows, f"{name}: evidence {evidence.bullish!r} has not one sign a row")


def _check_ranges(votes: Votes) -> None:
    name, voted = votes.agent, ~votes.abstained
    confidence = votes.confidence
    _require(bool(np.isin(votes.direction, (-1, 0, 1)).all()), f"{name}: a direction is not -1, 0 or 1")
    _require(not (votes.direction[votes.abstained] != 0).any(), f"{name} gives a direction where it abstains")
    _require(bool(np.isnan(confidence[votes.abstained]).all()), f"{name}: confidence must be NaN where it abstains")
    within = (confidence[voted] >= 0.5) & (confidence[voted] <= 1.0)
    _require(bool(within.all()), f"{name}: confidence must be in [0.5, 1], and is not everywhere")
    neutral = voted & (votes.direction == 0)
    _require(bool((confidence[neutral] == 0.5).all()), f"{name}: confidence must be 0.5 where neutral")
    for field in ("target_price", "stop_price"):
        values = getattr(votes, field)
        named = values[~np.isnan(values)]
        _require(bool(((named > 0) & np.isfinite(named)).all()), f"{name}: a {field} is not a positive number")
    _require(bool((votes.horizon_sessions > 0).all()), f"{name}: a horizon is not positive")
    _require(not votes.abstained.any() or bool(votes.abstain_reason), f"{name} abstains without a reason")


def _check_same(whole: Votes, other: Votes, rows: int, problem: str) -> None:
    """The first ``rows`` votes are the same, numbers to the bit and reasons to the letter."""
    for field in _COLUMNS:
        mine, theirs = getattr(whole, field)[:rows], getattr(other, field)[:rows]
        same = np.array_equal(mine, theirs, equal_nan=field in _FLOATS)
        _require(same, f"{problem} ({field})")
    _require(_reasons(whole, rows) == _reasons(other, rows), f"{problem} (reasons)")


def _reasons(votes: Votes, rows: int) -> Sequence[tuple[str, ...]]:
    return [votes.at(i).reasons for i in range(rows)]


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise SettingsError(problem)
