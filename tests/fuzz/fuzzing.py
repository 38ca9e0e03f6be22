"""What every public entry is held to, however it is called: a right answer or a named refusal in one line.

An ``Entry`` is one thing a user can call, the strategy of its hostile inputs and what has to be open around the calls.
``soaked`` calls it so many times, with seeds 0, 1, 2 ...; ``fuzzed`` lets hypothesis draw them. Whatever is neither
an answer nor a ``LightningError`` leaves through them and so fails the test, with its seed, or with the smallest input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from lightning_gex.core.errors import LightningError

#: Planted wherever a secret is: no message, answer or output may hold it.
CANARY = "c4nary-Zq9-value"
LONGEST_LINE = 4_000  # characters: what a person still reads, and a terminal still shows
ANSWERED = "answered"

Call = Callable[[Any], object]
Cases = Callable[[Random], Any]
#: What is open around the calls of one entry, in an empty folder.
Opened = Callable[[Path], AbstractContextManager[Call]]


@dataclass(frozen=True)
class Entry:
    """One public entry and how it is fuzzed.

    Parameters
    ----------
    name : as the documents call it.
    cases : draws one of its inputs.
    opened : opens what the calls need and gives the call; it checks on the way out that nothing was lost.
    suite : inputs in the suite. soak : inputs in the soak.
    covers : the public names that this entry stands for.
    """

    name: str
    cases: Cases
    opened: Opened
    suite: int = 500
    soak: int = 10_000
    covers: frozenset[str] = field(default_factory=frozenset)


def either(*cases: Cases) -> Cases:
    """Inputs of one of several kinds."""
    return lambda random: random.choice(cases)(random)


def stateless(call: Call) -> Opened:
    """An entry that needs nothing open around it."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Call]:
        yield call

    return opened


def ended(call: Call, case: object) -> str:
    """How a call ended: ``answered``, or the name of the refusal, which is one short line without a secret in it."""
    try:
        answer = call(case)
    except LightningError as error:
        demand_clear_line(str(error))
        return type(error).__name__
    return answer if isinstance(answer, Ending) else ANSWERED


class Ending(str):
    """A call that says by itself how it ended, as a command does by its exit code."""

    __slots__ = ()


def demand_clear_line(text: str) -> None:
    """One line that a person can read and that holds no secret."""
    assert text.strip(), "the refusal says nothing"
    assert len(text.splitlines()) == 1, f"the refusal is not one line: {text!r}"
    assert len(text) <= LONGEST_LINE, f"the refusal has {len(text)} characters: {text[:200]!r}"
    assert text.isprintable(), f"the refusal would steer a terminal: {text!r}"
    assert CANARY not in text, "the refusal shows a secret"


def fuzzed(entry: Entry, folder: Path, inputs: int) -> Mapping[str, int]:
    """Call an entry with so many hostile inputs, hypothesis drawing each seed: how often it ended in which way."""
    tally: Counter[str] = Counter()

    with entry.opened(folder) as call:

        @settings(
            max_examples=inputs,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(st.randoms(use_true_random=True))
        def every_input(random: Random) -> None:
            case = entry.cases(random)
            note(f"{entry.name}: {short(case)}")
            tally[ended(call, case)] += 1

        every_input()
    return dict(tally)


def soaked(entry: Entry, folder: Path, inputs: int) -> Mapping[str, int]:
    """Call it with seeds 0, 1, 2 ...: of cheap entries, hypothesis's own work on each input would be most of it."""
    tally: Counter[str] = Counter()
    with entry.opened(folder) as call:
        for seed in range(inputs):
            case = entry.cases(Random(seed))
            try:
                tally[ended(call, case)] += 1
            except Exception as error:
                error.add_note(f"{entry.name}, seed {seed}: {short(case)}")
                raise
    return dict(tally)


def short(case: object) -> str:
    """An input as a report shows it, whatever it holds."""
    try:
        return repr(case)[:2_000]
    except ValueError:  # a whole number of more digits than Python prints
        return f"{type(case).__name__} with a number of thousands of digits"
