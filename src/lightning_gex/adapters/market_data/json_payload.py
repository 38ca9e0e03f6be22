"""JSON payloads of quote services: decoded into the few fields that are read, and their values as columns."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import numpy as np

from lightning_gex.adapters.market_data.content import Content
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import BoolArray1D, Float64Array1D

_Shape = TypeVar("_Shape")
_NUMBER_TYPES = frozenset({float, int, type(None)})


def decoded(content: Content, decoder: msgspec.json.Decoder[_Shape]) -> _Shape | None:
    """The payload in the decoder's shape, every field outside it skipped unread; None where it does not fit.

    It is the fast way for sound payloads. What does not fit is read again by ``loaded``, which can say what is wrong.
    """
    try:
        return decoder.decode(content.text_bytes())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def loaded(content: Content) -> object:
    """The payload as JSON values. Raises ``InputError`` naming line and column where it is damaged or cut."""
    try:
        return json.loads(content.text())
    except json.JSONDecodeError as error:
        raise InputError(
            f"is damaged or cut JSON ({error.msg}, column {error.colno})", source=content.source, row=error.lineno
        ) from None
    except (RecursionError, ValueError) as error:  # nested too deep; a number of too many digits
        raise InputError(f"is no usable JSON ({error})", source=content.source) from None


def number_column(values: Sequence[object], absent: frozenset[str] = frozenset()) -> tuple[Float64Array1D, BoolArray1D]:
    """JSON values as numbers.

    Parameters
    ----------
    values : (n,) what a field held; None where it was missing.
    absent : texts that the source writes where it has no number.

    Returns
    -------
    (n,) float64, NaN where absent or no number; and (n,) bool, what was there and is no number.
    """
    if _NUMBER_TYPES.issuperset(set(map(type, values))):
        try:
            return np.array(values, dtype=np.float64), np.zeros(len(values), dtype=np.bool_)
        except OverflowError:  # an integer beyond float64: found one by one below
            pass
    pairs = [_number(value, absent) for value in values]
    return (
        np.array([value for value, _ in pairs], dtype=np.float64),
        np.array([bad for _, bad in pairs], dtype=np.bool_),
    )


def number(value: object, absent: frozenset[str] = frozenset()) -> float:
    """One JSON value as a finite number, else NaN."""
    found, _ = _number(value, absent)
    return found if math.isfinite(found) else math.nan


def _number(value: object, absent: frozenset[str]) -> tuple[float, bool]:
    if value is None or (isinstance(value, str) and value in absent):
        return math.nan, False
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan, True
    try:
        return float(value), False
    except OverflowError:
        return math.nan, True
