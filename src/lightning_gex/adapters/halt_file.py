"""The kill switch: one small file that exists beforehand, so that pulling it needs nothing else to work.

Pulling it overwrites the file in place: no new space on the disk, no database, no other part of this package. Should
even that fail, removing the file does the same, for whatever is not plainly "running" is a halt: a file that is
missing, cannot be read, was cut or holds anything unknown.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lightning_gex.core.errors import RefusedError, StoreError
from lightning_gex.core.halt import Halt, fit_for_record

_BYTES = 4_096  # one page: written as a whole, and allocated when the file is made
_LONGEST_TEXT = 150  # characters of a name or reason: escaped, both fit into the page
FORMAT = "lightning-gex halt 1"


@dataclass(frozen=True, slots=True)
class HaltFile:
    """The kill switch of one workspace. Implements ``core.ports.HaltSwitch``.

    Parameters
    ----------
    path : the file; made by :meth:`create`.
    """

    path: Path

    def create(self) -> None:
        """Make the file, saying that trading may go on; one that is there already stays as it is.

        Raises
        ------
        StoreError : it cannot be made.
        """
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        except OSError as error:
            raise StoreError(f"{self.path} cannot be made: {error.strerror or error}") from error
        try:
            _write(descriptor, _page(halted=False, flatten=False, by="", reason=""))
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror or error}") from error
        finally:
            os.close(descriptor)

    def read(self) -> Halt | None:
        """The halt in force; None where trading may go on. Never raises: what cannot be read is a halt."""
        try:
            page = self._content()
        except FileNotFoundError:
            return Halt("the system", f"the halt flag {self.path.name} is missing", flatten=False)
        except (OSError, ValueError, RecursionError) as error:
            return Halt("the system", f"the halt flag {self.path.name} cannot be read: {error}", flatten=False)
        if not page["halted"]:
            return None
        by, reason = fit_for_record(str(page["by"])), fit_for_record(str(page["reason"]))
        return Halt(by, reason, page["flatten"] is True)

    def lifted_by(self) -> tuple[str, str]:
        """Who let trading go on last, and why; empty before the first halt."""
        with suppress(OSError, ValueError, RecursionError):
            page = self._content()
            if not page["halted"]:
                return str(page["by"]), str(page["reason"])
        return "", ""

    def set(self, by: str, reason: str, *, flatten: bool) -> None:
        """Halt. An earlier wish to flatten stays.

        Raises
        ------
        StoreError : the file could neither be overwritten nor removed.
        """
        before = self.read()
        flatten = flatten or (before is not None and before.flatten)
        try:
            self._overwrite(_page(halted=True, flatten=flatten, by=by, reason=reason))
        except OSError as error:
            try:
                self.path.unlink(missing_ok=True)  # a missing flag is a halt
            except OSError:
                raise StoreError(
                    f"{self.path} can neither be written nor removed ({error.strerror or error}): stop the program"
                ) from error

    def lift(self, by: str, reason: str) -> None:
        """Let trading go on; a person says so and why.

        Raises
        ------
        RefusedError : without a name or a reason, or where nothing is halted.
        StoreError : the file cannot be written.
        """
        if not by.strip() or not reason.strip():
            raise RefusedError("say who lets trading go on, and why")
        if self.read() is None:
            raise RefusedError("trading is not halted")
        try:
            self._overwrite(_page(halted=False, flatten=False, by=by, reason=reason))
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def _content(self) -> dict[str, object]:
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            return _parsed(os.read(descriptor, 2 * _BYTES))
        finally:
            os.close(descriptor)

    def _overwrite(self, page: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            _write(descriptor, page)
        finally:
            os.close(descriptor)


@lru_cache(maxsize=4)  # it is looked at before every order and changes once in a long while
def _parsed(content: bytes) -> dict[str, object]:
    page: object = json.loads(content)
    if not isinstance(page, dict) or page.get("format") != FORMAT or type(page.get("halted")) is not bool:
        raise ValueError("it holds something else")
    return {"by": "", "reason": "", "flatten": False, **page}


def _write(descriptor: int, page: bytes) -> None:
    if os.write(descriptor, page) != len(page):
        raise OSError("it was written in part")
    os.fsync(descriptor)


def _page(*, halted: bool, flatten: bool, by: str, reason: str) -> bytes:
    said = {
        "format": FORMAT,
        "halted": halted,
        "flatten": flatten,
        "by": fit_for_record(by)[:_LONGEST_TEXT],
        "reason": fit_for_record(reason)[:_LONGEST_TEXT],
    }
    return json.dumps(said).encode("ascii").ljust(_BYTES - 1) + b"\n"
