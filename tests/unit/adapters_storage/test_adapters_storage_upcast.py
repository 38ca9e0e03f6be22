"""A record of an earlier version says what it did not hold."""

from __future__ import annotations

import pytest

from lightning_gex.adapters.storage.upcast import RANGE_NOT_KEPT, upcast


def test_a_decision_of_version_2_has_no_range_and_says_that_none_was_kept() -> None:
    old = {"kind": "decision_made", "decision": {"status": "approved"}, "pattern": None}
    decision = upcast(old, 2)["decision"]
    assert decision["expected_range"] is None
    assert decision["range_absence"] == RANGE_NOT_KEPT
    assert decision["status"] == "approved"


def test_an_outcome_of_version_2_was_told_by_its_bracket_alone() -> None:
    old = {"kind": "signal_resolved", "outcome": {"net_return": 0.02, "won": True}}
    assert upcast(old, 2)["outcome"] == {"net_return": 0.02, "won": True, "horizon_return": None}


@pytest.mark.parametrize("kind", ["trade_opened", "trade_closed"])
def test_a_trade_of_version_3_carried_none_on(kind: str) -> None:
    trade = upcast({"kind": kind, "trade": {"quantity": 7}}, 3)["trade"]
    assert trade == {"quantity": 7, "carries": None}
