"""How a command ends when it cannot answer: one line on standard error, one JSON document if asked, an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import typer

from lightning_gex.core.errors import InputError, LightningError, StoreError, one_line

FAULT = 1
USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells count
BROKEN_PIPE = 141  # 128 + SIGPIPE

#: What the system says when standard output takes no more: a full disk, a failed one, a closed descriptor.
_STREAM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)

P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The same command, never ending in a traceback.

    A ``LightningError`` becomes its one line and its exit code; anything else one line and the details in the log file
    of the workspace. The command's keyword arguments ``as_json``, ``home`` and ``context`` say how and where.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json = bool(kwargs.get("as_json"))
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            print_line("interrupted")
            if as_json:
                _print_error_document({"type": "Interrupted", "message": "interrupted"}, INTERRUPTED)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            silence_stdout()
            raise typer.Exit(BROKEN_PIPE) from None
        except LightningError as error:
            raise typer.Exit(report(error, as_json=as_json)) from None
        except Exception as error:
            if _is_usage_error(error):
                raise
            if isinstance(error, OSError) and error.filename is None and error.errno in _STREAM_ERRORS:
                print_line(f"error: the answer cannot be written: {(error.strerror or str(error)).lower()}")
                silence_stdout()
                raise typer.Exit(StoreError.exit_code) from None
            raise typer.Exit(report_fault(error, _home_of(kwargs), as_json=as_json)) from None

    return run


def report(error: LightningError, *, as_json: bool) -> int:
    """Say what is wrong with the input, setting or state; give the exit code."""
    print_line(f"error: {error}")
    if as_json:
        document: dict[str, object] = {"type": type(error).__name__, "message": _known_hidden(str(error))}
        if isinstance(error, InputError):
            document |= {"source": error.source, "row": error.row, "field": error.field}
        _print_error_document(document, error.exit_code)
    return error.exit_code


def report_fault(error: Exception, home: Path | None, *, as_json: bool) -> int:
    """Say that the program itself failed and where the details are; give the exit code."""
    what = _hidden(f"{type(error).__name__}: {error}").splitlines()[0]
    where = _log(error, home)
    details = f"details in {where}" if where else "the details could not be logged"
    print_line(f"error: this should not have happened ({what}); {details}")
    if as_json:
        _print_error_document({"type": type(error).__name__, "message": what, "log": where and str(where)}, FAULT)
    return FAULT


def report_usage_error(error: Exception, arguments: Sequence[str]) -> int:
    """Say how the command line is wrong and how to see the right one; give the exit code."""
    if not _is_usage_error(error):
        return report_fault(error, None, as_json="--json" in arguments)
    message = " ".join(str(getattr(error, "format_message", error.__str__)()).split()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "lightning"
    print_line(f"error: {message} (see '{path} --help')")
    if "--json" in arguments:
        _print_error_document({"type": "UsageError", "message": message}, USAGE)
    return USAGE


def print_line(text: str) -> None:
    """One line on standard error, whatever the text holds; quiet where nobody listens."""
    try:
        sys.stderr.write(one_line(_known_hidden(text)) + "\n")
    except OSError:
        return


def silence_stdout() -> None:
    """Point standard output to nowhere, so that flushing it at exit cannot fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _known_hidden(text: str) -> str:
    """The text without the secrets that this process has learnt."""
    from lightning_gex.security.redaction import KNOWN_SECRETS

    return KNOWN_SECRETS.known(text)


def _hidden(text: str) -> str:
    """A text of somebody else's without secrets, and without what only looks like one."""
    from lightning_gex.security.redaction import KNOWN_SECRETS

    return KNOWN_SECRETS.text(text)


def _is_usage_error(error: Exception) -> bool:
    """Whether the parser raised it. Typer vendors its parser, so the classes are known by their common ancestor."""
    return any(kind.__name__ == "ClickException" for kind in type(error).__mro__)


def _print_error_document(document: dict[str, object], exit_code: int) -> None:
    from lightning_gex.app.cli.documents import print_document

    try:
        print_document({"error": {**document, "exit_code": exit_code}})
        sys.stdout.flush()
    except OSError:
        silence_stdout()


def _home_of(arguments: Mapping[str, object]) -> Path | None:
    """The workspace folder named after the command, else before it, else None."""
    shared = getattr(arguments.get("context"), "obj", None)
    return next((home for home in (arguments.get("home"), shared) if isinstance(home, Path)), None)


def _log(error: Exception, home: Path | None) -> Path | None:
    """Append the traceback to the workspace's log, readable by its owner only; None where that is impossible."""
    from lightning_gex.adapters.clock import SystemClock
    from lightning_gex.app.workspace import resolve_home

    try:
        folder = resolve_home(home)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "lightning.log"
        details = _hidden("".join(traceback.format_exception(error)))
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(f"{SystemClock().now().isoformat()} {details}\n")
    except (OSError, LightningError):
        return None
    return path
