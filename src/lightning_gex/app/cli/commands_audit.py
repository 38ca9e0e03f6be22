"""``lightning audit``: check, show and export the journal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, workspace_of
from lightning_gex.app.cli.secret_input import SecretInput
from lightning_gex.core.errors import SettingsError

if TYPE_CHECKING:
    from lightning_gex.app.assembly.audit import AuditFilter
    from lightning_gex.core.ports import JournalRecord

audit = typer.Typer(
    help="Check, show and export the journal.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Only records dated at or after this: 2024-03-01, or with a time."),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Only records dated before this; a date means its start.")
]
TickerOption = Annotated[
    list[str] | None, typer.Option("--ticker", metavar="T", help="Only records about this symbol; repeat for several.")
]
KindOption = Annotated[
    list[str] | None, typer.Option("--kind", metavar="KIND", help="Only this kind of record; repeat for several.")
]
RunOption = Annotated[str | None, typer.Option("--run", metavar="ID", help="Only this run of the journal.")]
BacktestsOption = Annotated[
    bool, typer.Option("--backtests", help="Also demos, analyses and backtests, which traded nothing.")
]


@audit.command("verify")
@guarded
def verify(
    context: typer.Context,
    seals: Annotated[
        bool, typer.Option("--seals", help="Also check the vault's seals; asks for the master password.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every record, the chain through them and the anchor."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.documents import print_document

    workspace = workspace_of(context, home)
    password = SecretInput().master_password(workspace) if seals else None
    found = bootstrap.verify_audit(workspace, password)
    first, last = _text(found.first_at), _text(found.last_at)
    if as_json:
        document: dict[str, object] = {"records": found.records, "runs": found.runs, "seals": found.seals}
        print_document({"sound": True, **document, "first_at": first, "last_at": last})
        return
    span = "" if first is None else f", dated {first} to {last}"
    sealed = "" if found.seals is None else f", {found.seals} seals of the vault"
    typer.echo(f"sound: {found.records} records of {found.runs} runs{span}{sealed}")


@audit.command("tail")
@guarded
def tail(
    context: typer.Context,
    count: Annotated[int, typer.Option("--count", "-n", metavar="N", help="How many records (default: 20).")] = 20,
    since: SinceOption = None,
    until: UntilOption = None,
    ticker: TickerOption = None,
    kind: KindOption = None,
    run: RunOption = None,
    backtests: BacktestsOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the latest records, oldest of them first."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.documents import print_document

    wanted = _filter(since, until, ticker, kind, run, backtests)
    records = bootstrap.audit_tail(workspace_of(context, home), wanted, count)
    if as_json:
        print_document({"records": [_document(record) for record in records]})
        return
    for record in records:
        typer.echo(_line(record))


@audit.command("export")
@guarded
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: its ending, .json or .csv, is the format.")],
    fmt: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="json or csv, where the file's name does not say.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    ticker: TickerOption = None,
    kind: KindOption = None,
    run: RunOption = None,
    backtests: BacktestsOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write records to a file, whole or not at all; no spreadsheet runs anything in it."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.output import check_output_file

    wanted = _filter(since, until, ticker, kind, run, backtests)
    path = check_output_file(file, "FILE")
    written = bootstrap.audit_export(workspace_of(context, home), path, wanted, fmt)
    if as_json:
        print_document({"records": written, "file": str(path)})
        return
    typer.echo(f"{written} records in {path}")


def _filter(
    since: str | None,
    until: str | None,
    tickers: list[str] | None,
    kinds: list[str] | None,
    run: str | None,
    backtests: bool,
) -> AuditFilter:
    from lightning_gex.app import bootstrap

    return bootstrap.AuditFilter(
        since=_moment(since, "--since"),
        until=_moment(until, "--until"),
        tickers=tuple(tickers or ()),
        kinds=tuple(kinds or ()),
        run_id=run,
        backtests=backtests or run is not None,
    )


def _moment(text: str | None, option: str) -> datetime | None:
    """A date or moment given as an option; one without a zone is meant in UTC, as the journal's times are shown."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{option} {text!r} is no date or time: write it as 2024-03-01 or 2024-03-01T14:30Z"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _document(record: JournalRecord) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "sequence": record.sequence,
        "run_id": record.run_id,
        "kind": record.event.kind,
        "at": _text(record.event.at),
        "digest": record.digest,
        "event": asdict(record.event),
    }


def _line(record: JournalRecord) -> str:
    """One record on one line, its event's plain values after its kind."""
    from dataclasses import asdict

    event = record.event
    nested = {name: value for name, value in asdict(event).items() if name not in {"at", "kind"}}
    said = " ".join(_words(nested))
    return f"{record.sequence:>8} {_text(event.at)} {event.kind:<16} {said}"


#: What a line shows of an event's parts; the rest is in the JSON document.
_SHOWN = ("ticker", "status", "action", "quantity", "price", "pnl", "exit_reason", "order_id", "reason")


def _words(fields: dict[str, object]) -> list[str]:
    words: list[str] = []
    for name, value in fields.items():
        if isinstance(value, dict) and name in {"decision", "order", "fill", "trade"}:
            words += [f"{k}={_plain(value[k])}" for k in _SHOWN if value.get(k) not in (None, "")]
        elif isinstance(value, dict):
            words += [f"{k}={_plain(v)}" for k, v in value.items()]
        elif not isinstance(value, list | tuple) and value is not None:
            words.append(f"{name}={_plain(value)}")
    return words


def _plain(value: object) -> str:
    text = " ".join(str(value).split())
    return text if text.isprintable() and " " not in text else repr(text)
