"""Holds a caller to a signature: an argument of another kind is refused by its name, before anything is done with it.

The library's functions say by their annotations what they take. Whoever calls them from a notebook has no type checker,
and a text where a number belongs would surface as somebody else's error, deep inside.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from datetime import date
from functools import cache, wraps
from numbers import Real
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from lightning_gex.core.errors import InputError, SettingsError, shown

P = ParamSpec("P")
R = TypeVar("R")

_LARGEST_WHOLE = 10**15  # exact as a float, and nothing that is counted comes near
_LONGEST_TEXT = 4_096  # characters: the longest path
#: Kind of a declared array -> kinds of arrays that hold such values.
_ARRAY_KINDS = {"f": "fiu", "i": "iu", "b": "b", "M": "M", "U": "UT"}
_ARRAY_WORDS = {"f": "numbers", "i": "whole numbers", "b": "truth values", "M": "moments", "U": "texts"}
_NO_NUMBER = (bool, np.bool_, np.timedelta64)  # Python calls a truth value an integer, and numpy a span of time


class _Kind:
    """What an annotation takes: a test, the words for it, and the type its values become."""

    __slots__ = ("holds", "plain", "words")

    def __init__(self, holds: Callable[[Any], bool], words: str, plain: type[float] | None = None) -> None:
        self.holds = holds
        self.words = words
        self.plain = plain


def gated(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, refusing arguments that its annotations do not take. Whatever number it is given where it asks
    for one, it gets a plain float: a fraction or a numpy scalar would have kernels compiled for it anew.

    Raises
    ------
    SettingsError : naming the function and the argument, and what it takes.
    """
    signature = inspect.signature(function)
    owner: Any = function

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # Python says best itself what is missing or too much
        given = bound.arguments
        for name, kind in _kinds_of(owner).items():
            if name not in given:
                continue
            value = given[name]
            if not _holds(kind, value):
                raise SettingsError(f"{function.__name__}: {name} must be {kind.words}, not {shown(value)}")
            if kind.plain is not None and value is not None:
                given[name] = kind.plain(value)
        return function(*bound.args, **bound.kwargs)

    return call


def check_fields(record: object, *, source: str | None = None) -> None:
    """See that every field of a dataclass holds what it is declared to hold. Raises ``InputError`` naming the first."""
    source = source if isinstance(source, str) else None
    owner: Any = type(record)
    for name, kind in _kinds_of(owner).items():
        value = getattr(record, name)
        if not _holds(kind, value):
            raise InputError(f"must be {kind.words}, not {shown(value)}", source=source, field=name)


def _holds(kind: _Kind, value: object) -> bool:
    try:
        return kind.holds(value)
    except Exception:  # a stranger's object may do anything when it is asked what it is
        return False


@cache
def _kinds_of(owner: Any) -> Mapping[str, _Kind]:  # noqa: ANN401 - a function or a dataclass
    hints, written = get_type_hints(owner), inspect.get_annotations(owner)
    names = [f.name for f in fields(owner) if f.init] if isinstance(owner, type) else list(hints)
    found = {name: _kind(hints[name], _rank(written.get(name))) for name in names if name != "return"}
    return {name: kind for name, kind in found.items() if kind is not None}


def _rank(annotation: object) -> int:
    """The dimensions that an alias such as ``Float64Array2D`` names; 1 where it names none."""
    named = re.search(r"Array(\d)D", annotation) if isinstance(annotation, str) else None
    return int(named[1]) if named else 1


def _kind(hint: Any, rank: int = 1) -> _Kind | None:  # noqa: ANN401 - any annotation
    """The kind of an annotation; None where it takes anything. ``rank`` is of its arrays."""
    if hint in (Any, object) or isinstance(hint, TypeVar):
        return None
    if hint == npt.ArrayLike:
        return _Kind(_are_numbers, "a number or a list or array of numbers")
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of([_kind(arg, rank) for arg in args])
    if origin is np.ndarray:
        return _array(args[1], rank)
    if origin is not None and isinstance(origin, type):
        return _several(origin, args)
    return _plain(hint) if isinstance(hint, type) else None


def _plain(hint: type) -> _Kind:
    if hint is type(None):
        return _Kind(lambda value: value is None, "None")
    if hint is bool:
        return _Kind(lambda value: isinstance(value, bool | np.bool_), "True or False")
    if hint is int:
        return _Kind(_is_whole, "a whole number")
    if hint is float:
        return _Kind(_is_number, "a number", float)
    if hint is str:
        return _Kind(_is_text, "text")
    if hint is date:
        return _Kind(lambda value: isinstance(value, date), "a date")
    if hint is Path:
        return _Kind(lambda value: isinstance(value, Path) and len(str(value)) <= _LONGEST_TEXT, "a path")
    if getattr(hint, "_is_protocol", False):
        wanted = [name for name in (*vars(hint), *getattr(hint, "__annotations__", ())) if not name.startswith("_")]
        return _Kind(
            lambda value: not isinstance(value, type) and all(hasattr(value, name) for name in wanted),
            f"an object with {', '.join(wanted)}",
        )
    article = "an" if hint.__name__[0] in "AEIOU" else "a"
    return _Kind(lambda value: isinstance(value, hint), f"{article} {hint.__name__}")


def _several(origin: type, args: tuple[Any, ...]) -> _Kind:
    if issubclass(origin, Mapping):
        inside = [kind for kind in (_kind(arg) for arg in args) if kind is not None]
        if len(inside) < 2:
            return _Kind(lambda value: isinstance(value, Mapping), "a mapping")
        key, item = inside
        return _Kind(
            lambda value: isinstance(value, Mapping) and all(key.holds(k) and item.holds(v) for k, v in value.items()),
            f"a mapping of {key.words} to {item.words}",
        )
    inner = _kind(args[0]) if args and origin is not type else None
    if issubclass(origin, Collection) and inner is not None:
        return _Kind(
            lambda value: (
                isinstance(value, Sequence | set | frozenset)
                and not isinstance(value, str | bytes | bytearray)
                and all(inner.holds(item) for item in value)
            ),
            f"a list of which each is {inner.words}",
        )
    return _Kind(lambda value: isinstance(value, origin), f"a {origin.__name__}")


def _array(values: Any, rank: int) -> _Kind:  # noqa: ANN401 - the type of a numpy dtype
    letter = np.dtype(get_args(values)[0]).kind
    kinds = _ARRAY_KINDS[letter]
    return _Kind(
        lambda value: isinstance(value, np.ndarray) and value.ndim == rank and value.dtype.kind in kinds,
        f"an array of {_ARRAY_WORDS[letter]} in {rank} dimension{'s' if rank > 1 else ''}",
    )


def _one_of(kinds: Sequence[_Kind | None]) -> _Kind | None:
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None
    numbers_only = all(kind.plain is not None or kind.words == "None" for kind in known)
    return _Kind(
        lambda value: any(_holds(kind, value) for kind in known),
        " or ".join(kind.words for kind in known),
        float if numbers_only else None,
    )


def _is_whole(value: object) -> bool:
    return (
        isinstance(value, int | np.integer) and not isinstance(value, _NO_NUMBER) and abs(int(value)) <= _LARGEST_WHOLE
    )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, _NO_NUMBER) and isinstance(float(value), float)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT and bool(value.encode("utf-8") or True)


def _are_numbers(value: object) -> bool:
    array = np.asarray(value)
    return array.dtype.kind in "fiub" and array.ndim <= 1
