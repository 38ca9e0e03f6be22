"""Frozen values some of whose fields are worked out when somebody first reads them.

A decision is explained in words by every agent and every station; a run that keeps no journal never reads them. So a
class of ``quick_init`` that derives from ``Deferred`` can be made with functions in place of some fields. From outside
nothing changes: the value compares, prints, copies, pickles and is journaled as if it had been whole from the start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from lightning_gex.core.quick_init import unfrozen_twin_of

_T = TypeVar("_T")
Later = dict[str, Callable[[], Any]]


class Deferred:
    """A value that may have fields to be worked out later. Has no fields of its own."""

    __slots__ = ("_later",)

    if TYPE_CHECKING:
        _later: Later  # no annotation where programs look for fields
    else:  # a type checker would take every name for a field

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            """What a field is that nobody has read yet: called only where its slot is empty."""
            compose = deferred_part(self, name)
            if compose is None:
                return object.__getattribute__(self, name)  # another thread was faster, or there is no such name
            value = compose()
            object.__setattr__(self, name, value)
            self._later.pop(name, None)  # and with it whatever it was made from
            return value


def deferred_part(value: Deferred, name: str) -> Callable[[], Any] | None:
    """What will work a part out; None where nothing was deferred under this name, or it is worked out already."""
    try:
        later: Later = _LATER(value, value.__class__)
    except AttributeError:  # it was whole from the start
        return None
    return later.get(name)


def to_read(value: Deferred, name: str) -> Callable[[], Any]:
    """What gives a field, for another value that has it too: what works it out, where nobody has read it yet."""
    return deferred_part(value, name) or (lambda: getattr(value, name))


def settle(value: Deferred) -> None:
    """Work out every field that nobody has read yet, at a third of what reading them one by one costs."""
    try:
        later: Later = _LATER(value, value.__class__)
    except AttributeError:
        return
    own = value.__slots__
    for name, compose in later.items():
        if name in own:
            _put(value, name, compose())
    _LET_GO(value)


_LATER = Deferred.__dict__["_later"].__get__
_LET_GO = Deferred.__dict__["_later"].__delete__
_put = object.__setattr__


def deferring(cls: type[_T]) -> Callable[..., _T]:
    """What makes values of a class with some fields to be worked out when they are first read.

    Parameters
    ----------
    cls : a class of ``quick_init`` that derives from ``Deferred``.

    Returns
    -------
    A function of ``later``, field -> what works it out, and of every other field by name. What works a field out is
    called at most once a thread and must depend on nothing that changes; names that are no fields are for the class's
    own use. A field that is given neither way is missing, as the value says when it is read.

    Raises
    ------
    TypeError : a class that cannot defer.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from lightning_gex.core.quick_init import quick_init
    >>> @quick_init
    ... @dataclass(frozen=True, slots=True)
    ... class Said(Deferred):
    ...     number: int
    ...     words: str
    >>> said = deferring(Said)({"words": lambda: "seven"}, number=7)
    >>> said == Said(7, "seven"), said.words
    (True, 'seven')
    """
    if not issubclass(cls, Deferred):
        raise TypeError(f"{cls.__name__} does not derive from Deferred")
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    known: dict[str, Any] = {"cls": cls, "twin": unfrozen_twin_of(cls), "make": object.__new__, "not_given": object()}
    known["take_class"] = object.__dict__["__class__"].__set__
    source = "\n".join(
        [
            f"def made(later, *, {', '.join(f'{name}=not_given' for name in names)}):",
            "    value = make(cls)",
            "    take_class(value, twin)",
            *[f"    if {name} is not not_given: value.{name} = {name}" for name in names],
            "    value._later = later",
            "    value.__class__ = cls",
            "    return value",
        ]
    )
    exec(source, known)  # noqa: S102 - field names of our own classes, as ``dataclasses`` itself does it
    made: Callable[..., _T] = known["made"]
    return made
