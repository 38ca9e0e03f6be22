"""Option symbols of the OCC's Options Symbology Initiative: root, yymmdd, C or P, strike in thousandths.

Source: OCC, Options Symbology Initiative (2010): the last 15 characters are fixed, the root is what stands before them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lightning_gex.adapters.market_data.stale_open import CASH_INDICES, REAL_OPEN_INDICES, plain_symbol
from lightning_gex.core.runs import coded
from lightning_gex.core.units import (
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Int16Array1D,
    Int64Array1D,
    UInt8Array1D,
)

_ROOT = re.compile(r"[0-9A-Z.]{1,6}")
_STRIKE_UNIT = 1_000.0
_TAIL = 15  # yymmdd, the right, eight digits of strike
_LONGEST_ROOT = 6
_RIGHT_AT = 6
_DATE_POWERS = (100_000, 10_000, 1_000, 100, 10, 1)
#: Leaves so many of the first bytes of eight that are read as one number.
_FIRST_BYTES = np.array([(1 << 8 * kept) - 1 for kept in range(_LONGEST_ROOT + 1)], dtype="<u8")
_STRIKE_POWERS = (10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1)
#: What an index's weekly and PM-settled roots add to the name of the index.
_SERIES_LETTERS = ("", "W", "P", "Q")


@dataclass(frozen=True, slots=True, eq=False)
class OsiColumn:
    """A column of option symbols, taken apart.

    Parameters
    ----------
    readable : (n,) whether the text is an option symbol; the rest of its row means nothing where it is not.
    root_names : (k,) distinct roots of the readable rows, rising; an empty one first where a row is not readable.
    root_code : (n,) int16 into ``root_names``.
    expiry : (n,) ``datetime64[D]``, NaT where the digits are no date.
    is_call : (n,) bool.
    strike : (n,) USD.
    """

    readable: BoolArray1D
    root_names: tuple[str, ...]
    root_code: Int16Array1D
    expiry: DateArray1D
    is_call: BoolArray1D
    strike: Float64Array1D

    def of_root(self, answer: Sequence[bool]) -> BoolArray1D:
        """(n,) what is true of each row's root, given for each of ``root_names``."""
        found: BoolArray1D = np.array(answer, dtype=np.bool_)[self.root_code]
        return found


def parse_osi_column(text: UInt8Array1D, start: Int64Array1D, end: Int64Array1D) -> OsiColumn:
    """Option symbols that stand in a text, taken apart together.

    Parameters
    ----------
    text : (m,) bytes.
    start, end : (n,) where each symbol begins, and ends, in the text.

    Returns
    -------
    What each symbol says. A symbol is a root of one to six capitals, digits and dots, blanks that fill it up to six
    places or none, and the 15 characters that are fixed; blanks around it do not count.
    """
    start, end = _without_blanks(text, start, end)
    fits = np.flatnonzero((end - start > _TAIL) & (end - start <= _TAIL + _LONGEST_ROOT))
    tails = sliding_window_view(text, _TAIL)[end[fits] - _TAIL] if len(fits) else np.zeros((0, _TAIL), np.uint8)
    columns = np.ascontiguousarray(tails.T)  # one place of the symbol a row
    right = columns[_RIGHT_AT].copy()
    sound = (right == ord("C")) | (right == ord("P"))
    columns[_RIGHT_AT] = ord("0")
    digits = columns - ord("0")  # what is no digit wraps to above nine
    sound &= (digits <= 9).all(axis=0)
    if not sound.all():
        fits, digits, right = fits[sound], digits[:, sound], right[sound]
    names, code = _roots(text, start[fits], end[fits] - _TAIL)
    readable = np.zeros(len(start), dtype=np.bool_)
    readable[fits] = np.array([name != "" for name in names], dtype=np.bool_)[code]
    if not readable.all() and "" not in names:
        names, code = ("", *names), code + 1
    n = len(start)
    return OsiColumn(
        readable=readable,
        root_names=names,
        root_code=_scattered(fits, code.astype(np.int16), n, np.int16(0)),
        expiry=_scattered(fits, _dates(digits[:_RIGHT_AT]), n, np.datetime64("NaT", "D")),
        is_call=_scattered(fits, right == ord("C"), n, np.False_),
        strike=_scattered(fits, _number(digits[_RIGHT_AT + 1 :], _STRIKE_POWERS) / _STRIKE_UNIT, n, np.float64("nan")),
    )


def parse_osi_texts(symbols: Sequence[str | None]) -> OsiColumn:
    """(n,) symbols, taken apart together; None is none.

    >>> symbols = parse_osi_texts(["SPXW  240621C05300000", "hello"])
    >>> symbols.readable.tolist(), symbols.root_names, symbols.strike[0]
    ([True, False], ('', 'SPXW'), np.float64(5300.0))
    """
    cells = [symbol or "" for symbol in symbols]
    joined = "\n".join(cells)
    if not joined.isascii() or "\0" in joined or joined.count("\n") != len(cells) - 1:
        joined = "\n".join(cell if cell.isascii() and cell.isprintable() else "" for cell in cells)
    text = np.frombuffer(f"{joined}\n".encode(), dtype=np.uint8)
    end = np.flatnonzero(text == ord("\n"))[: len(cells)]
    return parse_osi_column(text, np.concatenate((np.zeros(1, np.int64), end[:-1] + 1))[: len(cells)], end)


def _without_blanks(text: UInt8Array1D, start: Int64Array1D, end: Int64Array1D) -> tuple[Int64Array1D, Int64Array1D]:
    """The cells without the blanks around them."""
    while (blank := (start < end) & (text[np.minimum(start, len(text) - 1)] == ord(" "))).any():
        start = start + blank
    while (blank := (start < end) & (text[end - 1] == ord(" "))).any():
        end = end - blank
    return start, end


def _roots(text: UInt8Array1D, start: Int64Array1D, end: Int64Array1D) -> tuple[tuple[str, ...], Int64Array1D]:
    """Distinct roots, rising, and (n,) codes into them; the empty name stands for what is no root."""
    if not len(start):
        return (), np.zeros(0, dtype=np.int64)
    letters = np.zeros((len(start), 8), dtype=np.uint8)
    # A symbol is longer than the longest root: the window never leaves the text.
    letters[:, :_LONGEST_ROOT] = sliding_window_view(text, _LONGEST_ROOT)[start]
    keys, key_code = coded(letters.view("<u8").ravel() & _FIRST_BYTES[end - start])
    found = [key.tobytes().rstrip(b"\0 ").decode("latin-1") for key in keys]
    roots = [root if _ROOT.fullmatch(root) else "" for root in found]
    names = sorted(set(roots))
    of_key = np.array([names.index(root) for root in roots], dtype=np.int64)
    return tuple(names), of_key[key_code]


def _number(digits: UInt8Array1D, powers: tuple[int, ...]) -> Int64Array1D:
    """(n,) the number that each column of (k, n) digits writes."""
    value = np.zeros(digits.shape[1], dtype=np.int64)
    for row, power in zip(digits, powers, strict=True):
        value += row.astype(np.int64) * power
    return value


def _dates(digits: UInt8Array1D) -> DateArray1D:
    """(n,) the dates that columns of (6, n) digits, yymmdd, write, NaT where the calendar has no such day."""
    distinct, code = coded(_number(digits, _DATE_POWERS))
    dates = [date_or_nat(f"20{d // 10_000:02d}-{d // 100 % 100:02d}-{d % 100:02d}") for d in distinct.tolist()]
    found: DateArray1D = np.array(dates, dtype="datetime64[D]")[code]
    return found


def _scattered(rows: Int64Array1D, values: NDArray[Any], n: int, absent: np.generic) -> NDArray[Any]:
    """(n,) the values in their rows, and ``absent`` in all others."""
    if len(rows) == n:
        return values
    out = np.full(n, absent, dtype=values.dtype)
    out[rows] = values
    return out


def date_or_nat(iso: str) -> np.datetime64:
    """An ISO date, or NaT where the calendar has no such day."""
    try:
        return np.datetime64(iso, "D")
    except ValueError:
        return np.datetime64("NaT")


def is_adjusted(root: str) -> bool:
    """Whether a root carries a digit: its deliverable is not 100 shares (adjusted after an action, or a mini)."""
    return any(letter.isdigit() for letter in root)


def belongs_to(root: str, underlying: str) -> bool:
    """Whether an option root is of this underlying: its own name, or that with a series letter or an adjustment digit.

    >>> belongs_to("SPXW", "SPX"), belongs_to("BRKB", "BRK.B"), belongs_to("2TSLA", "TSLA"), belongs_to("SPY", "SPX")
    (True, True, True, False)
    """
    name = plain_symbol(underlying).replace(".", "").replace("/", "")
    stem = "".join(letter for letter in root if not letter.isdigit() and letter != ".")
    return stem.startswith(name) and stem.removeprefix(name) in _SERIES_LETTERS


def underlying_of(symbols: OsiColumn) -> str | None:
    """The underlying of a column of symbols: the root without series letters and digits that most rows share.

    None where no row holds an option symbol.
    """
    counts = np.bincount(symbols.root_code[symbols.readable], minlength=len(symbols.root_names)).tolist()
    roots: Counter[str] = Counter()
    for root, count in zip(symbols.root_names, counts, strict=True):
        if count:
            roots["".join(letter for letter in root if not letter.isdigit())] += count
    if not roots:
        return None
    indices = {root[:-1] for root in roots} & (CASH_INDICES | REAL_OPEN_INDICES)  # a file of SPXW alone is of SPX
    shortest = sorted({*roots, *indices}, key=lambda root: (len(root), root))
    return max(shortest, key=lambda name: sum(n for root, n in roots.items() if belongs_to(root, name)))
