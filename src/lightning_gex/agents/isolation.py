"""A stranger's agent, kept from stopping or spoiling the decision of the others.

What it is asked is done in a thread of its own, waited for no longer than a limit. Python cannot end a thread: one that
hangs is left alone, and its agent is not asked again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from lightning_gex.agents.vote_rules import problems_of
from lightning_gex.core.features import Features
from lightning_gex.core.ports import Agent
from lightning_gex.core.votes import Vote, Votes, abstaining_everywhere

LONGEST_REASON = 200  # characters of a failing agent's message that go on record
#: Seconds that an agent may take for votes on a whole history, and for its opinion on one row.
HISTORY_LIMIT_S = 60.0
ROW_LIMIT_S = 2.0
_T = TypeVar("_T")


class OutOfTimeError(Exception):
    """A stranger's code did not answer within its limit."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[_T]):
    """What a call gave: a value, or what it raised."""

    value: _T | None = None
    error: BaseException | None = None


class Asked(Generic[_T]):
    """Calls done one after the other in a thread of their own.

    Parameters
    ----------
    calls : what to do, in order.
    name : whose they are, for the thread's name.
    """

    def __init__(self, calls: Sequence[Callable[[], _T]], name: str) -> None:
        self._answers: SimpleQueue[Answer[_T]] = SimpleQueue()
        self._calls = calls
        threading.Thread(target=self._work, name=f"agent {name}", daemon=True).start()

    def _work(self) -> None:
        for call in self._calls:
            try:
                self._answers.put(Answer(call()))
            except BaseException as error:  # a stranger's code: whatever it raises is its answer
                self._answers.put(Answer(error=error))

    def next(self, limit_s: float) -> Answer[_T]:
        """The next answer. Raises ``OutOfTimeError`` where it takes longer than so many seconds."""
        try:
            return self._answers.get(timeout=limit_s)
        except Empty:
            raise OutOfTimeError from None


@dataclass(frozen=True, slots=True, eq=False)
class GuardedVotes(Votes):
    """A stranger's votes whose reasons, made when they are looked at, may fail without failing the decision.

    Parameters
    ----------
    given : the votes as the stranger gave them, for their reasons; the numbers are those that were checked.
    """

    given: Votes | None = None

    @classmethod
    def of(cls, votes: Votes) -> GuardedVotes:
        """Votes that were checked, guarded."""
        checked = {f.name: getattr(votes, f.name) for f in fields(Votes)} | {"evidence": ()}
        return cls(**checked, given=votes)

    def at(self, i: int) -> Vote:
        """The vote at row ``i``; reasons that cannot be made say so."""
        vote = Votes.at(self, i)
        try:
            reasons = tuple(str(reason) for reason in (vote if self.given is None else self.given.at(i)).reasons)
        except Exception as error:  # a stranger's code
            reasons = (f"its reasons cannot be shown: {described(error)}",)
        return replace(vote, reasons=reasons)


@dataclass(slots=True)
class Isolated:
    """An agent whose failures are its own: it abstains, with the reason on record, and the others vote on.

    It abstains on every row where it raises, where its votes break a rule, and where it takes longer than the limit;
    after that it is not asked again.

    Parameters
    ----------
    agent : the stranger's.
    limit_s : seconds it may take for its votes.
    """

    agent: Agent
    limit_s: float = HISTORY_LIMIT_S
    _hung: bool = field(default=False, repr=False)

    @property
    def name(self) -> str:
        """The agent's display name."""
        return self.agent.name

    def vote(self, features: Features) -> Votes:
        """(n,) votes: the agent's own, or abstentions that say what was wrong with them."""
        rows = len(features)
        if self._hung:
            return self._abstains(rows, "hung before: not asked again")
        try:
            answer = Asked([lambda: self.agent.vote(features)], self.name).next(self.limit_s)
        except OutOfTimeError:
            self._hung = True
            return self._abstains(rows, f"did not answer within {self.limit_s:g} seconds: left out from now on")
        if answer.error is not None:
            return self._abstains(rows, described(answer.error))
        try:
            problems = problems_of(answer.value, self.name, rows)
        except Exception as error:  # columns and findings that are nothing of the kind
            problems = (described(error),)
        if problems or answer.value is None:
            return self._abstains(rows, "; ".join(problems)[:LONGEST_REASON])
        return GuardedVotes.of(answer.value)

    def _abstains(self, rows: int, reason: str) -> Votes:
        return abstaining_everywhere(self.name, strategy_of(self.agent), rows, reason)


def strategy_of(agent: object) -> str:
    """The strategy word of a stranger's agent, ``custom`` where it has none or fails to say."""
    try:
        return str(getattr(agent, "strategy", "custom"))
    except Exception:  # a stranger's code
        return "custom"


def described(error: BaseException) -> str:
    """Class and message in one line, cut to ``LONGEST_REASON`` characters: never a traceback."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_REASON]
