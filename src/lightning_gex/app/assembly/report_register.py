"""Which reports a workspace's commands wrote, and where: so that the newest one is found again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.storage.file_lock import exclusive
from lightning_gex.adapters.storage.workspace_files import PRIVATE, write_atomically
from lightning_gex.core.errors import InputError
from lightning_gex.evaluation.report_files import FORMAT, REPORT_FILE

if TYPE_CHECKING:
    from lightning_gex.app.workspace import Workspace

_REGISTER, _LOCK = "reports.json", "reports.lock"  # in the workspace's folder of reports
_MOST_KEPT = 200  # entries: more are forgotten, oldest first; the reports themselves stay


@dataclass(frozen=True, slots=True)
class RegisteredReport:
    """One report.

    Parameters
    ----------
    folder : absolute.
    page : file name of its HTML page.
    kind, title : what it is.
    written_at : ISO 8601, UTC.
    """

    folder: str
    page: str
    kind: str
    title: str
    written_at: str

    @property
    def path(self) -> Path:
        """Of the page."""
        return Path(self.folder) / self.page

    @property
    def there(self) -> bool:
        """Whether the page still is."""
        return self.path.is_file()


def register_report(workspace: Workspace, folder: Path, *, at: datetime | None = None) -> RegisteredReport:
    """Note that a report lies in a folder; one that lay there before is replaced.

    Raises
    ------
    InputError : the folder holds no report.
    StoreError : the register cannot be written.
    """
    found = report_in(folder, at or SystemClock().now())
    with exclusive(workspace.reports / _LOCK, "the register of reports"):
        others = [one for one in registered_reports(workspace) if one.folder != found.folder]
        kept = [*others, found][-_MOST_KEPT:]
        text = json.dumps([asdict(one) for one in kept], indent=2, ensure_ascii=True)
        write_atomically(workspace.reports / _REGISTER, text.encode(), PRIVATE)
    return found


def registered_reports(workspace: Workspace) -> list[RegisteredReport]:
    """The reports that were written, oldest first; those whose page is gone are among them.

    Raises
    ------
    InputError : the register is no register: remove it, the reports themselves stay.
    """
    file = workspace.reports / _REGISTER
    if not file.exists():
        return []
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return [RegisteredReport(**{name: str(row[name]) for name in RegisteredReport.__slots__}) for row in rows]
    except OSError as error:
        raise InputError(f"cannot be read: {(error.strerror or '').lower()}", source=str(file)) from error
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise InputError("is no list of reports: remove it, the reports themselves stay", source=str(file)) from error


def report_in(folder: Path, written_at: datetime | None = None) -> RegisteredReport:
    """The report that a folder holds.

    Raises
    ------
    InputError : there is none, or its ``report.json`` is not what a command writes.
    """
    document = report_document(folder)
    page, kind, title = (document.get(key) for key in ("page", "kind", "title"))
    if not (isinstance(page, str) and isinstance(kind, str) and isinstance(title, str)) or Path(page).name != page:
        raise InputError(f"names no page: it is no {FORMAT}", source=str(folder / REPORT_FILE))
    when = "" if written_at is None else written_at.isoformat(timespec="seconds")
    return RegisteredReport(str(folder.absolute()), page, kind, title, when)


def report_document(folder: Path) -> dict[str, Any]:
    """The ``report.json`` of a folder. Raises ``InputError`` where there is none or it is no report's."""
    file = folder / REPORT_FILE
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError("no such file: name a folder that a command wrote a report into", source=str(file)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {(error.strerror or '').lower()}", source=str(file)) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON: {error}", source=str(file)) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f"is no {FORMAT}: let the command write it again", source=str(file))
    return document
