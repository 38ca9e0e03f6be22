"""A whole market's chains in, one row of figures an underlying out, a book at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lightning_gex.adapters.market_data.market_file import CONTRACTS_A_BOOK, contracts_in, read_books
from lightning_gex.adapters.market_data.market_rows import LeftOut
from lightning_gex.analytics.market_scan import MarketScan, market_scans
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.core.errors import InputError, InsufficientDataError
from lightning_gex.core.ports import Progress
from lightning_gex.evaluation.frames import Frame, frame, largest_rows, stacked, with_share


@dataclass(frozen=True, slots=True, eq=False)
class ScannedMarket:
    """Figures of every underlying of a market.

    Parameters
    ----------
    table : one row an underlying and moment, in the files' order; statuses other than ``ok`` have no figures.
    contracts : rows the files hold.
    statuses : word of ``MarketScan.status_name`` -> underlyings.
    left_out : underlyings that are no chain at all, and why.
    dealer_model : the assumption behind every signed figure.
    """

    table: Frame
    contracts: int
    statuses: Mapping[str, int]
    left_out: tuple[LeftOut, ...]
    dealer_model: str


def scan_market(
    path: Path,
    *,
    dealer_model: str = "naive",
    clock: TimeClock = TimeClock.CALENDAR,
    value_early_exercise: bool = False,
    workers: int = 1,
    progress: Progress,
) -> ScannedMarket:
    """Dealer positioning of every underlying of a market.

    Parameters
    ----------
    path : a Parquet file of our own chain table, or a folder of them.
    dealer_model, clock, value_early_exercise : as ``market_scan``.
    workers : threads; with more than one, the next rows are read while these are looked at.
    progress : shows how far it is.

    Raises
    ------
    InputError : a file cannot be read as chains.
    InsufficientDataError : not one underlying has figures.
    SettingsError : unknown dealer model, no worker.
    """
    contracts = contracts_in(path)
    books = read_books(path)
    total = max(math.ceil(contracts / CONTRACTS_A_BOOK), 1)
    tables: list[Frame] = []
    statuses: Counter[str] = Counter()
    scans = market_scans(
        books, dealer_model=dealer_model, clock=clock, value_early_exercise=value_early_exercise, workers=workers
    )
    for found in cast("Iterable[MarketScan]", progress(scans, total=total, label="scanning the market")):
        statuses.update(found.status_name.tolist())
        tables.append(frame(found))
    if not tables:
        raise InputError("holds no contracts", source=str(path))
    if not statuses["ok"]:
        told = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in statuses.most_common())
        raise InsufficientDataError(f"not one underlying has figures: {told}", source=str(path))
    return ScannedMarket(stacked(tables), contracts, dict(statuses), tuple(books.left_out), dealer_model)


def ranked_market(found: ScannedMarket, column: str, top: int) -> list[dict[str, Any]]:
    """The underlyings with the largest figures, in size, of a column; those without it are left out.

    Parameters
    ----------
    found : the scan.
    column : a number of the table, or ``expected_move_share``: one session's expected move over spot.
    top : how many at most.
    """
    rows = largest_rows(with_share(found.table, "expected_move_share", "expected_move_usd", "spot"), column, top)
    return list(rows.iter_rows(named=True))
