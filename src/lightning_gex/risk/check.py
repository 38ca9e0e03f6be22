"""What a risk layer answers: yes or no, why, and the numbers behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lightning_gex.core.decision import Scalar


@dataclass(frozen=True, slots=True)
class Check:
    """One answer. A no is a value, never an exception.

    Parameters
    ----------
    passed : whether trading may go on.
    reason : the first thing that failed, or that nothing did.
    detail : the value and bound of everything that was looked at.
    """

    passed: bool
    reason: str
    detail: Mapping[str, Scalar] = field(default_factory=dict)


def first_failure(failures: Iterable[str | None], passed_reason: str, detail: Mapping[str, Scalar]) -> Check:
    """The check that names the first failure, or passes where all are None."""
    for failure in failures:
        if failure is not None:
            return Check(False, failure, detail)
    return Check(True, passed_reason, detail)


def over_bound(
    name: str, value: float, bound: float, *, shown_as: str = ".2%", reaching_fails: bool = True
) -> str | None:
    """Why a value breaks its upper bound, or None. What is no number breaks every bound.

    Parameters
    ----------
    name : what the value is, in words.
    value, bound : in the same unit.
    shown_as : format of both.
    reaching_fails : whether a value equal to the bound breaks it.
    """
    if not math.isfinite(value):
        return f"{name} is not known ({value}): no entry until it is"
    if value > bound or (reaching_fails and value == bound):
        return f"{name} {value:{shown_as}} {'reaches' if value == bound else 'exceeds'} the limit {bound:{shown_as}}"
    return None
