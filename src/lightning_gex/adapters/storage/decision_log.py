"""A run's decisions in little memory: the reasons compressed, block by block.

A decision with its votes and the words of every station is some ten kilobytes of objects; ten years of thirty names
would fill a gigabyte. Here it stands in the form in which the journal holds it, compressed together with its
neighbours, which say nearly the same: half a kilobyte. It is built again when somebody asks for it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import overload

from lightning_gex.adapters.storage.codec import decode_checked, encode
from lightning_gex.core.decision import Decision
from lightning_gex.core.events import EVENT_VERSION, DecisionMade
from lightning_gex.core.quick_init import replaced

BLOCK = 64  # decisions compressed together: more save little, and every look at one builds them all
_LEVEL = 1  # of zlib: what level 6 saves beyond it costs three times as long
_BLOCKS_AT_HAND = 4


class DecisionLog(Sequence[Decision]):
    """The decisions of one run, in order. Implements ``core.ports.Decisions``.

    Whatever is appended comes back equal, NaN as NaN; not the same object.
    """

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._latest: list[Decision] = []
        self._outlines: list[Decision] = []
        self._at_hand: dict[int, list[Decision]] = {}

    def __repr__(self) -> str:
        return f"DecisionLog({len(self)} decisions, {self.stored_bytes} bytes)"

    def append(self, decision: Decision) -> None:
        """Keep one more. Raises ``InputError`` where the journal could not hold it either."""
        self._outlines.append(_outline(decision))
        self._latest.append(decision)
        if len(self._latest) == BLOCK:
            lines = [encode(DecisionMade(d.as_of, d)).encode("utf-8") for d in self._latest]
            self._blocks.append(zlib.compress(b"\n".join(lines), _LEVEL))
            self._latest = []

    @property
    def outlines(self) -> Sequence[Decision]:
        """The decisions without stages, votes, caps and range, at hand without being built."""
        return self._outlines

    @property
    def stored_bytes(self) -> int:
        """What the compressed blocks take."""
        return sum(map(len, self._blocks))

    def __len__(self) -> int:
        return len(self._outlines)

    @overload
    def __getitem__(self, which: int) -> Decision: ...

    @overload
    def __getitem__(self, which: slice) -> list[Decision]: ...

    def __getitem__(self, which: int | slice) -> Decision | list[Decision]:
        if isinstance(which, slice):
            return [self[i] for i in range(len(self))[which]]
        at = range(len(self))[which]
        block, place = divmod(at, BLOCK)
        return self._latest[place] if block == len(self._blocks) else self._built(block)[place]

    def __iter__(self) -> Iterator[Decision]:
        for block in range(len(self._blocks)):
            yield from self._build(block)
        yield from self._latest

    def _built(self, block: int) -> list[Decision]:
        """A block's decisions; the latest few stay at hand."""
        found = self._at_hand.get(block)
        if found is None:
            if len(self._at_hand) == _BLOCKS_AT_HAND:
                del self._at_hand[next(iter(self._at_hand))]
            found = self._at_hand[block] = self._build(block)
        return found

    def _build(self, block: int) -> list[Decision]:
        found = []
        for line in zlib.decompress(self._blocks[block]).split(b"\n"):
            event = decode_checked("decision_made", line, version=EVENT_VERSION, source="the log of decisions")
            assert isinstance(event, DecisionMade)  # noqa: S101 - nothing else was kept
            found.append(event.decision)
        return found


def _outline(decision: Decision) -> Decision:
    return replaced(decision, stages=(), votes=(), caps=(), expected_range=None, range_absence=None)
