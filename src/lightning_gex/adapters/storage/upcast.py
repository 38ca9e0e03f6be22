"""Records of earlier versions, brought up to the present one, one version at a time.

A step takes the fields of one event as its version wrote them and gives them as the next version would have. What an
old record did not hold is said to be absent, never made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lightning_gex.core.events import EVENT_VERSION

Fields = dict[str, Any]
Step = Callable[[Fields], Fields]

REASON_NOT_KEPT = "not recorded: version 1 of the journal kept no reason"


def _order_without_price(fields: Fields) -> Fields:
    return fields | {"order": fields["order"] | {"reference_price": None}}


def _mark_without_prices(fields: Fields) -> Fields:
    return fields | {"prices": {}, "data_at": None}


def _reset_without_reason(fields: Fields) -> Fields:
    return fields | {"reason": REASON_NOT_KEPT}


#: version -> kind -> the step from that version to the next. A kind that is not named did not change.
STEPS: Mapping[int, Mapping[str, Step]] = {
    1: {"order_placed": _order_without_price, "marked": _mark_without_prices, "breaker_reset": _reset_without_reason},
}


def upcast(fields: Fields, version: int) -> Fields:
    """An event's fields as the present version would have written them.

    Parameters
    ----------
    fields : as parsed from a record's JSON.
    version : the record's, from 1 to the present one.

    Raises
    ------
    KeyError, TypeError : the fields are not those of an event of that version.
    """
    for step_from in range(version, EVENT_VERSION):
        step = STEPS[step_from].get(fields["kind"])
        if step is not None:
            fields = step(fields)
    return fields
