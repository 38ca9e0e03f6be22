"""Whether a value holds only what JSON can say and a reader gives back the same.

Types are checked where an event is written; what a type lets through and JSON has no word for is looked for here: a
number that is infinite (or, where None is a value of its own, not a number), money that is none, a time that is not in
UTC. The test of a dataclass is generated from its type hints, as ``dataclasses`` generates ``__eq__``: one expression
without calls is ten times as fast as walking over the fields, and a decision has three hundred of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

Exact = Callable[[Any], bool]


@cache
def exactness_of(kind: type) -> Exact:
    """A test for instances of a dataclass whose values have their declared types: True where JSON holds all of them.

    It raises ``AttributeError`` or ``TypeError`` on some values of other types.

    Parameters
    ----------
    kind : a dataclass of text, numbers, truth values, enums, ``Decimal``, ``datetime``, optional ones of these, nested
        dataclasses, tuples of one kind of these, and mappings from text to numbers or to scalars.
    """
    hints = get_type_hints(kind)
    names: dict[str, Any] = {"inf": math.inf, "UTC": UTC}
    terms = [_term(f"value.{f.name}", hints[f.name], f"t{number}", names) for number, f in enumerate(fields(kind))]
    source = f"def exact(value):\n    return {' and '.join([term for term in terms if term]) or True}"
    exec(source, names)  # noqa: S102 - our own dataclasses' field names and nothing else
    made: Exact = names["exact"]
    return made


def _term(place: str, hint: Any, name: str, names: dict[str, Any]) -> str:  # noqa: ANN401
    """The expression that tests one field, empty where there is nothing to test; what it calls goes into ``names``."""
    if hint in _TESTS:
        return _TESTS[hint].format(place=place)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType} and len(arguments) == 2 and NoneType in arguments:
        (inner,) = (option for option in arguments if option is not NoneType)
        # Null is None there: a NaN would come back as another value.
        test = f"{place} - {place} == 0.0" if inner is float else _term(place, inner, name, names)
        return f"({place} is None or {test})" if test else ""
    test_of = _test_of(hint, origin, arguments)
    if test_of is None:
        return ""
    names[name] = test_of
    return f"{name}({place})"


def _test_of(hint: Any, origin: Any, arguments: tuple[Any, ...]) -> Exact | None:  # noqa: ANN401
    if is_dataclass(hint):
        return exactness_of(hint)  # type: ignore[arg-type]
    if origin is tuple and is_dataclass(arguments[0]):
        exact = exactness_of(arguments[0])  # type: ignore[arg-type]
        return lambda values: all(map(exact, values))
    if origin is tuple and arguments[0] is float:
        return _none_infinite
    if isinstance(origin, type) and issubclass(origin, Mapping) and arguments[1] is float:
        return _no_number_infinite
    return None  # free values that are no finite numbers are marked


#: What a value of a type must be besides being of that type.
_TESTS = {
    float: "-inf != {place} != inf",
    datetime: "{place}.tzinfo is UTC",
    Decimal: "{place}.is_finite()",
}


def _none_infinite(values: Iterable[float]) -> bool:
    return not any(map(math.isinf, values))


def _no_number_infinite(values: Mapping[str, float]) -> bool:
    return not any(map(math.isinf, values.values()))
