"""What the library does beside the numbers: build a history, draw a positioning, write a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from lightning_gex.adapters.storage.workspace_files import write_atomically
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.app.assembly.history import BuiltHistory, build_history
from lightning_gex.app.assembly.positions import positioning_picture
from lightning_gex.app.assembly.scan import ScannedMarket, scan_market
from lightning_gex.evaluation.frames import frame, table_bytes


def history(
    folder: str | Path,
    out: str | Path,
    *,
    underlyings: Sequence[str] = (),
    dealer_model: str = "naive",
    format: str | None = None,  # noqa: A002 - as read_chain calls it
    workers: int = 1,
    prune: bool = False,
) -> BuiltHistory:
    """Turn a folder of chain files into a table of daily features, reading only what is new or changed.

    Parameters
    ----------
    folder : searched with its subfolders, any known format, several underlyings and sessions mixed.
    out : the table, Parquet; its journal stands beside it.
    underlyings : which to keep; none keeps all.
    dealer_model : a registered name. With several workers only the built-in ones are known to all of them.
    format : as ``read_chain``; None recognises each file.
    workers : processes that read.
    prune : drop the rows of files that are no longer there.

    Returns
    -------
    BuiltHistory: ``table`` is the polars frame, ``bad`` names the files that gave no row, and why.

    Raises
    ------
    As ``app.assembly.history.build_history``.
    """
    return build_history(
        Path(folder),
        Path(out),
        underlyings=underlyings,
        dealer_model=dealer_model,
        chain_format=format,
        workers=workers,
        prune=prune,
        progress=_in_silence,
    )


def scan(
    path: str | Path,
    *,
    dealer_model: str = "naive",
    clock: TimeClock = TimeClock.CALENDAR,
    value_early_exercise: bool = False,
    workers: int = 1,
) -> ScannedMarket:
    """Dealer positioning of every underlying of a market file, or of a folder of them; ``table`` is the polars frame.

    Arguments and errors are those of ``app.assembly.scan.scan_market``.
    """
    return scan_market(
        Path(path),
        dealer_model=dealer_model,
        clock=clock,
        value_early_exercise=value_early_exercise,
        workers=workers,
        progress=_in_silence,
    )


def plot(found: DealerPositioning, path: str | Path) -> Path:
    """Write the pictures of a positioning: a page (``.html``) or an image (``.png``); the path.

    Raises
    ------
    SettingsError : another suffix.
    StoreError : the file cannot be written.
    """
    file = Path(path)
    write_atomically(file, positioning_picture(found, file.suffix.lower()))
    return file


def write(result: object, path: str | Path) -> Path:
    """Write what ``frame`` makes a table of as CSV, Parquet or JSON, by the suffix of the name; the path.

    Raises
    ------
    InputError : there is no table in it.
    SettingsError : another suffix.
    StoreError : the file cannot be written.
    """
    file = Path(path)
    write_atomically(file, table_bytes(frame(result), file))
    return file


def _in_silence(items: Iterable[object], *, total: int, label: str) -> Iterable[object]:
    return items
