"""What the engine needs from the outside, each a capability of a few lines.

Adapters implement them; ``app`` joins them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, overload

from lightning_gex.core.chain import OptionChain
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Direction, ExitReason
from lightning_gex.core.events import Event
from lightning_gex.core.features import Features
from lightning_gex.core.halt import Halt
from lightning_gex.core.orders import Fill, Order
from lightning_gex.core.patterns import Neighbours, Outcome, Pattern, RecallFilter
from lightning_gex.core.portfolio import AccountUsage
from lightning_gex.core.quick_init import quick_init
from lightning_gex.core.units import Float32Array1D, Float64Array1D
from lightning_gex.core.votes import Votes


class Decisions(Protocol):
    """The decisions of a run, in order, whole: a list, or something that builds them anew when they are looked at."""

    def append(self, decision: Decision, /) -> None:
        """Keep one more."""
        ...

    def __len__(self) -> int:
        """How many there are."""
        ...

    @overload
    def __getitem__(self, which: int, /) -> Decision: ...

    @overload
    def __getitem__(self, which: slice, /) -> Sequence[Decision]: ...

    def __getitem__(self, which: int | slice, /) -> Decision | Sequence[Decision]:
        """One of them, or some; a negative index counts from the end."""
        ...

    def __iter__(self) -> Iterator[Decision]:
        """All of them, oldest first."""
        ...

    def __reversed__(self) -> Iterator[Decision]:
        """All of them, newest first."""
        ...


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> datetime:
        """The present moment, aware UTC."""
        ...


class Agent(Protocol):
    """A specialist that votes on every row of the features at once."""

    @property
    def name(self) -> str:
        """Display name, unique among the agents of a run."""
        ...

    def vote(self, features: Features) -> Votes:
        """One vote a row; a row's vote depends on rows at or before it only. Abstains where its inputs are absent."""
        ...


@quick_init
@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One event as the journal keeps it."""

    sequence: int
    run_id: str
    event: Event
    digest: str


class Journal(Protocol):
    """The append-only, hash-chained truth of one run."""

    @property
    def run_id(self) -> str:
        """The run that new events belong to."""
        ...

    def append(self, events: Sequence[Event]) -> None:
        """Write events as one transaction, in order. Durable on return, unless this journal commits in groups."""
        ...

    def append_checked(self, now: datetime, build: Callable[[AccountUsage], Sequence[Event]]) -> Sequence[Event]:
        """Write what ``build`` makes of the other runs' use of the account, in one transaction no other run can enter.

        ``now`` is the aware moment of the decision. Durable on return; what ``build`` raises is raised, and nothing
        written.
        """
        ...

    def account(self, now: datetime) -> AccountUsage:
        """What the other runs of the account use up at this aware moment."""
        ...

    def flush(self) -> None:
        """Make everything appended so far durable."""
        ...

    def read(self, run_id: str | None = None) -> Iterator[JournalRecord]:
        """The records of one run (None: of all), oldest first."""
        ...

    def verify(self) -> int:
        """Check the whole chain and its anchor: the number of records, or ``IntegrityError`` at the first bad one."""
        ...


class MemoryStore(Protocol):
    """Past signals and what became of them. One book; a backtest has its own."""

    def remember(self, pattern: Pattern) -> None:
        """Keep a signal. Keeping the same id twice is one signal."""
        ...

    def resolve(self, pattern_id: str, outcome: Outcome) -> None:
        """Add what became of a signal. Raises ``RefusedError`` on an unknown or already resolved id."""
        ...

    def recall(
        self,
        *,
        ticker: str,
        direction: Direction,
        vector: Sequence[float] | Float64Array1D,
        as_of: datetime,
        count: int,
        wanted: RecallFilter | None = None,
    ) -> Neighbours:
        """The most similar signals of this ticker and direction whose outcome was known at ``as_of``."""
        ...

    def find(self, pattern_id: str) -> Pattern | None:
        """A signal by its id; None where it is not remembered."""
        ...

    def recent(self, count: int, *, as_of: datetime | None = None) -> list[Pattern]:
        """The latest signals given at or before ``as_of``, newest first, with the outcomes known then."""
        ...

    def patterns(self) -> Iterator[Pattern]:
        """Every signal, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """A broker's word that an order, or the bracket it carried, was done.

    ``order_id`` is the order that opened the position when a bracket fires; ``exit_reason`` is None on an entry.
    """

    order_id: str
    fill: Fill
    exit_reason: ExitReason | None


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """A broker's word that an order will not be done."""

    order_id: str
    reason: str


BrokerReport = OrderFilled | OrderRefused


class HaltSwitch(Protocol):
    """The kill switch as a running program sees it."""

    def read(self) -> Halt | None:
        """The halt in force; None where trading may go on. What cannot be read is a halt. Never raises."""
        ...


class Broker(Protocol):
    """Takes orders and says what became of them."""

    def submit(self, order: Order) -> None:
        """Send an order. Sending the same ``order_id`` twice is one order."""
        ...

    def cancel(self, order_id: str) -> None:
        """Withdraw an order that is not filled yet."""
        ...

    def amend(self, order_id: str, *, target_price: float, stop_price: float) -> None:
        """Move target and stop, USD, of the position that an order opened. The same prices twice are one move.

        Reports go on under the same ``order_id``. Where it guards nothing nothing happens: the reports say why.
        """
        ...

    def reports(self) -> Sequence[BrokerReport]:
        """What happened since the last call, oldest first."""
        ...

    def history(self, order_id: str) -> Sequence[BrokerReport] | None:
        """Everything that became of an order, told before or not, its bracket included; None where it was never sent.

        After a restart this settles what the journal leaves open: an order it holds may or may not have gone out.
        """
        ...


class ChainSource(Protocol):
    """Fetches the present option chain of an underlying."""

    def fetch(self, underlying: str) -> OptionChain:
        """The chain now. Raises ``SourceError`` where the source does not answer usably."""
        ...


class SizingPolicy(Protocol):
    """A trained policy: seven observations in, a rung of the size ladder out."""

    def size_pct(self, observation: Float64Array1D | Float32Array1D) -> float:
        """The fraction of equity to put into the position, one of the ladder's rungs."""
        ...


class Progress(Protocol):
    """Shows a person how far a long job is."""

    def __call__(self, items: Iterable[object], *, total: int, label: str) -> Iterable[object]:
        """The same items, with progress shown while they are consumed."""
        ...
