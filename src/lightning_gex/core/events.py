"""What is journaled. State is a fold over these; nothing changes state without one.

``EVENT_VERSION`` is stored with every record. A change to any field of an event raises it by one, and
``adapters.storage.upcast`` gets the step that turns a record of the version before into one of the new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from lightning_gex.core.decision import Decision, Scalar
from lightning_gex.core.enums import Direction, RunMode
from lightning_gex.core.orders import ClosedTrade, Fill, OpenTrade, Order
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.core.quick_init import quick_init

#: The version in which events are written. 1: release 0.1.0. 2: marks carry prices, orders the price they were decided
#: at, a breaker's reset its reason; halts, failures, seals and the ends of runs are events of their own. 3: decisions
#: carry an expected range, or why there is none; patterns their vector's schema, strategy, confidence before
#: calibration and memory, the agents' calls, whether they were traded, and as what; outcomes the return over the whole
#: horizon. What earlier runs learnt about probabilities is an event of its own. 4: a trade may be carried on in legs;
#: a leg names the decision whose order bought its shares.
EVENT_VERSION = 4


@quick_init
@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began: which driver, with what money and which settings."""

    at: datetime
    mode: RunMode
    initial_capital: Decimal
    settings: Mapping[str, Scalar]
    kind: Literal["run_started"] = "run_started"


@quick_init
@dataclass(frozen=True, slots=True)
class RunResumed:
    """A run goes on after its process had ended, from the state that its ``records`` earlier records replay into."""

    at: datetime
    records: int
    kind: Literal["run_resumed"] = "run_resumed"


@quick_init
@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run is over: nothing of it is open or pending any more as far as the account's limits are concerned."""

    at: datetime
    reason: str
    kind: Literal["run_ended"] = "run_ended"


@quick_init
@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A trading day began; ``equity`` at its open is the base of the daily loss.

    ``entries_so_far`` are entries that earlier runs of the same account already ordered on this day.
    """

    at: datetime
    equity: Decimal
    entries_so_far: int = 0
    kind: Literal["session_opened"] = "session_opened"


@quick_init
@dataclass(frozen=True, slots=True)
class DecisionMade:
    """The decision path ended, one way or another. ``pattern`` is what memory keeps of it, if anything."""

    at: datetime
    decision: Decision
    pattern: Pattern | None = None
    kind: Literal["decision_made"] = "decision_made"


@quick_init
@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """An order is about to be sent."""

    at: datetime
    order: Order
    kind: Literal["order_placed"] = "order_placed"


@quick_init
@dataclass(frozen=True, slots=True)
class OrderEnded:
    """An order will not be filled any more."""

    at: datetime
    order_id: str
    reason: str
    kind: Literal["order_ended"] = "order_ended"


@quick_init
@dataclass(frozen=True, slots=True)
class TradeOpened:
    """An entry was filled."""

    at: datetime
    fill: Fill
    trade: OpenTrade
    kind: Literal["trade_opened"] = "trade_opened"


@quick_init
@dataclass(frozen=True, slots=True)
class TradeClosed:
    """An exit was filled."""

    at: datetime
    fill: Fill
    trade: ClosedTrade
    kind: Literal["trade_closed"] = "trade_closed"


@quick_init
@dataclass(frozen=True, slots=True)
class TradeCarriedOn:
    """A trade at the end of its horizon goes on: one leg ends and the next begins, and nothing is bought or sold.

    Both have the price of the close that it was decided at; ``closed`` bears no cost of an exit and ``opened`` none of
    an entry, so that the legs' profits add up to what the account earned.
    """

    at: datetime
    closed: ClosedTrade
    opened: OpenTrade
    kind: Literal["trade_carried_on"] = "trade_carried_on"


@quick_init
@dataclass(frozen=True, slots=True)
class SignalResolved:
    """What became of a signal is known now, whether or not it was traded."""

    at: datetime
    pattern_id: str
    ticker: str
    outcome: Outcome
    kind: Literal["signal_resolved"] = "signal_resolved"


@quick_init
@dataclass(frozen=True, slots=True)
class RecordCarried:
    """What earlier runs of the same account had already learnt about signals of one direction when this one began.

    The figures are those of ``sizing.track_record.TrackRecord``; ``backed`` tells the record of signals that agents
    backed which had proved themselves from that of all.
    """

    at: datetime
    direction: Direction
    resolved: int
    won: int
    net_return_sum: float
    independent: int
    free_from: datetime | None
    month: int = 0
    month_count: int = 0
    month_sum: float = 0.0
    months: int = 0
    counts_squared: float = 0.0
    sums_squared: float = 0.0
    cross: float = 0.0
    backed: bool = False
    kind: Literal["record_carried"] = "record_carried"


@quick_init
@dataclass(frozen=True, slots=True)
class LearningCarried:
    """What earlier runs of the same account had already learnt about probabilities and agents when this one began.

    The figures are those of ``engine.learning.Learning.figures``.
    """

    at: datetime
    figures: Mapping[str, float]
    kind: Literal["learning_carried"] = "learning_carried"


@quick_init
@dataclass(frozen=True, slots=True)
class AgentsJudged:
    """What the agents' calls that end with a session came to, against what the same calls do without skill.

    The figures are those of ``engine.judging.Judge.figures``.
    """

    at: datetime
    figures: Mapping[str, float]
    kind: Literal["agents_judged"] = "agents_judged"


@quick_init
@dataclass(frozen=True, slots=True)
class Marked:
    """Equity at the close of a session, USD.

    ``prices`` are those of everything held or ordered, USD, so that a restart knows them; ``data_at`` is the close of
    the latest session in which anything watched traded, None where the run does not follow sessions.
    """

    at: datetime
    equity: Decimal
    exposure: Decimal
    prices: Mapping[str, float] = field(default_factory=dict)
    data_at: datetime | None = None
    kind: Literal["marked"] = "marked"


@quick_init
@dataclass(frozen=True, slots=True)
class CashAccrued:
    """Interest on cash, USD."""

    at: datetime
    amount: Decimal
    reason: str
    kind: Literal["cash_accrued"] = "cash_accrued"


@quick_init
@dataclass(frozen=True, slots=True)
class BreakerTripped:
    """A circuit breaker latched: entries stop until a person resets it. Exits go on."""

    at: datetime
    breaker: str
    reason: str
    kind: Literal["breaker_tripped"] = "breaker_tripped"


@quick_init
@dataclass(frozen=True, slots=True)
class BreakerReset:
    """A person reset a breaker, and said why."""

    at: datetime
    breaker: str
    reset_by: str
    reason: str
    kind: Literal["breaker_reset"] = "breaker_reset"


@quick_init
@dataclass(frozen=True, slots=True)
class TradingHalted:
    """A person pulled the kill switch: no entry until a person says so. ``flatten`` asks for every position closed."""

    at: datetime
    by: str
    reason: str
    flatten: bool
    kind: Literal["trading_halted"] = "trading_halted"


@quick_init
@dataclass(frozen=True, slots=True)
class TradingResumed:
    """A person let entries go on after a halt."""

    at: datetime
    by: str
    reason: str
    kind: Literal["trading_resumed"] = "trading_resumed"


@quick_init
@dataclass(frozen=True, slots=True)
class OperationFailed:
    """Something that trading needs did not work: an order that could not be sent, a source that did not answer."""

    at: datetime
    operation: str
    error: str
    kind: Literal["operation_failed"] = "operation_failed"


@quick_init
@dataclass(frozen=True, slots=True)
class ChainSealed:
    """The chain up to record ``count``, whose digest is ``head``, sealed with a key that only the open vault has."""

    at: datetime
    count: int
    head: str
    seal: str
    kind: Literal["chain_sealed"] = "chain_sealed"


@quick_init
@dataclass(frozen=True, slots=True)
class WeightChanged:
    """An agent's vote counts more or less from now on."""

    at: datetime
    agent: str
    weight: float
    reason: str
    kind: Literal["weight_changed"] = "weight_changed"


@quick_init
@dataclass(frozen=True, slots=True)
class AuditNoted:
    """Something an auditor would ask about: a secret stored or read, an export, an error. Never holds a secret."""

    at: datetime
    what: str
    detail: Mapping[str, Scalar] = field(default_factory=dict)
    kind: Literal["audit_noted"] = "audit_noted"


Event = (
    RunStarted
    | RunResumed
    | RunEnded
    | SessionOpened
    | DecisionMade
    | OrderPlaced
    | OrderEnded
    | TradeOpened
    | TradeClosed
    | TradeCarriedOn
    | SignalResolved
    | RecordCarried
    | LearningCarried
    | AgentsJudged
    | Marked
    | CashAccrued
    | BreakerTripped
    | BreakerReset
    | TradingHalted
    | TradingResumed
    | OperationFailed
    | ChainSealed
    | WeightChanged
    | AuditNoted
)
