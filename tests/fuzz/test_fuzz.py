"""Every public entry, called with what nobody should pass: a right answer or a named refusal, and nothing lost.

The suite takes some hundreds of inputs of each (``Entry.suite``), of seeds 0, 1, 2 ...; with ``LIGHTNING_SOAK`` it is
thousands (``Entry.soak``), and how they ended goes to ``benchmarks/results/soak_fuzz.json``. Hypothesis draws other
seeds, and looks for the smallest input that fails, where its profile is ``soak``.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from random import Random

import entries_commands
import pytest
from fuzzing import ANSWERED, CANARY, Entry, demand_clear_line, ended, fuzzed, soaked, stateless
from registry import ENTRIES, STANDS_FOR, TAKE_NOTHING, covered, public_names

from lightning_gex.core.errors import InputError

ENOUGH_TO_ANSWER = 40  # inputs, of which some are sound
#: Of these every input is wrong by intention, or the sound one is refused: nothing is stored, tripped or trained.
NEVER_ANSWER = frozenset(
    {
        "EnhancedLightningGEX.reset_circuit_breaker",
        "SecurityManager.delete_api_credentials",
        "LightningRLPositionSizer.train",
        "lg.InputError",
        "file paths",
        "command resume",
        "command breakers",
    }
)
SOAK = bool(os.environ.get("LIGHTNING_SOAK"))
DRAWN = not SOAK and os.environ.get("HYPOTHESIS_PROFILE") == "soak"
RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "soak_fuzz.json"


@pytest.mark.timeout(7_200 if SOAK else 300)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_whatever_is_passed_is_answered_or_refused_by_name(entry: Entry, tmp_path: Path) -> None:
    tally = (fuzzed if DRAWN else soaked)(entry, tmp_path, entry.soak if SOAK else entry.suite)
    assert sum(tally.values()) >= 1
    if sum(tally.values()) >= ENOUGH_TO_ANSWER:
        assert tally.get(ANSWERED) or entry.name in NEVER_ANSWER, "every input was refused, the sound ones too"
    if SOAK:
        assert sum(tally.values()) == entry.soak
        _record(entry.name, tally)


def _record(name: str, tally: Mapping[str, int]) -> None:
    """Put how an entry's inputs ended into the result file, which several processes may be writing."""
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        found = json.loads(text) if text else {"what": _WHAT, "command": _COMMAND, "entries": {}}
        found["entries"][name] = {"inputs": sum(tally.values()), **dict(sorted(tally.items()))}
        found["entries"] = dict(sorted(found["entries"].items()))
        found["inputs"] = sum(entry["inputs"] for entry in found["entries"].values())
        file.truncate(0)
        file.write(json.dumps(found, indent=2) + "\n")


_WHAT = "how hostile inputs to every public entry ended; anything but an answer or a named refusal fails the test"
_COMMAND = "LIGHTNING_SOAK=1 python -m pytest tests/fuzz"


def test_every_public_entry_has_a_target() -> None:
    known = covered()
    missing = {n for n in public_names() if STANDS_FOR.get(n, n) not in known and n not in TAKE_NOTHING}
    assert not missing, f"no fuzz target: {sorted(missing)}: add one to tests/fuzz/entries_*.py"


def test_every_sound_command_line_is_of_a_command() -> None:
    assert set(entries_commands.SOUND) == set(entries_commands.commands())


def test_what_needs_no_target_is_public_and_has_none() -> None:
    public, known = set(public_names()), covered()
    assert TAKE_NOTHING.isdisjoint(known)
    assert set(STANDS_FOR) <= public
    assert public >= TAKE_NOTHING


def test_the_names_of_the_targets_differ() -> None:
    names = [entry.name for entry in ENTRIES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("line", ["", "two\nlines", "\x1b[31mred", f"the password {CANARY}", "x" * 5_000])
def test_a_refusal_that_nobody_can_read_or_that_shows_a_secret_is_found(line: str) -> None:
    with pytest.raises(AssertionError):
        demand_clear_line(line)


def test_what_is_no_named_refusal_fails_with_the_input_that_did_it(tmp_path: Path) -> None:
    def broken(case: int) -> int:
        if case % 7 == 3:
            raise KeyError(case)
        return case

    entry = Entry("broken", lambda random: random.randint(0, 99), stateless(broken), suite=200, soak=200)
    for run in (fuzzed, soaked):
        with pytest.raises(KeyError) as caught:
            run(entry, tmp_path, 200)
        assert any("broken" in note for note in caught.value.__notes__)


def test_a_refusal_counts_under_its_name() -> None:
    def refusing(_: object) -> object:
        raise InputError("is no price", source="a.csv", row=3, field="close")

    assert ended(refusing, Random(0)) == "InputError"
