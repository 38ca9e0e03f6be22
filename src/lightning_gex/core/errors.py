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

#: Characters of a message that a person still reads; what is longer loses its middle.
LONGEST_MESSAGE = 2_000
_LONGEST_VALUE = 80  # characters of a value that a message shows


class LightningError(Exception):
    """Anything this package raises on purpose. ``exit_code`` is what the command line ends with.

    As text it is one line that may be shown on any terminal, whatever names and values went into it.
    """

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return one_line(super().__str__())


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
        place = [part for part in (_in_words(self.source), self._row_text(), self._field_text()) if part]
        problem = _in_words(self.problem)
        return one_line(f"{', '.join(place)}: {problem}" if place else problem)

    def _row_text(self) -> str:
        return "" if self.row is None else f"row {_in_words(self.row)}"

    def _field_text(self) -> str:
        return "" if self.field is None else f"field '{_in_words(self.field)}'"


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


def one_line(text: str) -> str:
    """The text on one line of at most ``LONGEST_MESSAGE`` characters, with nothing in it that steers a terminal.

    >>> one_line("two\\nlines, \\x1b[31mred")
    'two lines, \\\\x1b[31mred'
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " if c.isspace() else _escaped(c) for c in text)
    if len(text) <= LONGEST_MESSAGE:
        return text
    return f"{text[: LONGEST_MESSAGE - 500]} ... {text[-490:]}"


def shown(value: object) -> str:
    """A caller's value as a message shows it: on one line, short, and whatever it is.

    >>> shown("bull\\nish"), shown(10**5_000)
    ("'bull\\\\nish'", 'a value of type int')
    """
    try:
        text = repr(value)
    except Exception:  # a stranger's code, or a number of more digits than Python prints
        return f"a value of type {type(value).__name__}"
    return one_line(" ".join(text.split())[:_LONGEST_VALUE])


def _in_words(part: object) -> str:
    """A part of a message, whatever was given for it; nothing for None."""
    try:
        return "" if part is None else str(part)
    except Exception:  # a stranger's code, or a number of more digits than Python prints
        return shown(part)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
