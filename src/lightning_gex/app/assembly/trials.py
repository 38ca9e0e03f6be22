"""What a run counts as among all that were tried: the sessions it is judged on, and everything else that shapes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

import numpy as np

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.storage.trials import SqlTrials
from lightning_gex.agents.registry import installed_agents
from lightning_gex.analytics.trials import JudgedData, TrialCount
from lightning_gex.app.assembly.policies import POLICY_FILE, SHIPPED
from lightning_gex.app.assembly.shipped import ARCHIVE_FILE, DIGESTS, is_champion
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from lightning_gex.core.series import DatedSeries
from lightning_gex.engine.inputs import MarketInputs

#: By its first year one source is told from another, and what is appended to it later leaves it as it is.
_TELLING_ROWS = 252
_SERIES = ("flow", "volatility_index", "market", "rates")


def put_on_record(
    workspace: Workspace,
    data: JudgedData | str,
    tried: Mapping[str, float],
    *,
    former: tuple[str, JudgedData] | None = None,
) -> None:
    """Count these variants among all that were ever tried on the data.

    Parameters
    ----------
    workspace : whose store.
    data, former : as ``SqlTrials.add`` takes them.
    tried : variant hash -> Sharpe ratio per session, NaN where it never traded or has not ended yet.
    """
    stores = Stores.open(workspace)
    try:
        SqlTrials(stores.engine).add(data, tried, SystemClock().now(), former=former)
    finally:
        stores.engine.dispose()


def tried_so_far(workspace: Workspace, data: JudgedData | str) -> TrialCount:
    """What was tried on these data, and on all that overlap them, in a workspace; with what the defaults came from."""
    stores = Stores.open(workspace)
    try:
        return SqlTrials(stores.engine).count(data)
    finally:
        stores.engine.dispose()


def sizing_digest(workspace: Workspace) -> str:
    """Hexadecimal, of the policy that sizes in a workspace; empty where Kelly does."""
    if not workspace.settings.enhancements.rl_sizing:
        return ""
    own = workspace.home / POLICY_FILE
    if workspace.settings.sizing.policy != SHIPPED and own.exists():
        return hashlib.sha256(own.read_bytes()).hexdigest()
    return DIGESTS[ARCHIVE_FILE] if workspace.settings.sizing.policy == SHIPPED or is_champion() else ""


def beside_digests(workspace: Workspace) -> list[str]:
    """Of what shapes a run beside its inputs and its settings: the files that these name, and the installed agents."""
    named = workspace.settings.universe
    files = [hashlib.sha256((workspace.home / name).read_bytes()) for name in (named.sectors, named.events) if name]
    return [*(digest.hexdigest() for digest in files), *sorted(agent.name for agent in installed_agents())]


def inputs_digest(inputs: MarketInputs) -> str:
    """Hexadecimal, of every value of the inputs; the form of the files they came in does not shape it."""
    digest = hashlib.sha256()
    for name, value in _digests(inputs, None):
        digest.update(f"{name}\0{value}\0".encode())
    return digest.hexdigest()


def inputs_told_apart(inputs: MarketInputs, tickers: Iterable[str]) -> list[str]:
    """What tells inputs from others on the same bars of the tickers traded: other flow, other tickers for breadth.

    Only the first year of each counts, so that a history with a session appended is the same source as before.
    """
    traded = set(tickers)
    return [f"{name} {value}" for name, value in _digests(inputs, _TELLING_ROWS) if name not in traded]


def _digests(inputs: MarketInputs, rows: int | None) -> Iterator[tuple[str, str]]:
    """Name and digest of each table, of its first rows or of all."""
    for ticker, bars in sorted(inputs.bars.items()):
        yield ticker, _of_columns(_columns_of(bars), rows)
    tables = {name: getattr(inputs, name) for name in _SERIES}
    tables |= {f"positioning of {ticker}": series for ticker, series in inputs.positioning.items()}
    for name, series in sorted(tables.items()):
        if series is not None:
            yield f"table {name}", _of_columns(_columns_of(series), rows)


def _columns_of(table: Bars | DatedSeries) -> dict[str, np.ndarray]:
    columns = (
        table.columns
        if isinstance(table, DatedSeries)
        else {f.name: getattr(table, f.name) for f in fields(table) if f.name not in ("ticker", "session", "source")}
    )
    return {"session": table.session.astype("datetime64[D]").astype(np.int64), **dict(sorted(columns.items()))}


def _of_columns(columns: Mapping[str, np.ndarray], rows: int | None) -> str:
    digest = hashlib.sha256()
    for name, values in columns.items():
        digest.update(name.encode() + b"\0")
        digest.update(np.ascontiguousarray(values[:rows] + 0.0, dtype="<f8").tobytes())  # minus zero is zero
    return digest.hexdigest()
