"""What a command writes, and where: the place is checked before the long job, the files are made after it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lightning_gex.app.cli.documents import json_text
from lightning_gex.core.errors import SettingsError

#: What a file of pictures may be called.
PICTURE_SUFFIXES = (".html", ".png")
#: What a table's file may be called; ``evaluation.frames`` writes it.
TABLE_SUFFIXES = (".csv", ".parquet", ".json")

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lightning_gex.analytics.positioning_result import DealerPositioning
    from lightning_gex.app.workspace import Workspace
    from lightning_gex.core.units import Float64Array1D
    from lightning_gex.engine.result import RunResult
    from lightning_gex.evaluation.comparison import Beside
    from lightning_gex.evaluation.metrics import JsonValue, RunMetrics
    from lightning_gex.evaluation.run_tables import Tables


def check_output_folder(folder: Path) -> Path:
    """The absolute folder, once it is clear that it can be made and written. Makes nothing.

    Raises
    ------
    SettingsError : where it is a file, or it or the nearest folder above it cannot be written.
    """
    folder = _placed(folder, "--out")
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise SettingsError(f"--out {folder}: {nearest} is a file, not a folder: name another")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise SettingsError(f"--out {folder}: {nearest} cannot be written: name another or change its permissions")
    return folder


def check_output_file(file: Path, option: str) -> Path:
    """The absolute file, once it is clear that it can be written. Raises ``SettingsError``."""
    file = _placed(file, option)
    if file.is_dir():
        raise SettingsError(f"{option} {file} is a folder: name a file in it")
    if not file.parent.is_dir():
        raise SettingsError(f"{option} {file}: there is no folder {file.parent}")
    if not os.access(file.parent, os.W_OK | os.X_OK) or (file.exists() and not os.access(file, os.W_OK)):
        raise SettingsError(f"{option} {file} cannot be written: name another or change its permissions")
    return file


def check_table_file(file: Path, option: str, suffixes: tuple[str, ...] = TABLE_SUFFIXES) -> Path:
    """As ``check_output_file``, for a table: its suffix says how it is written. Raises ``SettingsError``."""
    if file.suffix.lower() not in suffixes:
        raise SettingsError(f"{option} {file}: end its name in {' or '.join(suffixes)}, which says how it is written")
    return check_output_file(file, option)


def check_not_input(file: Path, option: str, given: Path) -> None:
    """Refuse to write over what is read. Raises ``SettingsError``."""
    is_there = os.path.exists(given)  # noqa: PTH110 - a name that is too long is not there either
    if is_there and file.exists() and file.samefile(given):
        raise SettingsError(f"{option} {file} is the file that is read: name another")


def _placed(path: Path, option: str) -> Path:
    """The absolute path, once the system can say whether it is there."""
    try:
        absolute = path.expanduser().absolute()
        absolute.exists()
    except RuntimeError as error:  # ~nobody
        raise SettingsError(f"{option} {path}: {error}".rstrip(".")) from None
    except OSError as error:
        raise SettingsError(f"{option} {path}: {(error.strerror or str(error)).lower()}: name another") from None
    return absolute


def run_files(
    run: RunResult,
    metrics: RunMetrics,
    *,
    positioning: DealerPositioning | None,
    beside: str | None = None,
    baseline: Beside | None = None,
    curves: Mapping[str, Float64Array1D] | None = None,
    kind: str = "backtest",
    figures: Mapping[str, JsonValue] | None = None,
    tables: Tables | None = None,
) -> dict[str, bytes]:
    """What a run leaves behind, whole: report, summary, figures, and every table behind them.

    Parameters
    ----------
    run, metrics : the run and its figures.
    positioning : the last chain's, for the report's exposure profile; None where there was no chain.
    beside : HTML of what the run is compared with; None where it is with nothing.
    baseline : the run without any enhancement, for the headlines; None where there is none.
    curves : name -> (m,) equity of other runs over the same sessions, drawn beside the run's own.
    kind : the command that made it.
    figures : what ``report.json`` holds; None takes the run's own.
    tables : further tables.
    """
    from lightning_gex.evaluation.report import report_html
    from lightning_gex.evaluation.report_files import ReportFiles
    from lightning_gex.evaluation.run_tables import run_tables
    from lightning_gex.evaluation.summary_image import summary_images, summary_sheet

    sheet = summary_sheet(run, metrics, curves=curves)
    page = report_html(run, metrics, positioning=positioning, beside=beside, baseline=baseline, curves=curves)
    own = {"run_id": run.run_id, "initial_capital": run.initial_capital, **metrics.to_json_dict()}
    report = ReportFiles(
        kind=kind,
        title=sheet.title,
        page=("report.html", page),
        figures=own if figures is None else {**own, **figures},
        tables={**run_tables(run, metrics), **(tables or {})},
        beside=("decisions", "trades"),
        images=summary_images(sheet),
    )
    return {**report.contents(), "metrics.json": json_text(metrics.to_json_dict()).encode()}


def write_report(workspace: Workspace, folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a report's files together, and let ``lightning report`` find them again.

    Parameters
    ----------
    workspace : whose report it is.
    folder : from ``check_output_folder``.
    files : with a ``report.json`` among them, as :class:`ReportFiles` makes it.

    Raises
    ------
    StoreError : naming what cannot be written.
    """
    from lightning_gex.adapters.storage.workspace_files import replace_together
    from lightning_gex.app.assembly.report_register import register_report

    replace_together(folder, files)
    register_report(workspace, folder)
