"""The stages in which an account goes from an old system to this one, as the journal tells them.

A stage is what the record says and nothing else: every change is one note in the journal, durable before any program
goes by it, and the stage is a fold over the notes. A change that does not begin at the stage in force changes nothing,
so that of two persons who move at once only the first does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lightning_gex.core.decision import Scalar
from lightning_gex.core.enums import RunMode
from lightning_gex.core.events import AuditNoted

#: ``what`` of a note that changes the stage; only notes of control runs, a person's word, count.
TRANSITION = "transition"
_SEPARATOR = ", "


class Stage(StrEnum):
    """How far a transition has come."""

    PARALLEL = "parallel"
    QUARTER = "quarter"
    HALF = "half"
    FULL = "full"

    @property
    def share(self) -> float:
        """Part of the capital that is the new system's, 0..1."""
        return _SHARES[self]

    @property
    def next(self) -> Stage | None:
        """The stage after this one; None after the last."""
        place = _ORDER.index(self) + 1
        return _ORDER[place] if place < len(_ORDER) else None

    @property
    def before(self) -> Stage | None:
        """The stage before this one; None before the first."""
        place = _ORDER.index(self)
        return _ORDER[place - 1] if place else None

    @property
    def words(self) -> str:
        """What a person calls it."""
        return "both side by side, no capital" if self is Stage.PARALLEL else f"{self.share:.0%} of the capital"

    def follows(self, other: Stage) -> bool:
        """Whether this stage gives the new system more than another."""
        return self.share > other.share


_ORDER = tuple(Stage)
_SHARES = {Stage.PARALLEL: 0.0, Stage.QUARTER: 0.25, Stage.HALF: 0.5, Stage.FULL: 1.0}


@dataclass(frozen=True, slots=True)
class StageChange:
    """One step of a transition.

    Parameters
    ----------
    at : aware UTC.
    sequence : of its record in the journal.
    before, after : stages; ``before`` is None where the transition begins.
    by, reason : whose word it is, and why.
    overridden : requirements that were not met and that the person went past.
    """

    at: datetime
    sequence: int
    before: Stage | None
    after: Stage
    by: str
    reason: str
    overridden: tuple[str, ...] = ()

    def detail(self) -> dict[str, Scalar]:
        """What its note in the journal holds."""
        return {
            "from": None if self.before is None else self.before.value,
            "to": self.after.value,
            "share": self.after.share,
            "by": self.by,
            "reason": self.reason,
            "overridden": _SEPARATOR.join(self.overridden),
        }


@dataclass(frozen=True, slots=True)
class Transition:
    """How a transition stands.

    Parameters
    ----------
    changes : every step that counted, oldest first; none where no transition was begun.
    """

    changes: tuple[StageChange, ...] = ()

    @property
    def stage(self) -> Stage | None:
        """The stage in force; None where no transition was begun."""
        return self.changes[-1].after if self.changes else None

    @property
    def since(self) -> StageChange | None:
        """The step that led to the stage in force."""
        return self.changes[-1] if self.changes else None

    def share(self, mode: RunMode) -> float:
        """Part of the capital that runs of a mode may size against.

        While both systems only run side by side, paper and the founding classes trade as with all of the capital, for
        there is nothing to lose and something to compare; live, there is nothing to trade with.
        """
        if self.stage is None:
            return 1.0
        if self.stage is Stage.PARALLEL:
            return 0.0 if mode is RunMode.LIVE else 1.0
        return self.stage.share


def transition_of(notes: Iterable[tuple[int, AuditNoted]]) -> Transition:
    """The transition that notes amount to.

    Parameters
    ----------
    notes : sequence in the journal and note, oldest first; those of anything else are passed over.
    """
    changes: list[StageChange] = []
    for sequence, note in notes:
        change = _change(sequence, note)
        if change is not None and change.before == (changes[-1].after if changes else None):
            changes.append(change)
    return Transition(tuple(changes))


def _change(sequence: int, note: AuditNoted) -> StageChange | None:
    if note.what != TRANSITION:
        return None
    said = note.detail
    before = said.get("from")
    return StageChange(
        at=note.at,
        sequence=sequence,
        before=None if before is None else Stage(str(before)),
        after=Stage(str(said["to"])),
        by=str(said["by"]),
        reason=str(said["reason"]),
        overridden=tuple(name for name in str(said["overridden"]).split(_SEPARATOR) if name),
    )
