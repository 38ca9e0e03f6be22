"""The start-up self-test finds a limit that is not wired, whichever it is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.errors import RefusedError
from lightning_gex.engine import intent, self_test
from lightning_gex.engine.config import EngineConfig, Enhancements
from lightning_gex.risk import guardrails
from lightning_gex.risk.check import Check
from lightning_gex.risk.circuit_breaker import Breaker, BreakerInputs
from lightning_gex.risk.guardrails import GuardrailLimits


@dataclass(frozen=True)
class Moon:
    name: str = "moon"

    def reason(self, inputs: BreakerInputs) -> str | None:
        return None


#: Every guardrail in force, the cap in dollars among them.
EVERY = EngineConfig(guardrails=GuardrailLimits(max_capital_usd=5_000.0))


def test_every_limit_blocks_every_breaker_trips_and_the_halt_stops() -> None:
    found = self_test.self_test(replace(EVERY, own_breakers=(Moon(),)))
    assert set(found.guardrails) == {f.name for f in dataclasses.fields(GuardrailLimits)}
    assert set(found.breakers) == {*Breaker, "moon"}
    assert found.halted


_FRACTION = st.floats(0.001, 1.0)


@given(st.tuples(st.integers(1, 500), *[_FRACTION] * 3, st.integers(1, 500), *[_FRACTION] * 2))
def test_it_passes_with_any_limits_a_user_may_set(values: tuple[float, ...]) -> None:
    limits = GuardrailLimits(*values)  # type: ignore[arg-type]
    assert len(self_test.self_test(replace(EngineConfig(), guardrails=limits)).guardrails) == 7


@given(st.floats(0.01, 1e12))
def test_it_passes_with_any_cap_in_dollars_and_has_tripped_it(cap: float) -> None:
    limits = GuardrailLimits(max_capital_usd=cap)
    assert "max_capital_usd" in self_test.self_test(replace(EngineConfig(), guardrails=limits)).guardrails


def test_without_a_cap_in_dollars_none_is_claimed_to_be_tried() -> None:
    assert "max_capital_usd" not in self_test.self_test(EngineConfig()).guardrails


def test_it_passes_where_hardly_anything_may_be_held_in_all() -> None:
    tight = GuardrailLimits(max_position_size_pct=1.0, max_total_exposure_pct=0.001)
    assert self_test.self_test(replace(EngineConfig(), guardrails=tight)).halted


@pytest.mark.parametrize("field", dataclasses.fields(GuardrailLimits), ids=lambda f: f.name)
def test_a_guardrail_that_is_not_wired_is_found_and_named(
    field: dataclasses.Field[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = guardrails.check_entry
    huge = 10**9 if field.type == "int" else 1e9

    def forgets(limits: GuardrailLimits, *arguments: object, **named: object) -> Check:
        forgetful = object.__new__(GuardrailLimits)
        for f in dataclasses.fields(GuardrailLimits):
            object.__setattr__(forgetful, f.name, huge if f.name == field.name else getattr(limits, f.name))
        return original(forgetful, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(intent, "check_entry", forgets)
    with pytest.raises(RefusedError, match=f"guardrail {field.name} did not block an entry"):
        self_test.self_test(EVERY if field.name == "max_capital_usd" else EngineConfig())


@pytest.mark.parametrize("breaker", Breaker)
def test_a_breaker_that_never_trips_is_found_and_named(breaker: Breaker, monkeypatch: pytest.MonkeyPatch) -> None:
    original = self_test.tripped
    monkeypatch.setattr(self_test, "tripped", lambda *a: {n: why for n, why in original(*a).items() if n != breaker})
    with pytest.raises(RefusedError, match=f"circuit breaker {breaker} did not trip at its limit"):
        self_test.self_test(EngineConfig())


def test_a_system_that_blocks_everything_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intent, "check_entry", lambda *_, **__: Check(False, "no"))
    with pytest.raises(RefusedError, match="breaks no limit"):
        self_test.self_test(EngineConfig())


def test_a_system_that_lets_everything_through_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intent, "check_entry", lambda *_, **__: Check(True, "yes"))
    with pytest.raises(RefusedError, match="do not trade with this installation"):
        self_test.self_test(EngineConfig())


def test_the_halt_is_tried_with_the_guardrails_off_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    off = EngineConfig(enhancements=Enhancements(security=False))
    assert self_test.self_test(off) == self_test.SelfTest((), (), True)
    monkeypatch.setattr(intent, "_last_look", lambda *_: Check(True, "yes"))
    with pytest.raises(RefusedError, match="the kill switch did not stop an entry"):
        self_test.self_test(off)
