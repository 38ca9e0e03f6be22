"""A custom agent that looks at one moment at a time, made to vote along time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import numpy as np

from lightning_gex.agents.isolation import ROW_LIMIT_S, Asked, OutOfTimeError, described, strategy_of
from lightning_gex.agents.signal import AgentSignal
from lightning_gex.core.enums import Direction
from lightning_gex.core.features import Features
from lightning_gex.core.votes import Vote, Votes

_NOT_BETTER_THAN_A_COIN = "{word} at a confidence of {confidence:.2f}, below one half: counted as neutral"


class Analyst(Protocol):
    """What the founding document asks of a custom agent: a ``name`` and ``analyze``."""

    @property
    def name(self) -> str:
        """Display name, unique among the agents of a run."""
        ...

    def analyze(self, data: dict[str, float]) -> AgentSignal | None:
        """An opinion on one row of features (absent ones are left out), or None to abstain."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RowVotes(Votes):
    """Votes whose reasons differ from row to row.

    Parameters
    ----------
    reasons : (n,) the reasons of each row, in words.
    """

    reasons: tuple[tuple[str, ...], ...] = ()

    def at(self, i: int) -> Vote:
        """The vote at row ``i``, with the reasons given there."""
        return replace(Votes.at(self, i), reasons=self.reasons[i])


@dataclass(slots=True)
class RowAgent:
    """Lets an object with ``name`` and ``analyze(data)`` vote, one call a row.

    ``data`` holds the row's features by name, absent ones left out, and nothing of other rows. None, an exception, and
    an answer that is no ``AgentSignal`` are abstentions whose reason is on record (class and message, never a
    traceback); so is a row without any feature, on which the analyst is not asked. A call that takes longer than the
    limit is an abstention too, and the last one: the analyst is not asked again. A direction with a confidence below
    one half is no better than a coin and counts as neutral.

    Parameters
    ----------
    analyst : the custom agent. Its ``strategy`` attribute, where it has one, is what the tactical layer knows it by
        (``custom`` otherwise).
    limit_s : seconds a call may take.
    """

    analyst: Analyst
    limit_s: float = ROW_LIMIT_S
    _hung: bool = field(default=False, repr=False)

    @property
    def name(self) -> str:
        """The analyst's display name."""
        return self.analyst.name

    @property
    def strategy(self) -> str:
        """The analyst's strategy word, or ``custom``."""
        return strategy_of(self.analyst)

    def vote(self, features: Features) -> Votes:
        """(n,) votes, each from its own row alone."""
        answers = self._answers([_present(features.at(i)) for i in range(len(features))])
        signals = [answer if isinstance(answer, AgentSignal) else None for answer in answers]
        abstained = np.array([signal is None for signal in signals], dtype=np.bool_)
        return RowVotes(
            agent=self.name,
            strategy=self.strategy,
            direction=np.array([0 if s is None else _direction(s) for s in signals], dtype=np.int8),
            confidence=np.array([_confidence(s) for s in signals], dtype=np.float64),
            target_price=np.array([_level(s, "target_price") for s in signals], dtype=np.float64),
            stop_price=np.array([_level(s, "stop_loss") for s in signals], dtype=np.float64),
            horizon_sessions=np.array([1 if s is None else s.time_horizon for s in signals], dtype=np.int64),
            abstained=abstained,
            abstain_reason="gave no signal on these rows",
            reasons=tuple(_reasons(answer) for answer in answers),
        )

    def _answers(self, rows: list[dict[str, float]]) -> list[AgentSignal | str]:
        """For each row the analyst's signal, or why there is none."""
        calls = [] if self._hung else [partial(self.analyst.analyze, dict(row)) for row in rows if row]
        asked = Asked(calls, self.name) if calls else None
        answers: list[AgentSignal | str] = []
        for row in rows:
            if not row:
                answers.append("no feature is present")
            elif asked is None or self._hung:
                answers.append("hung before: not asked again")
            else:
                answers.append(self._answer(asked))
        return answers

    def _answer(self, asked: Asked[AgentSignal | None]) -> AgentSignal | str:
        try:
            answer = asked.next(self.limit_s)
        except OutOfTimeError:
            self._hung = True
            return f"did not answer within {self.limit_s:g} seconds: left out from now on"
        if answer.error is not None:
            return described(answer.error)
        if answer.value is None:
            return "no opinion"
        if not isinstance(answer.value, AgentSignal):
            return f"analyze answered a {type(answer.value).__name__}, not an AgentSignal"
        return answer.value


def _present(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if not math.isnan(value)}


def _direction(signal: AgentSignal) -> Direction:
    return signal.direction_sign if signal.confidence >= 0.5 else Direction.NEUTRAL


def _confidence(signal: AgentSignal | None) -> float:
    if signal is None:
        return math.nan
    return 0.5 if _direction(signal) is Direction.NEUTRAL else signal.confidence


def _level(signal: AgentSignal | None, field: str) -> float:
    if signal is None or _direction(signal) is Direction.NEUTRAL:
        return math.nan
    return float(getattr(signal, field))


def _reasons(answer: AgentSignal | str) -> tuple[str, ...]:
    if isinstance(answer, str):
        return (answer,)
    parts = [answer.reasoning, *answer.supporting_indicators]
    if answer.confidence < 0.5 and answer.direction_sign is not Direction.NEUTRAL:
        parts.append(_NOT_BETTER_THAN_A_COIN.format(word=answer.direction_sign.word, confidence=answer.confidence))
    return tuple(part for part in parts if part) or ("no finding either way",)
