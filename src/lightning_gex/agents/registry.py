"""Which agents there are: the five, those that other packages bring, and a check for their authors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import cast

import numpy as np

from lightning_gex.agents.breakout import BreakoutAgent
from lightning_gex.agents.custom import Analyst, RowAgent
from lightning_gex.agents.isolation import Asked, Isolated, OutOfTimeError, described
from lightning_gex.agents.options_flow import OptionsFlowAgent
from lightning_gex.agents.reversal import ReversalAgent
from lightning_gex.agents.signal import AgentSignal
from lightning_gex.agents.trend import TrendAgent
from lightning_gex.agents.volatility import VolatilityAgent
from lightning_gex.agents.vote_rules import COLUMNS, FLOATS, problems_of
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.features import ALL_FEATURES, Features
from lightning_gex.core.ports import Agent
from lightning_gex.core.units import Float64Array1D
from lightning_gex.core.votes import Votes

ENTRY_POINT_GROUP = "lightning_gex.agents"
_ROWS = 48  # rows of the made-up features an agent is checked on
_CUTS = (1, 7, 31)  # row counts at which the future is cut off
CHECK_LIMIT_S = 10.0  # seconds an agent may take for votes on those rows: a year and 30 tickers are 160 times as many


def default_agents() -> tuple[Agent, ...]:
    """The five agents with their own defaults, in the order in which they are shown."""
    return (TrendAgent(), ReversalAgent(), BreakoutAgent(), VolatilityAgent(), OptionsFlowAgent())


def installed_agents() -> tuple[Agent, ...]:
    """The agents that installed packages announce under the entry point group ``lightning_gex.agents``.

    An entry point names an object with ``vote`` (an agent), one with ``analyze`` (wrapped in ``RowAgent``), or a class
    or function that makes one without arguments. Each is isolated: one that fails abstains, and the others vote on.

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


def check_agent(agent: Agent | Analyst, *, limit_s: float = CHECK_LIMIT_S) -> None:
    """Try an agent on made-up features: what its author should run before anyone trades with it.

    Parameters
    ----------
    agent : with ``name`` and ``vote``, or with ``name`` and ``analyze``.
    limit_s : seconds it may take for its votes on 48 rows.

    Raises
    ------
    SettingsError : every rule it breaks, one a line; see ``agent_problems``.
    """
    problems = agent_problems(agent, limit_s=limit_s)
    if problems:
        raise SettingsError("\n".join(problems))


def agent_problems(agent: Agent | Analyst, *, limit_s: float = CHECK_LIMIT_S) -> tuple[str, ...]:
    """What is wrong with an agent, each in a sentence; empty where nothing is.

    The rules: a name; votes under that name, one a row, of the right type; directions -1, 0, 1; confidence in [0.5, 1],
    0.5 where neutral, NaN where abstained; positive targets, stops and horizons; no direction where abstained, and a
    reason; abstention where every feature is absent; the same votes when asked again and when the future is cut off; no
    exception, no change of the features, and an answer in time.

    Parameters
    ----------
    agent, limit_s : as for ``check_agent``.
    """
    name = getattr(agent, "name", None)
    if not isinstance(name, str) or not name.strip():
        return (f"{type(agent).__name__} has no name: give it a non-empty text",)
    if hasattr(agent, "vote"):
        return _broken_rules(cast("Agent", agent), name, limit_s)
    if not hasattr(agent, "analyze"):
        return (f"{name} is no agent: it has neither vote(features) nor analyze(data)",)
    return _failures(agent, name, limit_s) or _broken_rules(RowAgent(agent, limit_s), name, limit_s)


def _broken_rules(agent: Agent, name: str, limit_s: float) -> tuple[str, ...]:
    """Every rule of votes that an agent breaks, each once."""
    return tuple(dict.fromkeys(_Trial(agent, name, limit_s).problems()))


@dataclass(frozen=True, slots=True)
class _Trial:
    """One agent, asked about made-up features."""

    agent: Agent
    name: str
    limit_s: float

    def problems(self) -> Iterator[str]:
        """Every rule it breaks; where it does not answer with votes, that and nothing else."""
        features = _made_up(_ROWS)
        votes, wrong = self._asked(features)
        yield from wrong
        if votes is None or wrong:
            return
        again, wrong = self._asked(features)
        yield from wrong
        yield from _differences(votes, again, _ROWS, f"{self.name} votes differently when asked again")
        for cut in _CUTS:
            past, wrong = self._asked(_cut(features, cut))
            yield from wrong
            reads = f"{self.name} reads the future: cutting it off after row {cut - 1} changes a vote"
            yield from _differences(votes, past, cut, reads)
        nothing, wrong = self._asked(_all_absent(3))
        yield from wrong
        if nothing is not None and not nothing.abstained.all():
            yield f"{self.name} does not abstain where every feature is absent"

    def _asked(self, features: Features) -> tuple[Votes | None, tuple[str, ...]]:
        """Its votes, None where there are none to look at, and what is wrong with them."""
        try:
            answer = Asked([lambda: self.agent.vote(features)], self.name).next(self.limit_s)
        except OutOfTimeError:
            return None, (f"{self.name} does not answer within {self.limit_s:g} seconds on {len(features)} rows",)
        if answer.error is not None:
            return None, (f"{self.name} raises {described(answer.error)}",)
        problems = problems_of(answer.value, self.name, len(features))
        return (answer.value if isinstance(answer.value, Votes) else None), problems


def _failures(analyst: Analyst, name: str, limit_s: float) -> tuple[str, ...]:
    """What an analyst raises, or answers that is no signal, on made-up rows: in a vote these would be abstentions."""
    features = _made_up(_ROWS)
    rows = [{k: v for k, v in features.at(i).items() if v == v} for i in range(_ROWS)]
    asked = Asked([partial(analyst.analyze, row) for row in rows], name)
    found: dict[str, str] = {}  # each failure once, with the first row it came on
    for row in rows:
        try:
            answer = asked.next(limit_s)
        except OutOfTimeError:
            return (*found.values(), f"{name} does not answer within {limit_s:g} seconds on one row")
        if answer.error is not None:
            failure = described(answer.error)
            absent = ", ".join(feature for feature in ALL_FEATURES if feature not in row) or "nothing"
            found.setdefault(failure, f"{name} raises {failure} on a row where {absent} is absent")
        elif answer.value is not None and not isinstance(answer.value, AgentSignal):
            kind = type(answer.value).__name__
            found.setdefault(kind, f"{name}: analyze answers a {kind}, not an AgentSignal")
    return tuple(found.values())


def named_agent(target: str) -> Agent | Analyst:
    """The agent that ``package.module:name`` names, as its author wrote it: to be checked, not to vote.

    Parameters
    ----------
    target : names an agent, an object with ``analyze``, or a class or function that makes one without arguments.

    Raises
    ------
    SettingsError : it cannot be loaded, or is no agent.
    """
    return _made_by(EntryPoint(target, target, ENTRY_POINT_GROUP))


def voting_agent(target: str) -> Agent:
    """The agent that ``package.module:name`` names, isolated as an installed one is: to vote with the others.

    Raises
    ------
    SettingsError : it cannot be loaded, or is no agent.
    """
    return _load(EntryPoint(target, target, ENTRY_POINT_GROUP))


def _load(point: EntryPoint) -> Agent:
    made = _made_by(point)
    return Isolated(cast("Agent", made)) if hasattr(made, "vote") else RowAgent(made)


def _made_by(point: EntryPoint) -> Agent | Analyst:
    where = f"entry point {point.name!r} ({point.value})"
    try:
        made = point.load()
        if isinstance(made, type) or not (hasattr(made, "vote") or hasattr(made, "analyze")):
            made = made()
    except Exception as error:
        raise SettingsError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(getattr(made, "name", None), str):
        raise SettingsError(f"{where} is no agent: it has no name")
    if not (hasattr(made, "vote") or hasattr(made, "analyze")):
        raise SettingsError(f"{where} is no agent: it has neither vote(features) nor analyze(data)")
    return cast("Agent | Analyst", made)


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


def _differences(whole: Votes, other: Votes | None, rows: int, problem: str) -> Iterator[str]:
    """Where the first ``rows`` votes are not the same, numbers to the bit and reasons to the letter."""
    if other is None or len(other.direction) < rows:
        return
    for field in COLUMNS:
        mine, theirs = getattr(whole, field)[:rows], getattr(other, field)[:rows]
        if not np.array_equal(mine, theirs, equal_nan=field in FLOATS):
            yield f"{problem} ({field})"
            return
    if _reasons(whole, rows) != _reasons(other, rows):
        yield f"{problem} (reasons)"


def _reasons(votes: Votes, rows: int) -> Sequence[tuple[str, ...]]:
    return [votes.at(i).reasons for i in range(rows)]
