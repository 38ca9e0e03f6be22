"""``lightning falsify``: hypotheses go on record, then the files are read, then each claim is judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import cast

import numpy as np

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.content import read_content
from lightning_gex.adapters.market_data.intraday_file import read_intraday
from lightning_gex.adapters.market_data.positioning_history import read_history
from lightning_gex.adapters.market_data.series_files import read_flow, read_volatility_index
from lightning_gex.adapters.market_data.stale_open import default_fill_price
from lightning_gex.adapters.storage.workspace_files import replace_together
from lightning_gex.app.assembly.jobs import VOLATILITY_INDEX_TICKERS
from lightning_gex.app.assembly.positions import table_of_history
from lightning_gex.app.assembly.wiring import Stores, new_run_id
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Scalar
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.errors import InputError
from lightning_gex.core.events import AuditNoted
from lightning_gex.core.ports import Progress
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.units import DateArray1D
from lightning_gex.evaluation.claim_data import ClaimData, HalfHours, claim_data, half_hours_of
from lightning_gex.evaluation.falsification import Falsification, Tried, judged, periods_of, tried
from lightning_gex.evaluation.falsification_section import plain_findings, tally_words
from lightning_gex.evaluation.hypotheses import (
    DECISION_RULE,
    REGISTRY,
    VERSION,
    Hypothesis,
    own_hypotheses,
    registry_document,
    registry_hash,
)
from lightning_gex.evaluation.metrics import JsonValue

#: What the journal says before any file of outcomes is opened, and after the verdicts.
REGISTERED, JUDGED = "hypotheses_registered", "hypotheses_judged"
HYPOTHESES_FILE = "hypotheses.json"
_NAMED = 12  # underlyings a message lists


@dataclass(frozen=True, slots=True)
class ClaimFiles:
    """What claims are tested on; None where a file is not given.

    Parameters
    ----------
    bars : daily bars of the ticker.
    ticker : which.
    flow, history, volatility_index : as the commands take them.
    intraday : bars within the day.
    hypotheses : own ones, TOML.
    strike_step : USD between strikes; None leaves pinning untested.
    start, end : first and last session.
    split : from this session on a second period is judged for itself.
    """

    bars: Path
    ticker: str
    flow: Path | None = None
    history: Path | None = None
    volatility_index: Path | None = None
    intraday: Path | None = None
    hypotheses: Path | None = None
    strike_step: float | None = None
    start: date | None = None
    end: date | None = None
    split: date | None = None

    def paths(self) -> tuple[Path, ...]:
        """The files of data that are there."""
        return tuple(p for p in (self.bars, self.flow, self.history, self.volatility_index, self.intraday) if p)


@dataclass(frozen=True, slots=True, eq=False)
class FalsifiedClaims:
    """A run and where it is on record.

    Parameters
    ----------
    run_id : in the journal.
    registered_at : when the hypotheses went on record.
    data_hash : of the contents of every file.
    found : verdicts.
    """

    run_id: str
    registered_at: datetime
    data_hash: str
    found: Falsification

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        return self.found.notes

    def to_json_dict(self) -> dict[str, JsonValue]:
        """Everything as plain JSON values."""
        found = self.found
        return {
            "ticker": found.ticker,
            "run_id": self.run_id,
            "registered_at": self.registered_at.isoformat(),
            "registry_hash": found.registry_hash,
            "registry_version": VERSION,
            "decision_rule": DECISION_RULE,
            "data_hash": self.data_hash,
            "periods": {
                name: {
                    "first": str(first),
                    "last": str(last),
                    "verdicts": {verdict.value: count for verdict, count in found.tally(name).items()},
                }
                for name, (first, last) in found.periods.items()
            },
            "findings": plain_findings(found),
            "notes": list(found.notes),
        }


def falsify_claims(
    workspace: Workspace, files: ClaimFiles, folder: Path, *, seed: int = 0, progress: Progress
) -> FalsifiedClaims:
    """Put the hypotheses on record, then read the files, then judge every claim.

    Parameters
    ----------
    workspace : whose journal.
    files : to test on.
    folder : gets ``hypotheses.json`` before any outcome is read.
    seed : of the bootstrap.
    progress : shows how many claims are judged.

    Raises
    ------
    InputError : a file, or an own hypothesis, is wrong.
    StoreError : the folder or the journal cannot be written.
    """
    hypotheses = (*REGISTRY, *(() if files.hypotheses is None else read_hypotheses(files.hypotheses)))
    run_id, registered_at = _registered(workspace, hypotheses, files, folder)
    data = claims_on(files)
    periods = periods_of(*(None if d is None else np.datetime64(d, "D") for d in (files.start, files.end, files.split)))
    steps = progress(
        tried(data, hypotheses, periods, seed=seed), total=len(hypotheses) * len(periods), label="testing claims"
    )
    done = FalsifiedClaims(run_id, registered_at, _hash(files), judged(data, cast("Iterable[Tried]", steps)))
    tally = {name: tally_words(done.found, name) for name in done.found.periods}
    _noted(workspace, run_id, JUDGED, {"registry_hash": done.found.registry_hash, **tally}, SystemClock().now())
    return done


def claims_on(files: ClaimFiles) -> ClaimData:
    """Read the files and bring them onto the ticker's sessions, none later than ``end``.

    Raises
    ------
    InputError : a file is wrong, or the history holds nothing of the ticker.
    """
    there = read_bars(files.bars, tickers=[files.ticker], optional=VOLATILITY_INDEX_TICKERS)
    bars = there[files.ticker].between(None, None if files.end is None else np.datetime64(files.end, "D"))
    notes: list[str] = []
    index = None if files.volatility_index is None else read_volatility_index(files.volatility_index)
    named = next((name for name in VOLATILITY_INDEX_TICKERS if name in there), None)
    if index is None and named is not None and named != files.ticker:
        index = DatedSeries(there[named].session, {"close": there[named].close}, str(files.bars))
        notes.append(f"the volatility index is {named} of the bars file")
    if default_fill_price(files.ticker) is FillPrice.CLOSE:
        notes.append(f"the printed open of {files.ticker} is stale: entries are at the next close")
    half_hours = None if files.intraday is None else _half_hours(files.intraday, bars.session)
    history = None
    if files.history is not None:
        history, told = _history(files.history, bars)
        notes.extend(told)
    return claim_data(
        bars,
        flow=None if files.flow is None else read_flow(files.flow),
        volatility_index=index,
        history=history,
        half_hours=half_hours,
        strike_step=files.strike_step,
        notes=tuple(notes),
    )


def _history(file: Path, bars: Bars) -> tuple[DatedSeries, tuple[str, ...]]:
    """The ticker's positioning, its levels only where the chains stand on the bars' price scale."""
    history = read_history(file)
    own, notes = table_of_history(history, bars)
    if own is None:
        there = ", ".join(list(history.by_underlying)[:_NAMED])
        raise InputError(f"holds nothing of {bars.ticker}: it has {there}", source=str(file), field="underlying")
    return own, notes


def _half_hours(file: Path, sessions: DateArray1D) -> HalfHours:
    bars = read_intraday(file)
    return half_hours_of(bars.starts_at, bars.close, sessions)


def read_hypotheses(path: str | Path) -> tuple[Hypothesis, ...]:
    """A user's own hypotheses.

    Parameters
    ----------
    path : TOML, as ``evaluation.hypotheses.own_hypotheses`` takes it.

    Raises
    ------
    InputError : the file cannot be read, or a hypothesis of it is wrong.
    """
    content = read_content(path)
    return own_hypotheses(content.text_bytes().decode(), source=content.source)


def _registered(
    workspace: Workspace, hypotheses: tuple[Hypothesis, ...], files: ClaimFiles, folder: Path
) -> tuple[str, datetime]:
    """Put the hypotheses into the journal and beside where the answers will lie."""
    now = SystemClock().now()
    run_id, stamp = new_run_id("falsify", now), registry_hash(hypotheses)
    detail: dict[str, Scalar] = {
        "registry_hash": stamp,
        "registry_version": VERSION,
        "hypotheses": len(hypotheses),
        "own": len(hypotheses) - len(REGISTRY),
        "ticker": files.ticker,
    }
    _noted(workspace, run_id, REGISTERED, detail, now)
    document: dict[str, object] = {"registry_hash": stamp, "registered_at": now.isoformat(), "run_id": run_id}
    text = json.dumps({**document, **registry_document(hypotheses)}, indent=2) + "\n"
    replace_together(folder, {HYPOTHESES_FILE: text.encode()})
    return run_id, now


def _noted(workspace: Workspace, run_id: str, what: str, detail: Mapping[str, Scalar], now: datetime) -> None:
    stores = Stores.open(workspace)
    try:
        with stores.naming_the_store(), stores.journal(run_id) as journal:
            journal.append([AuditNoted(now, what, detail)])
    finally:
        stores.engine.dispose()


def _hash(files: ClaimFiles) -> str:
    digest = hashlib.sha256()
    for path in files.paths():
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
