"""Which tickers a run watches and when they belong; and what the settings' files say of them beside their prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from lightning_gex.adapters.market_data.bars_census import BarsCensus, census_of_bars
from lightning_gex.adapters.market_data.universe_files import read_events, read_sectors, read_universe
from lightning_gex.app.assembly.hygiene import survivorship_findings, told_together
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.membership import Membership
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.evaluation.metrics import JsonValue

#: How tickers given one by one were chosen.
NAMED_ONES = "the tickers named"
#: Tickers from which on a list looks like a universe, which somebody chose.
FEWEST_PICKED = 5
_NAMED = 12  # tickers a message lists


@dataclass(frozen=True, slots=True)
class UniverseRequest:
    """What to watch: named tickers, or a file of them, or the largest at the time. One of the three.

    Parameters
    ----------
    tickers : symbols.
    file : a universe, as ``read_universe`` reads it.
    largest : how many to take, by the dollar volume of the calendar year before, chosen anew every year.
    among : a universe the largest are chosen from; None takes every ticker of the bars.

    Raises
    ------
    SettingsError : none of the three is given, or more than one; ``among`` without ``largest``.
    """

    tickers: tuple[str, ...] = ()
    file: Path | None = None
    largest: int | None = None
    among: Path | None = None

    def __post_init__(self) -> None:
        given = (bool(self.tickers), self.file is not None, self.largest is not None)
        if sum(given) != 1:
            what = "give one of them" if any(given) else "nothing is to be traded"
            raise SettingsError(f"name tickers with --ticker, a file with --universe, or --largest N: {what}")
        if self.among is not None and self.largest is None:
            raise SettingsError("--among FILE says whom --largest N chooses from: give both")
        if self.largest is not None and self.largest < 1:
            raise SettingsError(f"--largest {self.largest} is no number of tickers: at least 1")


@dataclass(frozen=True, slots=True, eq=False)
class ChosenUniverse:
    """What a request came to on a bars file.

    Parameters
    ----------
    tickers : everyone who is ever watched.
    membership : who belongs when; None where everyone always does.
    words : how the universe was chosen.
    notes : what a reader must know of it.
    """

    tickers: tuple[str, ...]
    membership: Membership | None = None
    words: str = NAMED_ONES
    notes: tuple[str, ...] = ()


def chosen_universe(bars: Path, request: UniverseRequest, *, end: date | None = None) -> ChosenUniverse:
    """Find out whom a request means.

    Parameters
    ----------
    bars : the bars file.
    request : what was asked for.
    end : last session of the run; None takes all. Who comes later is not watched.

    Raises
    ------
    InputError : a file that cannot be read, bars that are too short to choose from, or none of the universe in them.
    """
    if request.tickers:
        named = tuple(dict.fromkeys(request.tickers))
        return ChosenUniverse(named, notes=(_picked(named),) if len(named) >= FEWEST_PICKED else ())
    census = census_of_bars(bars)
    last = None if end is None else np.datetime64(end, "D")
    if request.largest is not None:
        among = None if request.among is None else read_universe(request.among)
        whole = census.largest(request.largest, among).between(None, last)
        of = "the bars file" if request.among is None else request.among.name
        words = f"the {request.largest} largest of {of} by the dollar volume of the calendar year before, chosen yearly"
        return ChosenUniverse(whole.everyone, whole, words, told_together(survivorship_findings(census)))
    assert request.file is not None  # noqa: S101 - the request holds one of the three
    listed = read_universe(request.file)
    stayed = told_together(survivorship_findings(census))
    if isinstance(listed, tuple):
        there, notes = _in_the_bars(listed, census, request.file)
        return ChosenUniverse(there, None, f"the tickers of {request.file.name}", (*notes, *stayed))
    whole = listed.between(None, last)
    there, notes = _in_the_bars(whole.everyone, census, request.file)
    whole = whole.within(there)
    return ChosenUniverse(whole.everyone, whole, f"the members by date of {request.file.name}", (*notes, *stayed))


def _picked(tickers: tuple[str, ...]) -> str:
    return (
        f"the {len(tickers)} tickers were named for the whole period: where they were picked knowing what became of "
        "them, what is judged are the survivors (--largest and --universe choose by date)"
    )


def _in_the_bars(named: tuple[str, ...], census: BarsCensus, file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tickers that have bars, and a note on those that have none."""
    there = tuple(t for t in named if t in census.bars)
    absent = [t for t in named if t not in census.bars]
    if not there:
        raise InputError(
            f"none of its {len(named)} tickers has bars in {census.source}: use the symbols of that file",
            source=str(file),
            field="ticker",
        )
    if not absent:
        return there, ()
    listed = ", ".join(absent[:_NAMED]) + (" and others" if len(absent) > _NAMED else "")
    note = (
        f"{len(absent)} of the {len(named)} tickers of {file.name} have no bars in {census.source} ({listed}): where "
        "they are missing because they left the market, what is judged are the survivors"
    )
    return there, (note,)


def universe_document(words: str, tickers: Iterable[str], membership: Membership | None) -> dict[str, JsonValue]:
    """A universe as plain JSON values: how it was chosen, everyone in it, and its members by date.

    Parameters
    ----------
    words : how it was chosen.
    tickers : everyone who is ever watched.
    membership : who belongs when; None, and null, where everyone always does.
    """
    everyone: list[JsonValue] = list(tickers)
    if membership is None:
        return {"chosen": words, "tickers": everyone, "members": None}
    changes: list[JsonValue] = [
        {"from": str(session), "members": list[JsonValue](sorted(names))}
        for session, names in zip(membership.from_session, membership.members, strict=True)
    ]
    return {"chosen": words, "tickers": everyone, "members": changes}


def with_universe(workspace: Workspace, inputs: MarketInputs) -> MarketInputs:
    """The inputs with the sectors and dated events that the settings name, and a note on what those do not know.

    Raises
    ------
    InputError : a file that cannot be read, or its first wrong row.
    """
    named = workspace.settings.universe
    sectors = read_sectors(workspace.home / named.sectors) if named.sectors else {}
    events = read_events(workspace.home / named.events) if named.events else None
    unknown = sorted(ticker for ticker in inputs.bars if ticker not in sectors and ticker != inputs.market_ticker)
    notes = (f"{named.sectors} has no sector of {', '.join(unknown)}",) if named.sectors and unknown else ()
    return replace(inputs, sectors=sectors, events=events, notes=(*inputs.notes, *notes))
