"""A custom agent's opinion: what is none is refused with its field."""

from __future__ import annotations

import pytest

from lightning_gex.agents.signal import LONGEST_HORIZON, AgentSignal
from lightning_gex.core.errors import InputError

SOUND = {
    "agent_name": "Custom", "direction": "bullish", "confidence": 0.75, "reasoning": "it rises", "target_price": 190.0,
    "stop_loss": 175.0, "time_horizon": 7,
}  # fmt: skip


@pytest.mark.parametrize("field", ["confidence", "target_price", "stop_loss", "time_horizon", "agent_name"])
def test_a_number_of_thousands_of_digits_is_refused_by_name(field: str) -> None:
    with pytest.raises(InputError, match=f"field '{field}'"):
        AgentSignal(**{**SOUND, field: 10**5_000})  # type: ignore[arg-type]


def test_a_horizon_of_centuries_is_refused() -> None:
    assert AgentSignal(**{**SOUND, "time_horizon": LONGEST_HORIZON}).time_horizon == LONGEST_HORIZON  # type: ignore[arg-type]
    with pytest.raises(InputError, match="field 'time_horizon'"):
        AgentSignal(**{**SOUND, "time_horizon": LONGEST_HORIZON + 1})  # type: ignore[arg-type]


def test_names_of_indicators_are_texts_whatever_was_given() -> None:
    found = AgentSignal(**SOUND, supporting_indicators=["rsi", 10**5_000])  # type: ignore[arg-type, list-item]
    assert found.supporting_indicators == ("rsi", "a value of type int")
