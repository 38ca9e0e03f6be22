"""The journal for people and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from lightning_gex.adapters.storage.codec import encode, utc_text
from lightning_gex.adapters.storage.redacted import payload_without_secrets
from lightning_gex.adapters.storage.workspace_files import READABLE, write_atomically
from lightning_gex.core.errors import SettingsError, shown
from lightning_gex.core.events import Event
from lightning_gex.core.ports import JournalRecord
from lightning_gex.security.redaction import KNOWN_SECRETS

_COLUMNS = ("sequence", "run_id", "at", "kind", "ticker", "payload", "digest")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last: full width


class ExportFormat(StrEnum):
    """What an export can be written as."""

    JSON = "json"
    CSV = "csv"

    @classmethod
    def of(cls, path: Path) -> ExportFormat:
        """The format a file name asks for. Raises ``SettingsError`` where it asks for none we write."""
        try:
            return cls(path.suffix.removeprefix(".").lower())
        except ValueError:
            raise SettingsError(f"{path.name}: an export ends in .json or .csv, or name the format") from None


def export_audit(records: Iterable[JournalRecord], path: Path, fmt: ExportFormat | str | None = None) -> int:
    """Write journal records to a file, whole or not at all.

    JSON is an array of ``{sequence, run_id, at, kind, ticker, digest, event}``. CSV has the same columns with the event
    as JSON in ``payload``; a text that a spreadsheet would run as a formula gets an apostrophe before it.

    Parameters
    ----------
    records : as ``Journal.read`` gives them; consumed one by one.
    path : target; its folder must exist.
    fmt : ``json`` or ``csv``; None goes by the name of the file.

    Returns
    -------
    The number of records written.

    Raises
    ------
    SettingsError : another format.
    StoreError : the file cannot be written.
    """
    try:
        chosen = ExportFormat.of(path) if fmt is None else ExportFormat(fmt)
    except ValueError:
        raise SettingsError(f"an export is written as json or csv, not {shown(fmt)}") from None
    counted = _Counted(records)
    pieces = _json_pieces(counted) if chosen is ExportFormat.JSON else _csv_pieces(counted)
    write_atomically(path, pieces, READABLE)
    return counted.count


def spreadsheet_safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP, CSV Injection)."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


class _Counted:
    def __init__(self, records: Iterable[JournalRecord]) -> None:
        self._records = records
        self.count = 0

    def __iter__(self) -> Iterator[JournalRecord]:
        for record in self._records:
            self.count += 1
            yield record


def _json_pieces(records: Iterable[JournalRecord]) -> Iterator[bytes]:
    separator = "[\n"
    for record in records:
        head = json.dumps(
            {
                "sequence": record.sequence,
                "run_id": record.run_id,
                "at": utc_text(record.event.at, field="at"),
                "kind": record.event.kind,
                "ticker": ticker_of(record.event),
                "digest": record.digest,
            }
        )
        yield f'{separator}{head[:-1]}, "event": {_payload(record.event)}}}'.encode()
        separator = ",\n"
    yield b"[]\n" if separator == "[\n" else b"\n]\n"


def _csv_pieces(records: Iterable[JournalRecord]) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")  # RFC 4180
    writer.writerow(_COLUMNS)
    for record in records:
        event = record.event
        texts = (record.run_id, utc_text(event.at, field="at"), event.kind, ticker_of(event) or "", _payload(event))
        writer.writerow([record.sequence, *map(spreadsheet_safe, texts), record.digest])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()


def _payload(event: Event) -> str:
    """The event as JSON, without secrets that this process knows: the record may be older than that."""
    return payload_without_secrets(encode(event), KNOWN_SECRETS)


def ticker_of(event: Event) -> str | None:
    """Which symbol an event is about; None where it is about none."""
    for part in (event, *(getattr(event, name, None) for name in ("decision", "order", "trade", "fill"))):
        ticker = getattr(part, "ticker", None)
        if isinstance(ticker, str):
            return ticker
    return None
