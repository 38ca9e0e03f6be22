"""Values nobody should pass and somebody will, and sound arguments spoilt with a few of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import numpy as np


class Uncountable:
    """Says that it is a number and is none."""

    def __float__(self) -> float:
        raise RuntimeError("no number after all")

    def __len__(self) -> int:
        raise RuntimeError("no length after all")

    def __repr__(self) -> str:
        return "Uncountable()"


def _nested(depth: int) -> list[object]:
    out: list[object] = []
    for _ in range(depth):
        out = [out]
    return out


NUMBERS: tuple[object, ...] = (
    0,
    -0.0,
    -1,
    1,
    2,
    0.5,
    3,
    1e-9,
    7.0,
    60,
    100.0,
    2**31,
    2**63,
    -(2**63) - 1,
    10**20,
    10**400,
    10**5_000,
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    -1e308,
    5e-324,
    1e-300,
    1e15,
    True,
    False,
    Decimal("1.5"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("1e999999"),
    Fraction(1, 3),
    1 + 1j,
    np.float64("nan"),
    np.float32(1.5),
    np.int8(-3),
    np.uint64(2**64 - 1),
    np.longdouble(2),
    np.bool_(True),
)
#: Formulas of a spreadsheet, escapes of a terminal, markup, statements, separators and things that look like numbers.
TEXTS: tuple[str, ...] = (
    "",
    " ",
    "\n",
    "\0",
    "\t",
    "nan",
    "inf",
    "1",
    "1e3",
    "١٢",
    "true",
    "None",
    "=1+1",
    '=HYPERLINK("http://x")',
    "@SUM(A1:A9)",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "\t=1",
    "\r\n=1",
    "\x1b[31mred",
    "\ud800",
    "Ä☃\U0001d54f",
    "e\u0301",
    "\u202eabc",
    "[red]x[/red]",
    "%s%n%x",
    "{0.__class__}",
    "'; drop table journal;--",
    "../../etc/passwd",
    "~nobody",
    "/dev/null",
    "a" * 300,
    "a" * 10_000,
    "bullish",
    "bearish",
    "neutral",
    "BUY",
    "AAPL",
    "SPX",
    "crisis",
    "custom",
    "trend",
    "2024-06-03",
    "2024-06-03T14:00:00",
    "2024-06-03T14:00:00+00:00",
    "9999-12-31T23:59:59+00:00",
    "0001-01-01T00:00:00+14:00",
    "2024-02-30",
    "PPO",
    "naive",
    "json",
    "csv",
    "x.csv",
    "x.json",
    "x.parquet",
    "x.html",
)
MOMENTS: tuple[object, ...] = (
    datetime(2024, 6, 3, 14),  # noqa: DTZ001 - naive is what is wrong with it
    datetime(2024, 6, 3, 14, tzinfo=UTC),
    datetime(2031, 1, 4, tzinfo=UTC),
    date(2024, 6, 3),
    datetime.max.replace(tzinfo=UTC),
    datetime.min.replace(tzinfo=UTC),
    datetime.max,  # noqa: DTZ901 - likewise
    date.min,
    date.max,
    timedelta(days=-1),
    timedelta.max,
    np.datetime64("NaT"),
    np.datetime64("2024-06-03"),
    np.timedelta64(1, "D"),
)
OTHERS: tuple[object, ...] = (
    None,
    b"",
    b"\xff\0",
    bytearray(b"x"),
    [],
    [1.0],
    [None],
    (),
    (1, 2),
    {},
    {"a": 1},
    {1: 2},
    {None: {}},
    set(),
    range(3),
    object(),
    int,
    len,
    Uncountable(),
    _nested(500),
    Ellipsis,
    NotImplemented,
    ValueError("x"),
    np.array([]),
    np.array(1.0),
    np.array([1.0, 2.0]),
    np.array([[1.0]]),
    np.array(["a"]),
    np.array([None], dtype=object),
    np.array([math.nan]),
    np.array([1], dtype="datetime64[s]"),
    memoryview(b"abc"),
)

_LISTS = (NUMBERS, TEXTS, MOMENTS, OTHERS)


def anything(random: Random) -> object:
    """Anything at all: mostly from the lists above, sometimes drawn."""
    match random.randint(0, 6):
        case 4:
            return any_number(random)
        case 5:
            return any_text(random)
        case kind:
            return random.choice(_LISTS[kind % 4])


def any_number(random: Random) -> object:
    """A number from the list above, or one of any size."""
    match random.randint(0, 3):
        case 0:
            return random.randint(-(10**6), 10**6)
        case 1:
            return random.choice((-1, 1)) * random.randint(1, 999) * 10.0 ** random.randint(-300, 300)
        case _:
            return random.choice(NUMBERS)


def any_text(random: Random, *, longest: int = 8) -> str:
    """A text from the list above, or one of any characters."""
    if random.randint(0, 1):
        return random.choice(TEXTS)
    return "".join(
        chr(random.choice((random.randint(0, 127), random.randint(0, 0x10FFFF))))
        for _ in range(random.randint(0, longest))
    )


#: What a number becomes by a typing error, another unit or a sign.
_FLOATS_END = 2**1_000  # a whole number above it is no float any more
_FACTORS = (-1.0, 0.0, 1e-12, 1e-6, 0.01, 0.5, 0.999, 1.001, 2.0, 100.0, 1e6, 1e12, 1e300)


def spoilt(random: Random, sound: object) -> object:
    """One value after one accident: another number, a damaged array or table of values, or something else entirely."""
    if random.randint(0, 3) == 0:
        return anything(random)
    if isinstance(sound, bool):
        return anything(random)
    if isinstance(sound, int | float):
        other_unit = bool(random.randint(0, 1)) and abs(sound) < _FLOATS_END
        return sound * random.choice(_FACTORS) if other_unit else any_number(random)
    if isinstance(sound, str):
        return any_text(random, longest=12)
    if isinstance(sound, datetime | date | timedelta):
        return random.choice(MOMENTS + TEXTS)
    if isinstance(sound, np.ndarray) and sound.ndim:
        return spoilt_array(random, sound)
    if isinstance(sound, Mapping):
        return spoilt_arguments(random, sound)
    if isinstance(sound, list | tuple) and sound:
        changed = list(sound)
        at = random.randint(0, len(changed) - 1)
        changed[at] = spoilt(random, changed[at])
        return type(sound)(changed)
    return anything(random)


def spoilt_arguments(random: Random, sound: Mapping[str, object]) -> dict[str, object]:
    """Sound arguments after one to three accidents; a key may vanish or appear."""
    changed: dict[str, object] = dict(sound)
    for _ in range(random.randint(1, 3)):
        match random.randint(0, 9):
            case 0 if changed:
                del changed[random.choice(list(changed))]
            case 1:
                changed[random.choice((*TEXTS, *sound))] = anything(random)
            case _ if changed:
                name = random.choice(list(changed))
                changed[name] = spoilt(random, changed[name])
    return changed


def spoilt_call(random: Random, sound: Mapping[str, object]) -> dict[str, object]:
    """Arguments of a call with none to three of them spoilt; none vanishes or appears: Python itself sees to that."""
    changed: dict[str, object] = dict(sound)
    for _ in range(random.randint(0, 3) if changed else 0):
        name = random.choice(list(changed))
        changed[name] = spoilt(random, changed[name])
    return changed


def spoilt_array(random: Random, sound: np.ndarray) -> object:
    """An array with wrong elements, length, rank or kind."""
    match random.randint(0, 7):
        case 0:
            return sound[: random.randint(0, len(sound))]
        case 1:
            return np.concatenate([sound, sound])
        case 2:
            return sound.reshape(1, *sound.shape)
        case 3:
            return sound.astype(object)
        case 4:
            return sound.astype(str)
        case 5:
            return sound.tolist()
        case _:
            changed = sound.copy()
            if changed.size == 0:
                return changed
            flat = changed.reshape(-1)
            at = random.randint(0, len(flat) - 1)
            if changed.dtype.kind == "f":
                flat[at] = random.choice([math.nan, math.inf, -math.inf, 0.0, -1.0, 1e308, 5e-324, 1e12])
            elif changed.dtype.kind in "mM":
                flat[at] = random.choice(
                    [np.datetime64("NaT"), np.datetime64("1900-01-01"), np.datetime64("2262-01-01")]
                )
            else:
                flat[at] = flat[random.randint(0, len(flat) - 1)]
            return changed
