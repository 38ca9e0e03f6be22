"""Frozen dataclasses that are built as fast as others.

A frozen dataclass sets each of its fields by a call that passes by its own refusal to be set: sixty nanoseconds a
field, three microseconds a decision, and a bar makes dozens of such values. Here the fields are set while the new
value is of a twin class that refuses nothing and lies in memory in the same way; then it takes its own class. From
outside nothing changes: the value is frozen, compares, prints, copies and is replaced as before.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

_T = TypeVar("_T")
_TAKE_CLASS = object.__dict__["__class__"].__set__
_TWINS: dict[type, type] = {}


def quick_init(cls: type[_T]) -> type[_T]:
    """Give a frozen, slotted dataclass an ``__init__`` that costs a seventh.

    Parameters
    ----------
    cls : a class made by ``dataclass(frozen=True, slots=True)`` without base classes that have fields, all of its own
        fields parameters of ``__init__``.

    Returns
    -------
    The same class. Its subclasses, if any, go on by the original way.

    Raises
    ------
    TypeError : for any other class.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @quick_init
    ... @dataclass(frozen=True, slots=True)
    ... class Point:
    ...     x: float
    ...     y: float = 0.0
    >>> Point(1.0)
    Point(x=1.0, y=0.0)
    >>> Point(1.0).x = 2.0
    Traceback (most recent call last):
        ...
    dataclasses.FrozenInstanceError: cannot assign to field 'x'
    """
    found = fields(cls)  # type: ignore[arg-type]
    names = tuple(f.name for f in found)
    frozen = cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    if not frozen or cls.__dict__.get("__slots__") != names or not all(f.init and not f.kw_only for f in found):
        raise TypeError(f"{cls.__name__} is no plain frozen dataclass with slots")
    twin = type(f"_{cls.__name__}InTheMaking", cls.__bases__, {"__slots__": names, "__module__": cls.__module__})
    _TWINS[cls] = twin
    known: dict[str, Any] = {"cls": cls, "twin": twin, "take_class": _TAKE_CLASS, "slowly": cls.__init__}
    known["not_given"] = object()
    parameters, assignments = [], []
    for f in found:
        value = f.name
        if f.default_factory is not MISSING:
            known[f"make_{f.name}"] = f.default_factory
            parameters.append(f"{f.name}=not_given")
            value = f"make_{f.name}() if {f.name} is not_given else {f.name}"
        elif f.default is not MISSING:
            known[f"default_{f.name}"] = f.default
            parameters.append(f"{f.name}=default_{f.name}")
        else:
            parameters.append(f.name)
        assignments.append(f"    self.{f.name} = {value}")
    source = "\n".join(
        [
            f"def __init__(self, {', '.join(parameters)}):",
            "    if self.__class__ is not cls:",
            f"        slowly(self, {', '.join(_passed_on(f) for f in found)})",
            "        return",
            "    take_class(self, twin)",
            *assignments,
            "    self.__class__ = cls",
            *(["    self.__post_init__()"] if hasattr(cls, "__post_init__") else []),
        ]
    )
    exec(source, known)  # noqa: S102 - field names of our own classes, as ``dataclasses`` itself does it
    made = known["__init__"]
    made.__qualname__, made.__doc__ = f"{cls.__qualname__}.__init__", cls.__init__.__doc__
    made.__module__, made.__annotations__ = cls.__module__, cls.__init__.__annotations__
    cls.__init__ = made  # type: ignore[method-assign]
    cls.__replace__ = _replacing(cls, twin, names)  # type: ignore[attr-defined]
    return cls


def unfrozen_twin_of(cls: type) -> type:
    """The class that a new value of ``cls`` is of while its fields are set.

    Raises
    ------
    TypeError : ``quick_init`` never went over the class.
    """
    try:
        return _TWINS[cls]
    except KeyError:
        raise TypeError(f"{cls.__name__} is no class of quick_init") from None


def replaced(value: _T, **changes: Any) -> _T:  # noqa: ANN401 - the fields' own values
    """A value of a ``quick_init`` class with some fields changed, as ``dataclasses.replace`` makes it, but faster.

    Parameters
    ----------
    value : of a class that ``quick_init`` went over, and of no subclass of it.
    changes : field -> its new value.

    Raises
    ------
    TypeError : a name that is no field, or a value of another class.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @quick_init
    ... @dataclass(frozen=True, slots=True)
    ... class Point:
    ...     x: float
    ...     y: float = 0.0
    >>> replaced(Point(1.0, 2.0), x=3.0)
    Point(x=3.0, y=2.0)
    """
    cls: Any = value.__class__
    how = cls.__dict__.get("__replace__")
    if how is None:
        raise TypeError(f"{cls.__name__} is no class of quick_init")
    made: _T = how(value, changes)
    return made


def _replacing(cls: type, twin: type, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - a function made here
    known: dict[str, Any] = {"cls": cls, "twin": twin, "take_class": _TAKE_CLASS}
    known |= {"make": object.__new__, "say": _no_field}
    source = "\n".join(
        [
            "def __replace__(self, changes):",
            "    value = make(cls)",
            "    take_class(value, twin)",
            *[f"    value.{name} = self.{name}" for name in names],
            "    for name in changes:",
            "        try:",
            "            setattr(value, name, changes[name])",
            "        except AttributeError:",
            "            say(cls, name)",
            "    value.__class__ = cls",
            *(["    value.__post_init__()"] if hasattr(cls, "__post_init__") else []),
            "    return value",
        ]
    )
    exec(source, known)  # noqa: S102 - field names of our own classes, as ``dataclasses`` itself does it
    return known["__replace__"]


def _no_field(cls: type, name: str) -> None:
    raise TypeError(f"{cls.__name__} has no field {name}")


def _passed_on(field: Any) -> str:  # noqa: ANN401 - dataclasses.Field of anything
    if field.default_factory is MISSING:
        return str(field.name)
    return f"make_{field.name}() if {field.name} is not_given else {field.name}"
