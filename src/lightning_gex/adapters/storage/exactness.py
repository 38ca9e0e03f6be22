"""Whether a value is exactly what its declared type says.

An event that is can be written without being converted; one that is not (a numpy float, an infinite price, a naive
time) is left to the careful path of the codec, which converts it or refuses it. The test of a dataclass is generated
from its type hints, as ``dataclasses`` generates ``__eq__``: one expression without calls is ten times as fast as
walking over the fields, and a decision has three hundred of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

Exact = Callable[[Any], bool]
_SCALARS = frozenset({str, int, bool, float, NoneType})


@cache
def exactness_of(kind: type) -> Exact:
    """A test for instances of a dataclass: True where every value in it has its declared type and can be read back.

    Parameters
    ----------
    kind : a dataclass of text, numbers, truth values, enums, ``Decimal``, ``datetime``, optional ones of these, nested
        dataclasses, tuples of one kind of these, and mappings from text to numbers or to scalars.
    """
    hints = get_type_hints(kind)
    names: dict[str, Any] = {"kind": kind, "inf": math.inf, "UTC": UTC}
    terms = ["value.__class__ is kind"]
    for number, field in enumerate(fields(kind)):
        terms.append(_term(f"value.{field.name}", hints[field.name], f"t{number}", names))
    source = f"def exact(value):\n    return {' and '.join(terms)}"
    exec(source, names)  # noqa: S102 - our own dataclasses' field names and nothing else
    made: Exact = names["exact"]
    return made


def _term(place: str, hint: Any, name: str, names: dict[str, Any]) -> str:  # noqa: ANN401
    """The expression that tests one field; what it calls by name goes into ``names``."""
    if get_origin(hint) is Literal:
        names[name] = get_args(hint)[0]
        return f"{place} == {name}"
    if isinstance(hint, UnionType):
        (inner,) = (option for option in get_args(hint) if option is not NoneType)
        return f"({place} is None or {_term(place, inner, name, names)})"
    if is_dataclass(hint):
        names[name] = exactness_of(hint)  # type: ignore[arg-type]
        return f"{name}({place})"
    if get_origin(hint) is tuple:
        names[name] = _tuple_test(get_args(hint)[0])
        return f"{name}({place})"
    if get_origin(hint) is not None:
        names[name] = _numbers_by_name if get_args(hint)[1] is float else _scalars_by_name
        return f"{name}({place})"
    names[name] = hint
    return f"{place}.__class__ is {name}{_MORE.get(hint, '').format(place=place)}"


#: What a value of a type must be besides being of that type.
_MORE = {
    float: " and -inf != {place} != inf",
    datetime: " and {place}.tzinfo is UTC",
    Decimal: " and {place}.is_finite()",
}


def _tuple_test(element: Any) -> Exact:  # noqa: ANN401
    if is_dataclass(element):
        exact = exactness_of(element)  # type: ignore[arg-type]
        return lambda value: value.__class__ is tuple and all(map(exact, value))
    wanted = {element}

    def exact_plain(value: Any) -> bool:  # noqa: ANN401
        return value.__class__ is tuple and set(map(type, value)) <= wanted and _finite_or_nan(value, element)

    return exact_plain


def _finite_or_nan(values: Iterable[Any], element: type) -> bool:
    return element is not float or not any(map(math.isinf, values))


def _numbers_by_name(value: Any) -> bool:  # noqa: ANN401
    return (
        value.__class__ is dict
        and set(map(type, value)) <= {str}
        and set(map(type, value.values())) <= {float}
        and _finite_or_nan(value.values(), float)
    )


def _scalars_by_name(value: Any) -> bool:  # noqa: ANN401
    """NaN and infinity among scalars are written with a mark, by the careful path."""
    if value.__class__ is not dict:
        return False
    if not value:
        return True
    values = value.values()
    return (
        set(map(type, value)) <= {str}
        and set(map(type, values)) <= _SCALARS
        and all(number - number == 0.0 for number in values if number.__class__ is float)
    )
