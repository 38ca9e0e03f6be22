"""A folder of chain files becomes a table of daily positioning features, file by file, restartable at any point."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import cast

import numpy as np

from lightning_gex.adapters.market_data.chain_files import chain_of
from lightning_gex.adapters.market_data.chain_table import NAME as TABLE_FORMAT
from lightning_gex.adapters.market_data.content import unpacked
from lightning_gex.adapters.market_data.market_file import is_chain_parquet, read_books
from lightning_gex.adapters.market_data.positioning_history import history_bytes, history_frame, read_history
from lightning_gex.adapters.market_data.stale_open import plain_symbol, same_underlying
from lightning_gex.adapters.processes import each
from lightning_gex.adapters.storage.history_journal import FileRecord, HistoryJournal, open_journal
from lightning_gex.adapters.storage.workspace_files import write_atomically
from lightning_gex.analytics import dealer_models
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.market_scan import market_scan
from lightning_gex.analytics.options_features import (
    charm_pressure,
    days_to_next_session,
    gex_signal,
    vanna_sensitivity,
)
from lightning_gex.analytics.positioning_features import (
    FEATURES_VERSION,
    FeatureValue,
    positioning_features,
    scanned_features,
)
from lightning_gex.core.book import chain_of as chain_of_book
from lightning_gex.core.errors import InputError, InsufficientDataError, SettingsError
from lightning_gex.core.ports import Progress
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import session_close_utc, to_aware
from lightning_gex.core.units import Float64Array1D
from lightning_gex.core.version import __version__
from lightning_gex.evaluation.frames import Frame

#: Index options trade until a quarter of an hour after the close (Cboe trading hours): such a chain still is the day's.
GRACE_AFTER_CLOSE = np.timedelta64(15, "m")
JOURNAL_SUFFIX = ".journal"
_NAMED = 12  # underlyings a message lists

Row = Mapping[str, FeatureValue]


@dataclass(frozen=True, slots=True)
class HistoryExtent:
    """What a history holds of one underlying: sessions, the first and the last, the least coverage of open interest."""

    underlying: str
    sessions: int
    first: date
    last: date
    least_coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class BuiltHistory:
    """What a build did.

    Parameters
    ----------
    table : one row an underlying and session, as written.
    underlyings : what the table holds of each.
    read, unchanged : chain files read now, and those known from an earlier build.
    bad : file -> why it gives no row.
    superseded : chains of a session in which another one counts.
    gone : files that are no longer there and whose rows are kept.
    notes : what a reader must know.
    """

    table: Frame
    underlyings: tuple[HistoryExtent, ...]
    read: int
    unchanged: int
    bad: Mapping[str, str]
    superseded: int
    gone: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """One file to look at: small, since it travels to another process."""

    path: str
    name: str
    known_hashes: frozenset[str]
    dealer_model: str
    chain_format: str | None
    made_with: str
    underlyings: tuple[str, ...]


def build_history(
    folder: Path,
    out: Path,
    *,
    underlyings: Sequence[str] = (),
    dealer_model: str = "naive",
    chain_format: str | None = None,
    workers: int = 1,
    prune: bool = False,
    progress: Progress,
) -> BuiltHistory:
    """Read what is new or changed in a folder of chain files, and write the table of all.

    Every finished file is journaled beside the table, so that a build which was interrupted or killed goes on where it
    was. Of several chains of one session the last one up to a quarter of an hour after the close counts, else the first
    one after that. A file that gives no chain is named and does not stop the rest.

    Parameters
    ----------
    folder : searched with its subfolders; hidden files are passed over.
    out : the table, Parquet. Its journal stands beside it, with ``.journal`` added to the name.
    underlyings : which to keep; none keeps all.
    dealer_model : a registered name, the same for the whole table.
    chain_format : as ``read_chain``; None recognises each file.
    workers : processes that read.
    prune : drop the rows of files that are no longer there.
    progress : shows how far it is.

    Raises
    ------
    InputError : the folder is none or holds no file.
    InsufficientDataError : not one file gives a chain.
    SettingsError : unknown dealer model, or fewer than one worker.
    RefusedError : another process is building the same table.
    StoreError : the table or its journal cannot be written.
    """
    model = dealer_models.by_name(dealer_model)
    if workers < 1:
        raise SettingsError(f"workers must be at least 1, not {workers}")
    files = _files_in(folder, out)
    made_with = "/".join((FEATURES_VERSION, model.name, model.version, chain_format or ""))
    with open_journal(out.with_name(out.name + JOURNAL_SUFFIX)) as journal:
        here = {str(path) for path in files}
        gone = {path for path, record in journal.records.items() if path not in here}
        wanted = tuple(sorted({plain_symbol(name) for name in underlyings}))
        known = {
            record.content_hash: record
            for record in journal.records.values()
            if record.made_with == made_with and not record.problem and _holds(record, wanted)
        }
        like = _Task("", "", frozenset(known), dealer_model, chain_format, made_with, wanted)
        tasks = _tasks(files, folder, journal, like)
        foreign = {path for path in gone if journal.records[path].made_with != made_with}
        journal.forget(gone if prune else foreign)
        _read_all(tasks, known, journal, workers, progress)
        built = _built(journal, len(tasks), here, underlyings)
        write_atomically(out, history_bytes(built.table))
        journal.compact()
    return built


def _files_in(folder: Path, out: Path) -> list[Path]:
    if not os.path.isdir(folder):  # noqa: PTH112 - a name that is too long is no folder either
        raise InputError("is no folder: name the folder that holds the chain files", source=str(folder))
    own = {out.absolute(), out.absolute().with_name(out.name + JOURNAL_SUFFIX)}
    root = folder.absolute()
    found = sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    files = [path for path in found if path not in own and path.suffix != JOURNAL_SUFFIX]
    if not files:
        raise InputError("the folder holds no files: name the folder that holds the chain files", source=str(folder))
    return files


def _tasks(files: Sequence[Path], folder: Path, journal: HistoryJournal, like: _Task) -> list[_Task]:
    """The files that an earlier build has not finished as they are now."""
    root = folder.absolute()
    return [
        replace(like, path=str(path), name=path.relative_to(root).as_posix())
        for path in files
        if not _finished(journal.records.get(str(path)), path, like)
    ]


def _finished(record: FileRecord | None, path: Path, like: _Task) -> bool:
    if record is None or record.made_with != like.made_with or not _holds(record, like.underlyings):
        return False
    if record.problem is not None and record.program != __version__:
        return False
    try:
        now = path.stat()
    except OSError:
        return False
    return (record.size, record.modified_ns) == (now.st_size, now.st_mtime_ns)


def _holds(record: FileRecord, wanted: tuple[str, ...]) -> bool:
    """Whether the rows of all the underlyings wanted (none: of all there are) were looked for."""
    return not record.only or (bool(wanted) and set(wanted) <= set(record.only))


def _read_all(
    tasks: Sequence[_Task],
    known: Mapping[str, FileRecord],
    journal: HistoryJournal,
    workers: int,
    progress: Progress,
) -> None:
    results = progress(each(_read_one, tasks, workers=workers), total=len(tasks), label="reading chains")
    for record, seen_before in cast("Iterable[tuple[FileRecord, bool]]", results):
        if seen_before:
            like = known[record.content_hash]
            record = replace(record, underlying=like.underlying, rows=like.rows, only=like.only, thin=like.thin)
        journal.append(record)


def _read_one(task: _Task) -> tuple[FileRecord, bool]:
    """What one file gives, and whether its bytes are known already (then without rows)."""
    path = Path(task.path)
    blank = FileRecord(task.path, task.name, -1, -1, "", task.made_with, program=__version__)
    try:
        before = path.stat()
        data = path.read_bytes()
    except OSError as error:
        return replace(blank, problem=f"cannot be read: {error.strerror or error}"), False
    # The time is taken before the bytes: a file that changes meanwhile is read again next time.
    record = replace(
        blank,
        size=before.st_size,
        modified_ns=before.st_mtime_ns,
        content_hash=hashlib.sha256(data).hexdigest(),
    )
    if record.content_hash in task.known_hashes:
        return record, True
    try:
        if task.chain_format in (None, TABLE_FORMAT) and is_chain_parquet(path, data):
            return _market_record(record, path, task), False
        chain = chain_of(unpacked(data, task.name), format=task.chain_format)
        record = replace(record, underlying=chain.underlying)
        row = positioning_features(positioning(chain, dealer_model=task.dealer_model))
    except InputError as error:
        problem = InputError(error.problem, row=error.row, field=error.field)  # the file is named beside it
        return replace(record, problem=str(problem)), False
    except MemoryError:  # not the file's fault: it is read again next time
        raise
    except Exception as error:  # one file that nobody thought of must not cost a night's work on the others
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return replace(record, problem=f"a fault of the program ({what}): report it with the file"), False
    return replace(record, rows=(row,)), False


def _market_record(record: FileRecord, path: Path, task: _Task) -> FileRecord:
    """What a Parquet file of our own chain table gives, which may hold many chains.

    Raises
    ------
    InputError : it cannot be read, or holds one chain alone and that gives no row.
    """
    books = read_books(path, threads=False)  # the workers of a build are its processes
    rows: list[Row] = []
    found: Sequence[Row] = ()
    met, thin, book = 0, 0, None
    for book in books:
        scan = market_scan(book, dealer_model=task.dealer_model, value_early_exercise=True)  # as positioning does
        found = scanned_features(scan)
        met, thin = met + len(scan), thin + len(scan) - len(found)
        rows.extend(row for row in found if _wanted(str(row["underlying"]), task.underlyings))
    if met == 1 and book is not None and not books.left_out:
        if not found:
            positioning(chain_of_book(book, 0), dealer_model=task.dealer_model)  # says what is wrong with it
        return replace(record, rows=tuple(found), underlying=book.underlying[0])
    if thin == met:
        raise InsufficientDataError(f"not one of its {met + len(books.left_out)} chains gives a row")
    return replace(record, rows=tuple(rows), only=task.underlyings, thin=thin + len(books.left_out))


def _built(journal: HistoryJournal, read: int, here: set[str], underlyings: Sequence[str]) -> BuiltHistory:
    known = sorted(journal.records.values(), key=lambda record: record.name)
    records = [r for r in known if _wanted(r.underlying, underlyings)]
    bad = {record.name: record.problem for record in records if record.problem is not None and record.path in here}
    chains: dict[tuple[object, object], list[tuple[Row, FileRecord]]] = {}
    for record in records:
        for row in record.rows:
            if not _wanted(str(row["underlying"]), underlyings):
                continue
            chains.setdefault((row["underlying"], row["session"]), []).append((row, record))
    if not chains:
        first = next(iter(bad.items()), None)
        told = f" (the first: {first[0]}: {first[1]})" if first else ""
        raise InsufficientDataError(f"not one of {len(known)} files gives a row{told}", source=str(journal.path.parent))
    rows = [_table_row(*_counting(found)) for found in chains.values()]
    distinct = [len({record.content_hash for _, record in found}) for found in chains.values()]
    gone = sum(1 for record in records if record.path not in here and record.rows)
    thin = sum(record.thin for record in records)
    superseded = sum(distinct) - len(rows)
    return BuiltHistory(
        table=history_frame(rows),
        underlyings=_extents(rows),
        read=read,
        unchanged=len(here) - read,
        bad=bad,
        superseded=superseded,
        gone=gone,
        notes=_notes(rows, gone, superseded, thin),
    )


def _extents(rows: Sequence[Row]) -> tuple[HistoryExtent, ...]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row["underlying"]), []).append(row)
    extents = []
    for name, own in sorted(found.items()):
        days = sorted(cast("date", row["session"]) for row in own)
        coverage = min(cast("float", row["open_interest_coverage"]) for row in own)
        extents.append(HistoryExtent(name, len(days), days[0], days[-1], coverage))
    return tuple(extents)


def _wanted(underlying: str, underlyings: Sequence[str]) -> bool:
    """Whether a chain is kept; a file of which not even the symbol could be read is."""
    return not underlyings or not underlying or any(same_underlying(underlying, wanted) for wanted in underlyings)


def _table_row(row: Row, record: FileRecord) -> Row:
    origin = {"source": record.name, "content_hash": record.content_hash, "features_version": FEATURES_VERSION}
    return {**row, **origin}


def _counting(chains: Sequence[tuple[Row, FileRecord]]) -> tuple[Row, FileRecord]:
    """The chain of a session that counts: the last up to the close and its grace, else the first after that."""
    if len(chains) == 1:
        return chains[0]
    session = np.array([chains[0][0]["session"]], dtype="datetime64[D]")
    limit = to_aware(session_close_utc(session)[0] + GRACE_AFTER_CLOSE)
    ordered = sorted(chains, key=lambda chain: (_as_of(chain[0]), chain[1].name))
    early = [chain for chain in ordered if _as_of(chain[0]) <= limit]
    return early[-1] if early else ordered[0]


def _as_of(row: Row) -> datetime:
    return cast("datetime", row["as_of"])


def _notes(rows: Sequence[Row], gone: int, superseded: int, thin: int) -> tuple[str, ...]:
    notes = []
    if thin:
        notes.append(f"{thin} chains of files that hold several are too thin for a row: lightning scan names each")
    if superseded:
        notes.append(f"{superseded} chains of sessions that have a later one before the close do not count")
    if gone:
        notes.append(f"{gone} files are no longer there and their rows are kept: --prune drops them")
    modelled = Counter(bool(row["modelled"]) for row in rows)[True]
    if modelled:
        notes.append(f"{modelled} rows come from modelled chains, quoted by no market")
    return tuple(notes)


@dataclass(frozen=True, slots=True, eq=False)
class RankedHistory:
    """The features of one underlying by session, beside the ranks that agents read.

    Parameters
    ----------
    underlying, dealer_model : of the table.
    features : every number of the table.
    ranks : ``gex_signal, charm_pressure, vanna_sensitivity`` -> (n,) in [-1, 1]; NaN while there are too few sessions.
    """

    underlying: str
    dealer_model: str
    features: DatedSeries
    ranks: Mapping[str, Float64Array1D]


def ranked_history(file: Path, *, underlyings: Sequence[str] = ()) -> tuple[RankedHistory, ...]:
    """The underlyings of a history, ranked.

    Raises
    ------
    InputError : it is no history, or holds none of an underlying asked for.
    """
    history = read_history(file)
    chosen = dict(history.by_underlying)
    if underlyings:
        for wanted in underlyings:
            if history.of(wanted) is None:
                there = ", ".join(list(history.by_underlying)[:_NAMED])
                raise InputError(f"holds nothing of {wanted}: it has {there}", source=str(file), field="underlying")
        chosen = {n: s for n, s in chosen.items() if any(same_underlying(n, wanted) for wanted in underlyings)}
    return tuple(RankedHistory(n, history.dealer_model, s, ranks_of(s)) for n, s in chosen.items())


#: What the ranks are made of.
_RANKED = (
    "gamma_exposure_usd_per_pct", "charm_exposure_usd_per_day", "vanna_exposure_usd_per_vol_point", "implied_vol",
)  # fmt: skip


def ranks_of(features: DatedSeries) -> dict[str, Float64Array1D]:
    """The ranks of a history's own sessions, as the engine makes them of bars' sessions.

    Raises
    ------
    InputError : a column that they are made of is not there.
    """
    known = features.columns
    absent = [name for name in _RANKED if name not in known]
    if absent:
        raise InputError(f"holds no {', '.join(absent)}: give the features of a history", source=features.source)
    days = days_to_next_session(features.session)
    return {
        "gex_signal": gex_signal(known["gamma_exposure_usd_per_pct"]),
        "charm_pressure": charm_pressure(known["charm_exposure_usd_per_day"], days),
        "vanna_sensitivity": vanna_sensitivity(known["vanna_exposure_usd_per_vol_point"], known["implied_vol"]),
    }
