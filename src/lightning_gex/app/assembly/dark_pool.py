"""The dark-pool index of the user's own files: FINRA's short volume, weighted by the dollars of a bars file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.finra_short_volume import ShortVolume, dotted, read_short_volume
from lightning_gex.adapters.market_data.index_members import IndexMembers, Membership, members_of, read_members
from lightning_gex.adapters.market_data.stale_open import has_own_volume
from lightning_gex.analytics.dark_pool import COVERAGE_FLOOR, MEMBERS_FLOOR, DarkPoolIndex, dark_pool_index
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError, InsufficientDataError
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import sessions_between
from lightning_gex.core.units import BoolArray2D, DateArray1D, Float64Array1D, Float64Array2D, StrArray1D

_NAMED = 8  # tickers or days a note lists


@dataclass(frozen=True, slots=True, eq=False)
class BuiltFlow:
    """A dark-pool index and what it rests on.

    Parameters
    ----------
    session : (d,) ``datetime64[D]``.
    index : of these sessions.
    without_bars, without_short_volume : ticker -> sessions of its membership in which that was missing.
    notes : what a reader must know.
    """

    session: DateArray1D
    index: DarkPoolIndex
    without_bars: Mapping[str, int]
    without_short_volume: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def flow(self) -> DatedSeries:
        """Columns ``dix`` and ``coverage``, as ``series_files.read_flow`` gives them."""
        return DatedSeries(self.session, {"dix": self.index.dix, "coverage": self.index.coverage}, "FINRA short volume")


def build_flow(
    short_volume: Sequence[str | Path],
    *,
    bars: Sequence[str | Path],
    members: str | Path | None = None,
    coverage_floor: float = COVERAGE_FLOOR,
    members_floor: float = MEMBERS_FLOOR,
) -> BuiltFlow:
    """The dark-pool index of every session in FINRA's files.

    Parameters
    ----------
    short_volume : FINRA's files, or folders of them.
    bars : bars files, at least one; a ticker is taken from the first that has it.
    members : the index's members by date; None takes every ticker of the bars that has a volume of its own.
    coverage_floor, members_floor : as ``analytics.dark_pool.dark_pool_index``.

    Raises
    ------
    InputError : no file is named, or one cannot be read.
    InsufficientDataError : not one session has enough of its members covered.
    """
    priced = _named(bars, "bars")
    files = _files(_named(short_volume, "short_volume"))
    found = _bars_by_symbol(priced)
    index = _index(found, members, priced)
    volume = read_short_volume(files, symbols=index.symbols)
    sessions = volume.session
    spells = index.during(sessions)
    if not spells:
        raise InputError(
            f"nobody is a member of the index from {sessions[0]} to {sessions[-1]}: mend 'from' and 'to'",
            source=index.source,
        )
    tickers = np.array(sorted({m.ticker for m in spells}), dtype=np.str_)
    member, short, total = _by_member(volume, spells, tickers)
    dollars = _dollar_volume(found, sessions, tickers)
    result = dark_pool_index(short, total, dollars, member, coverage_floor=coverage_floor, members_floor=members_floor)
    no_bars = _counted(tickers, member & ~(dollars > 0))
    no_volume = _counted(tickers, member & (dollars > 0) & ~(total > 0))
    _require_some(result, no_bars, no_volume, index.source)
    notes = _notes(sessions, result, members, no_bars, no_volume)
    return BuiltFlow(sessions, result, no_bars, no_volume, notes)


def _named(given: Sequence[str | Path], field: str) -> list[Path]:
    """The paths of an argument, at least one of them."""
    if not given:
        raise InputError("names no file: name at least one", field=field)
    return [Path(one) for one in given]


def _files(given: Sequence[Path]) -> list[Path]:
    """The files themselves, and the visible files of folders, in the order of their names."""
    found: list[Path] = []
    for path in given:
        if os.path.isdir(path):  # noqa: PTH112 - a name that is too long is no folder either
            inside = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
            if not inside:
                raise InputError("the folder holds no files", source=str(path))
            found.extend(inside)
        else:
            found.append(path)
    return found


def _bars_by_symbol(paths: Sequence[Path]) -> dict[str, Bars]:
    found: dict[str, Bars] = {}
    for path in paths:
        for ticker, bars in read_bars(path).items():
            found.setdefault(dotted(ticker), bars)
    return found


def _index(found: Mapping[str, Bars], members: str | Path | None, bars: Sequence[Path]) -> IndexMembers:
    if members is not None:
        return read_members(members)
    own = [t for t, b in found.items() if has_own_volume(t) and (b.volume > 0).any()]
    if not own:
        raise InputError("no ticker of the bars has a volume: nothing to weigh by", source=str(bars[0]), field="volume")
    return members_of(own, ", ".join(str(path) for path in bars))


def _by_member(
    volume: ShortVolume, spells: Sequence[Membership], tickers: StrArray1D
) -> tuple[BoolArray2D, Float64Array2D, Float64Array2D]:
    """(d, k) who is a member, and its short and total volume under the symbol it then had."""
    shape = (len(volume.session), len(tickers))
    member = np.zeros(shape, dtype=np.bool_)
    short, total = np.full(shape, np.nan), np.full(shape, np.nan)
    for spell in spells:
        at = int(np.searchsorted(tickers, spell.ticker))
        rows = (volume.session >= spell.first) & (volume.session <= spell.last)
        own_short, own_total = volume.of(spell.symbol)
        member[rows, at] = True
        short[rows, at], total[rows, at] = own_short[rows], own_total[rows]
    return member, short, total


def _dollar_volume(found: Mapping[str, Bars], sessions: DateArray1D, tickers: StrArray1D) -> Float64Array2D:
    """(d, k) USD: close x volume of the session's bar; NaN without one."""
    dollars = np.full((len(sessions), len(tickers)), np.nan)
    for at, ticker in enumerate(tickers.tolist()):
        bars = found.get(ticker)
        if bars is None:
            continue
        row = np.minimum(np.searchsorted(bars.session, sessions), len(bars) - 1)
        there = bars.session[row] == sessions
        traded: Float64Array1D = bars.close[row] * bars.volume[row]
        dollars[there, at] = traded[there]
    return dollars


def _counted(tickers: StrArray1D, missing: BoolArray2D) -> dict[str, int]:
    """ticker -> sessions in which something of it is missing, the worst first."""
    count = missing.sum(axis=0)
    order = np.argsort(-count, kind="stable")
    return {str(tickers[i]): int(count[i]) for i in order if count[i]}


def _require_some(result: DarkPoolIndex, no_bars: Mapping[str, int], no_volume: Mapping[str, int], source: str) -> None:
    if np.isfinite(result.dix).any():
        return
    coverage, used = float(np.nanmax(np.r_[result.coverage, 0.0])), int(result.members_used.max())
    raise InsufficientDataError(
        f"no session has enough of its members: at best {coverage:.0%} of dollar volume and {used} of "
        f"{int(result.members.max())} tickers; without bars {_listed(no_bars)}, without short volume "
        f"{_listed(no_volume)}",
        source=source,
        field="ticker",
    )


def _notes(
    sessions: DateArray1D,
    result: DarkPoolIndex,
    members: str | Path | None,
    no_bars: Mapping[str, int],
    no_volume: Mapping[str, int],
) -> tuple[str, ...]:
    notes = []
    if members is None:
        notes.append(
            "no members file was given: every ticker of the bars that has a volume counts as a member, funds too; name "
            "the index's members with --members to count shares alone"
        )
    if no_bars:
        notes.append(f"members without a bar, left out: {_listed(no_bars)}")
    if no_volume:
        notes.append(f"members without off-exchange volume, left out: {_listed(no_volume)}")
    thin = sessions[~np.isfinite(result.dix)]
    if len(thin):
        notes.append(f"too few members known, no index: {_listed(dict.fromkeys(thin.astype(str).tolist(), 0))}")
    gap = np.setdiff1d(sessions_between(sessions[0], sessions[-1]), sessions)
    if len(gap):
        notes.append(f"sessions without a file: {_listed(dict.fromkeys(gap.astype(str).tolist(), 0))}")
    return tuple(notes)


def _listed(found: Mapping[str, int]) -> str:
    """Names, with the sessions they stand for where those are counted."""
    words = [f"{name} ({count} sessions)" if count else name for name, count in list(found.items())[:_NAMED]]
    more = len(found) - len(words)
    return (", ".join(words) + (f" and {more} more" if more else "")) or "none"
