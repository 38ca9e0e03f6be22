"""The one tree of errors, named by what the caller has to mend.

LightningError
├── InputError            the data given is wrong or missing: mend the file or the value   (exit 3)
│   └── InsufficientDataError   too little of it to answer honestly                        (exit 3)
├── SettingsError         a setting, argument or option is wrong: change it                (exit 2)
├── SecretError           a password or signature does not fit                             (exit 4)
├── StoreError            the workspace cannot be read or written                          (exit 5)
│   └── IntegrityError    a stored record was altered, reordered or cut                    (exit 6)
├── SourceError           a live source did not answer, or answered nonsense               (exit 7)
├── RefusedError          the operation is not allowed in this state (closing twice)       (exit 8)
│   └── DisabledError     the part asked for is switched off                               (exit 8)
└── MissingExtraError     an optional dependency is not installed                          (exit 9)

A "no" that belongs to normal work (an agent abstains, a guardrail blocks) is a value, never one of these.
"""

from __future__ import annotations

from typing import ClassVar


class LightningError(Exception):
    """Anything this package raises on purpose. ``exit_code`` is what the command line ends with."""

    exit_code: ClassVar[int] = 1


class InputError(LightningError):
    """Data that cannot be used as it is.

    Parameters
    ----------
    problem : what is wrong, and where it helps what would be right.
    source : file or other origin.
    row : line of the file as an editor numbers it (the header is line 1), or index of the record.
    field : column or key.
    """

    exit_code = 3

    def __init__(
        self,
        problem: str,
        *,
        source: str | None = None,
        row: int | str | None = None,
        field: str | None = None,
    ) -> None:
        self.problem = problem
        self.source = source
        self.row = row
        self.field = field
        super().__init__(problem)

    def __str__(self) -> str:
        place = [part for part in (self.source, self._row_text(), self._field_text()) if part]
        return f"{', '.join(place)}: {self.problem}" if place else self.problem

    def _row_text(self) -> str | None:
        return None if self.row is None else f"row {self.row}"

    def _field_text(self) -> str | None:
        return None if self.field is None else f"field '{self.field}'"


class InsufficientDataError(InputError):
    """The data is sound but too little of it is usable to answer honestly."""


class SettingsError(LightningError):
    """A setting, argument or option is wrong."""

    exit_code = 2


class SecretError(LightningError):
    """A password or signature does not fit. Never says more than that."""

    exit_code = 4


class StoreError(LightningError):
    """The workspace cannot be read or written."""

    exit_code = 5


class IntegrityError(StoreError):
    """A stored record was altered, reordered or cut."""

    exit_code = 6


class SourceError(LightningError):
    """A live source did not answer, or answered something unusable."""

    exit_code = 7


class RefusedError(LightningError):
    """The operation is not allowed in the present state."""

    exit_code = 8


class DisabledError(RefusedError):
    """The part asked for is switched off."""


class MissingExtraError(LightningError):
    """An optional dependency is not installed; the message names the ``pip install`` that brings it."""

    exit_code = 9

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}: pip install 'lightning-gex[{extra}]'")
