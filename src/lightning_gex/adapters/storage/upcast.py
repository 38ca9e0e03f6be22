"""Records of earlier versions, brought up to the present one, one version at a time.

A step takes the fields of one event, by name, as its version had them and gives them as the next version would have.
What an old record did not hold is said to be absent, never made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lightning_gex.core.events import EVENT_VERSION

Fields = dict[str, Any]
Step = Callable[[Fields], Fields]

#: The first version whose records stand in the compact form of ``stored_form``; earlier ones hold all fields by name.
FIRST_COMPACT = 3
REASON_NOT_KEPT = "not recorded: version 1 of the journal kept no reason"
RANGE_NOT_KEPT = "not recorded: version 2 of the journal kept no range"


def _order_without_price(fields: Fields) -> Fields:
    return fields | {"order": fields["order"] | {"reference_price": None}}


def _mark_without_prices(fields: Fields) -> Fields:
    return fields | {"prices": {}, "data_at": None}


def _reset_without_reason(fields: Fields) -> Fields:
    return fields | {"reason": REASON_NOT_KEPT}


def _decision_without_range(fields: Fields) -> Fields:
    decision = fields["decision"] | {"expected_range": None, "range_absence": RANGE_NOT_KEPT}
    return fields | {"decision": decision, "pattern": _pattern_of_few_words(fields)}


def _pattern_of_few_words(fields: Fields) -> Fields | None:
    """Whether it was traded stands in the decision beside it; the rest was not kept."""
    pattern = fields.get("pattern")
    if pattern is None:
        return None
    unrecorded = {"schema": 1, "strategy": "", "raw_confidence": None, "calls": [], "structure": "stock"}
    unrecorded |= {"base_rate": None, "confidence_before_memory": None, "memory_shift": None}
    return {**pattern, **unrecorded, "taken": fields["decision"]["status"] == "approved"}


def _outcome_by_its_bracket(fields: Fields) -> Fields:
    """An outcome was told when a bracket ended the signal; nobody looked where the horizon would have led."""
    return fields | {"outcome": fields["outcome"] | {"horizon_return": None}}


def _trade_of_one_leg(fields: Fields) -> Fields:
    """No trade was carried on."""
    return fields | {"trade": fields["trade"] | {"carries": None}}


def _record_of_all(fields: Fields) -> Fields:
    """Nobody had proved anything."""
    return fields | {"backed": False}


#: version -> kind -> the step from that version to the next. A kind that is not named did not change.
STEPS: Mapping[int, Mapping[str, Step]] = {
    1: {"order_placed": _order_without_price, "marked": _mark_without_prices, "breaker_reset": _reset_without_reason},
    2: {"decision_made": _decision_without_range, "signal_resolved": _outcome_by_its_bracket},
    3: {"trade_opened": _trade_of_one_leg, "trade_closed": _trade_of_one_leg, "record_carried": _record_of_all},
}


def upcast(fields: Fields, version: int) -> Fields:
    """An event's fields as the present version would have written them.

    Parameters
    ----------
    fields : by name, from a record's JSON.
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
