"""The six founding modules: every public class and method, on an account whose limits may not move."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzzing import CANARY, Call, Cases, Entry, Opened, either, stateless
from hostile import any_text, anything, spoilt_call

from builders_quick_start import FEATURES, MARKET, OPTIONS, PRICE
from lightning_gex.adapters.clock import ReplayClock
from lightning_gex.agents.registry import default_agents
from lightning_gex.app.bootstrap import (
    AgentSignal,
    ConsensusBuilder,
    EnhancedLightningGEX,
    ExecutionLayer,
    GuardrailLimits,
    HierarchicalDecisionFramework,
    LightningMemorySystem,
    LightningRLPositionSizer,
    MarketRegime,
    MultiAgentCoordinator,
    SecurityManager,
    StrategicLayer,
    TacticalLayer,
)
from lightning_gex.app.founding.hierarchical import fresh_portfolio
from lightning_gex.core.errors import IntegrityError, LightningError
from lightning_gex.core.features import Features
from lightning_gex.core.sessions import to_datetime64

MONDAY = datetime(2024, 6, 3, 18, 0, tzinfo=UTC)  # 14:00 in New York
PASSWORD = f"{CANARY}-password"
NAMES = ("broker", "vendor")
LATER = MONDAY + timedelta(hours=1)
_TRADES_A_DAY = 12  # fewer than the limit: beyond it every entry is blocked
CALLS_A_MINUTE = 40  # so that hours and sessions pass, and limits of each are met

SITUATION: dict[str, object] = {"ticker": "AAPL", "price_data": PRICE, "options_data": OPTIONS, "market_data": MARKET}
SIGNAL: dict[str, object] = {
    "ticker": "AAPL",
    "direction": "bullish",
    "entry_price": 180.0,
    "time_horizon": 7,
    "target_price": 190.0,
    "stop_loss": 175.0,
    "strategy": "trend_following",
}
PORTFOLIO: dict[str, object] = {
    "equity": 100_000.0,
    "cash": 90_000.0,
    "exposure_pct": 0.1,
    "open_risk_pct": 0.01,
    "open_trades": {"MSFT": "bullish"},
    "daily_trades": 1,
    "daily_loss_pct": 0.0,
    "drawdown_pct": 0.01,
    "orders_last_minute": 1,
    "losing_streak": 0,
    "win_rate": 0.5,
    "tripped": {},
}
OBSERVATIONS: dict[str, object] = {
    "gex_signal": 0.5,
    "charm_pressure": 0.4,
    "vanna_sensitivity": 0.3,
    "drawdown": 0.05,
    "win_rate": 0.55,
    "volatility": 0.2,
    "portfolio_heat": 0.1,
}


def limits_of(system: EnhancedLightningGEX) -> tuple[object, ...]:
    """Everything that bounds what may be lost, as it stands: a refused call leaves all of it alone."""
    state = system._trader.state
    return (
        system._security.guardrail_settings(),
        system._trader.config.guardrails,
        system._trader.config.breakers,
        dict(state.tripped),
        state.daily_trades,
        state.order_times,
        state.session_equity,
        state.peak_equity,
        state.losing_streak,
        state.ledger,
        dict(state.open_trades),
        state.next_trade_id,
        dict(state.weights),
        system._account.halt.read(),
        dict(system._hierarchical.strategic.regime_config),
        system._session,
    )


def _demand_unharmed(error: LightningError, before: tuple[object, ...], after: tuple[object, ...]) -> None:
    assert not isinstance(error, IntegrityError), f"an honest record is called altered: {error}"
    changed = [now for was, now in zip(before, after, strict=True) if was != now]
    assert not changed, f"a refused call changed a limit: {changed}"


Act = Callable[[EnhancedLightningGEX, dict[str, Any]], object]
Prepare = Callable[[EnhancedLightningGEX, dict[str, Any]], dict[str, Any]]


def on_an_account(
    act: Act, *, prepare: Prepare | None = None, check: Callable[[Any], None] | None = None, **how: object
) -> Opened:
    """Calls on one account with two secrets and an open trade; afterwards secrets and record are still there.

    ``prepare`` does what a sound call needs done before it, and gives the case that then is meant: it may move limits.
    """

    @contextmanager
    def opened(folder: Path) -> Iterator[Call]:
        home = folder / "home"
        clock = ReplayClock(MONDAY)
        with EnhancedLightningGEX(home=home, clock=clock, master_password=PASSWORD, **how) as system:
            for name in NAMES:
                system.security.store_api_credentials(name, f"{name}-key", f"{CANARY}-{name}")
            system.analyze_ticker(**{**SITUATION, "ticker": "MSFT"})
            calls = 0

            def call(case: dict[str, Any]) -> object:
                nonlocal calls
                calls += 1
                clock.set(MONDAY + timedelta(minutes=calls / CALLS_A_MINUTE))
                if prepare is not None:
                    case = prepare(system, case)
                before = limits_of(system)
                try:
                    answer = act(system, case)
                except LightningError as error:
                    _demand_unharmed(error, before, limits_of(system))
                    raise
                if check is not None:
                    check(answer)
                return answer

            yield call
            assert system.security.verify_audit_log() > 0
        with SecurityManager(PASSWORD, home=home) as later:
            for name in NAMES:
                assert later.get_api_credentials(name)["api_secret"] == f"{CANARY}-{name}", "a secret was lost"
            assert later.verify_audit_log() > 0

    return opened


# --- answers -----------------------------------------------------------------------------------------------------


def demand_sound_decision(answer: Mapping[str, Any]) -> None:
    """An approved decision can be ordered as it stands; another one orders nothing."""
    assert answer["status"] in {"approved", "blocked", "no_signal"}
    if answer["status"] != "approved":
        assert answer["quantity"] == 0
        assert answer["trade_id"] is None
        return
    assert isinstance(answer["quantity"], int)
    assert answer["quantity"] > 0
    entry, target, stop = (answer[k] for k in ("entry_price", "target_price", "stop_loss"))
    assert all(math.isfinite(p) and p > 0 for p in (entry, target, stop))
    assert min(target, stop) < entry < max(target, stop)
    assert 0.0 < answer["position_size_pct"] <= 0.15 + 1e-9
    assert 0.0 <= answer["confidence"] <= 1.0


def demand_sound_outcome(answer: Mapping[str, Any]) -> None:
    """What a closed trade earned is a number."""
    assert all(math.isfinite(answer[k]) for k in ("entry_price", "exit_price", "pnl", "net_return"))


def demand_sound_size(answer: Mapping[str, Any]) -> None:
    """One of the five sizes, and whole shares."""
    assert answer["size_pct"] in (0.0, 0.02, 0.05, 0.10, 0.15)
    assert answer["quantity"] is None or (isinstance(answer["quantity"], int) and answer["quantity"] >= 0)


def demand_sound_confidence(answer: Mapping[str, Any]) -> None:
    """A probability, scaled by no more than memory may."""
    assert 0.0 <= answer["confidence"] <= 1.0
    assert 0.8 <= answer["multiplier"] <= 1.2


def demand_probabilities(answer: Mapping[Any, float]) -> None:
    """Probabilities, that add up to one where there are any."""
    assert all(0.0 <= p <= 1.0 for p in answer.values())
    assert not answer or math.isclose(sum(answer.values()), 1.0, rel_tol=1e-9)


# --- acts --------------------------------------------------------------------------------------------------------


def _present(system: EnhancedLightningGEX) -> datetime:
    """A moment in the account's latest session, or in the next one where this one's trades are nearly used up."""
    session = system._session
    if session is None:
        return MONDAY
    day = datetime.combine(session.astype(object), MONDAY.timetz())
    return max(MONDAY, day + timedelta(days=1) if system._trader.state.daily_trades >= _TRADES_A_DAY else day)


def _analyzed(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    """A decision now, where the case does not date it otherwise: time only goes forward."""
    market = case["market_data"]
    if isinstance(market, dict) and market.get("as_of") is MONDAY:
        case = {**case, "market_data": {**market, "as_of": _present(system)}}
    return system.analyze_ticker(**case)


def _with_a_trade(system: EnhancedLightningGEX, case: dict[str, Any]) -> dict[str, Any]:
    """The case of a trade to close, after opening one where none is open."""
    if not system._trader.state.open_trades:
        now = {**MARKET, "as_of": _present(system)}
        system.analyze_ticker(**{**SITUATION, "ticker": f"T{system._trader.state.decisions}", "market_data": now})
    if case["as_of"] is LATER:
        case = {**case, "as_of": _present(system) + timedelta(hours=1)}
    if isinstance(case["trade_id"], str) and case["trade_id"] == "open" and system._trader.state.open_trades:
        case = {**case, "trade_id": next(iter(system._trader.state.open_trades))}
    return case


def _remembered(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    """Tell an outcome, of a signal that is there where the case says so."""
    if isinstance(case["signal_id"], str) and case["signal_id"] == "known":
        known = system.memory.record_signal(**SIGNAL_TO_REMEMBER)
        case = {**case, "signal_id": known}
    return system.memory.record_outcome(**case)


SIGNAL_TO_REMEMBER: dict[str, Any] = {
    **SITUATION,
    "direction": "bullish",
    "confidence": 0.6,
    "entry_price": 180.0,
    "target_price": 190.0,
    "stop_loss": 175.0,
    "time_horizon": 7,
}


def _with_regime(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    config = system.hierarchical.strategic.regime_config
    before = dict(config)
    try:
        config[case["regime"]] = case["limits"]
        return system.analyze_ticker(**SITUATION)
    finally:
        for regime, limits in before.items():
            config[regime] = limits


def _halted(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    """Whatever is said with it, trading is halted."""
    try:
        return system.halt(**case)
    finally:
        assert system._account.halt.read() is not None, "a halt is not in force"
        assert "halt" in system._trader.state.tripped
        system.resume_trading("a test", "the next case")


def _resumed(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    system.halt("a drill")
    try:
        return system.resume_trading(**case)
    except LightningError:
        assert system._account.halt.read() is not None, "a refused resume lifted the halt"
        system.resume_trading("a test", "the next case")
        raise


def _custom(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    """A custom agent that answers with whatever the case holds."""

    class Custom:
        name = case["name"]

        def analyze(self, data: Mapping[str, float]) -> object:
            if case["raises"] is not False:
                raise KeyError("a stranger's fault")
            return AgentSignal(**case["signal"]) if case["other"] is False else case["answer"]

    coordinator = MultiAgentCoordinator(clock=system._account.clock)
    coordinator.custom_agent = Custom() if case["object"] is True else case["answer"]
    return coordinator.analyze(**SITUATION)


def _exported_logs(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    return system.security.export_audit_logs(_inside(system, case["path"]), case["fmt"], backtests=case["backtests"])


def _inside(system: EnhancedLightningGEX, path: object) -> object:
    """A path below the workspace where the case gives a text; nothing is written elsewhere."""
    if not isinstance(path, str):
        return path
    return str(system._account.workspace.reports / path.lstrip("/~.").replace("..", "_"))


def _imported(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    path = _inside(system, case["path"])
    if isinstance(case["path"], str) and case["path"] == "memory.csv":
        system.memory.export_to_csv(path)  # type: ignore[arg-type]
    return system.memory.import_from_csv(path)  # type: ignore[arg-type]


def _verified(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    if isinstance(case["headers"], str) and case["headers"] == "signed":
        headers = system.security.sign_request("broker", "GET", "/x")
        case = {**case, "headers": headers}
    elif isinstance(case["headers"], dict) and case["sound"] is True:
        case = {**case, "headers": {**system.security.sign_request("broker", "GET", "/x"), **case["headers"]}}
    answer = system.security.verify_request(**{k: v for k, v in case.items() if k != "sound"})
    assert isinstance(answer, bool)
    return answer


def _features(case: dict[str, Any]) -> Features:
    stamp = np.array([to_datetime64(MONDAY)], dtype="datetime64[s]")
    return Features("AAPL", stamp, {k: np.array([v]) for k, v in case.items()}, {})


HEADERS = {
    "X-Lightning-Timestamp": "2024-06-03T18:00:00Z",
    "X-Lightning-Nonce": "a" * 32,
    "X-Lightning-Signature": "0" * 64,
}
LIMITS: dict[str, object] = {
    "max_portfolio_risk": 0.12,
    "max_position_size": 0.08,
    "max_positions": 4,
    "preferred_timeframes": [5, 10],
    "allowed_strategies": ["custom", "trend_following"],
    "stop_loss_multiplier": 2.0,
    "take_profit_multiplier": 3.5,
    "max_daily_loss": 0.025,
}
GUARDRAILS: dict[str, object] = asdict(GuardrailLimits())


def _calls(**sound: object) -> Cases:
    return lambda random: spoilt_call(random, sound)


def _entry(name: str, cases: Cases, opened: Opened, suite: int = 500, **more: Any) -> Entry:
    return Entry(name, cases, opened, suite=suite, **more)


def _system(name: str, sound: Mapping[str, object], act: Act, suite: int = 60, **more: Any) -> Entry:
    around = {key: more.pop(key, None) for key in ("prepare", "check")}
    return _entry(name, lambda random: spoilt_call(random, sound), on_an_account(act, **around), suite, **more)


def _constructed(case: dict[str, Any], folder: Path) -> object:
    with EnhancedLightningGEX(home=folder / "home", clock=ReplayClock(MONDAY), **case) as system:
        return repr(system)


@contextmanager
def _constructing(folder: Path) -> Iterator[Call]:
    def call(case: dict[str, Any]) -> object:
        return _constructed(case, folder)

    yield call
    with EnhancedLightningGEX(home=folder / "home", clock=ReplayClock(MONDAY)) as system:
        assert system.security.verify_audit_log() > 0
        assert system.security.guardrails == GuardrailLimits()


def _built(kind: Callable[..., object], **sound: object) -> tuple[Cases, Opened]:
    return _calls(**sound), stateless(lambda case: repr(kind(**case)))


@contextmanager
def _sizing(folder: Path) -> Iterator[Call]:
    sizer = LightningRLPositionSizer()

    def call(case: dict[str, Any]) -> object:
        answer = sizer.get_position_size(**case)
        demand_sound_size(answer)
        return answer

    yield call


def _evaluated(case: dict[str, Any]) -> object:
    layers = HierarchicalDecisionFramework(clock=ReplayClock(MONDAY))
    return layers.evaluate(**case)


def _tactical(case: dict[str, Any]) -> object:
    limits = StrategicLayer().get_parameters(MarketRegime.BULL_TRENDING)
    return TacticalLayer().evaluate(limits=limits, **case)


def _executed(case: dict[str, Any]) -> object:
    limits = StrategicLayer().get_parameters(MarketRegime.BULL_TRENDING)
    plan = TacticalLayer().evaluate(SIGNAL, limits, fresh_portfolio(100_000.0)).plan
    assert plan is not None
    return ExecutionLayer().check(plan, **case)


def _summed(case: dict[str, Any]) -> object:
    features = _features(FEATURES)
    votes = [agent.vote(features) for agent in default_agents()]
    builder = ConsensusBuilder(weights=case["weights"])
    builder.add_agent(case["agent_name"])
    return builder.build_consensus(votes, features)


def _weighed(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    weight = system.coordinator.consensus_builder.update_agent_weight(**case)
    assert 0.5 <= weight <= 2.0
    return weight


def _sizes(random: Random) -> dict[str, Any]:
    return spoilt_call(
        random,
        {"observations": OBSERVATIONS, "price": 180.0, "win_rate": 0.6, "payoff_ratio": 1.5, "stop_return": 0.03},
    )


_MORE_SITUATIONS = {**SITUATION, "market_data": {**MARKET, "as_of": MONDAY}}
_CUSTOM = {
    "name": "Custom",
    "raises": False,
    "other": False,
    "object": True,
    "answer": None,
    "signal": {
        "agent_name": "Custom",
        "direction": "bullish",
        "confidence": 0.75,
        "reasoning": "it rises",
        "target_price": 190.0,
        "stop_loss": 175.0,
        "time_horizon": 7,
        "supporting_indicators": ["rsi"],
    },
}

#: Class -> what it is called in the documents.
CLASSES: Mapping[str, type] = {
    "EnhancedLightningGEX": EnhancedLightningGEX,
    "SecurityManager": SecurityManager,
    "LightningMemorySystem": LightningMemorySystem,
    "LightningRLPositionSizer": LightningRLPositionSizer,
    "MultiAgentCoordinator": MultiAgentCoordinator,
    "ConsensusBuilder": ConsensusBuilder,
    "AgentSignal": AgentSignal,
    "HierarchicalDecisionFramework": HierarchicalDecisionFramework,
    "StrategicLayer": StrategicLayer,
    "TacticalLayer": TacticalLayer,
    "ExecutionLayer": ExecutionLayer,
    "TradingGuardrails": GuardrailLimits,
}


def _entries() -> list[Entry]:
    system, memory, security = "EnhancedLightningGEX.", "LightningMemorySystem.", "SecurityManager."
    return [
        _entry(
            "EnhancedLightningGEX",
            _calls(
                initial_capital=100_000.0,
                master_password=PASSWORD,
                enable_rl_sizing=True,
                enable_memory=True,
                enable_multi_agent=True,
                enable_hierarchical=True,
                enable_security=True,
                guardrails=None,
            ),
            _constructing,
            suite=20,
            soak=1_000,
        ),
        _system(
            system + "analyze_ticker",
            _MORE_SITUATIONS,
            lambda s, c: s.analyze_ticker(**c),
            60,
            check=demand_sound_decision,
        ),
        _system(
            system + "update_trade_outcome",
            {"trade_id": "open", "exit_price": 185.0, "exit_reason": "manual", "as_of": LATER},
            lambda s, c: s.update_trade_outcome(**c),
            60,
            prepare=_with_a_trade,
            check=demand_sound_outcome,
        ),
        _system(
            system + "reset_circuit_breaker",
            {"breaker": "daily_loss", "reset_by": "me", "reason": "a drill"},
            lambda s, c: s.reset_circuit_breaker(**c),
        ),
        _system(system + "halt", {"reason": "a drill", "by": "me", "flatten": False}, _halted, 40, soak=1_000),
        _system(system + "resume_trading", {"by": "me", "reason": "a drill"}, _resumed, 40, soak=1_000),
        _system(memory + "record_signal", SIGNAL_TO_REMEMBER, lambda s, c: s.memory.record_signal(**c), 60),
        _system(
            memory + "record_outcome",
            {"signal_id": "known", "net_return": 0.03, "as_of": MONDAY + timedelta(days=9)},
            _remembered,
        ),
        _system(memory + "find", {"signal_id": "x"}, lambda s, c: s.memory.find(**c)),
        _system(
            memory + "find_similar_patterns",
            {**SITUATION, "direction": "bullish", "count": 5},
            lambda s, c: s.memory.find_similar_patterns(**c),
        ),
        _system(
            memory + "adjust_confidence",
            {**SITUATION, "direction": "bullish", "confidence": 0.6},
            lambda s, c: s.memory.adjust_confidence(**c),
            check=demand_sound_confidence,
        ),
        _system(memory + "get_recent_signals", {"count": 3}, lambda s, c: s.memory.get_recent_signals(**c)),
        _system(
            memory + "export_to_csv",
            {"path": "memory.csv"},
            lambda s, c: s.memory.export_to_csv(_inside(s, c["path"])),
            soak=4_000,
        ),
        _system(
            memory + "import_from_csv",
            {"path": "memory.csv"},
            _imported,
            soak=4_000,
        ),
        _system(
            "LightningMemorySystem",
            {"max_short_term": 50},
            lambda s, c: repr(LightningMemorySystem(account=s._account, **c)),
        ),
        _system(
            security + "store_api_credentials",
            {"api_name": "another", "api_key": "key", "api_secret": f"{CANARY}-stored"},
            lambda s, c: s.security.store_api_credentials(**c),
            30,
            soak=2_000,
        ),
        _system(
            security + "get_api_credentials",
            {"api_name": "broker"},
            lambda s, c: len(s.security.get_api_credentials(**c)),
        ),
        _system(security + "delete_api_credentials", {"api_name": "absent"}, _deleted),
        _system(security + "change_master_password", {"new_password": PASSWORD}, _password_changed, 20, soak=1_000),
        _system(
            security + "sign_request",
            {"api_name": "broker", "method": "GET", "path": "/x", "body": b"abc"},
            lambda s, c: s.security.sign_request(**c),
        ),
        _entry(
            security + "verify_request",
            either(
                _calls(api_name="broker", method="GET", path="/x", body=b"", headers=HEADERS, sound=True),
                _calls(api_name="broker", method="GET", path="/x", body=b"", headers="signed", sound=False),
            ),
            on_an_account(_verified),
            60,
        ),
        _system(
            security + "check_rate_limit",
            {"api_name": "broker", "max_calls": 60, "window_seconds": 60.0},
            lambda s, c: s.security.check_rate_limit(**c),
        ),
        _entry(
            security + "log_event",
            _events,
            on_an_account(lambda s, c: s.security.log_event(c["event"], **c["detail"])),
            60,
        ),
        _system(
            security + "export_audit_logs",
            {"path": "audit.csv", "fmt": None, "backtests": False},
            _exported_logs,
            40,
            soak=1_000,
        ),
        _entry(
            "SecurityManager",
            _calls(master_password=PASSWORD, guardrails=None),
            on_an_account(lambda s, c: repr(SecurityManager(account=s._account, **c))),
        ),
        _entry(
            "ConsensusBuilder.build_consensus",
            _calls(weights={"Trend Agent": 1.0}, agent_name="Custom"),
            stateless(_summed),
        ),
        _entry(
            "ConsensusBuilder.carry",
            _calls(weights={"Trend Agent": 1.0}),
            stateless(lambda c: ConsensusBuilder().carry(**c)),
        ),
        _system(
            "ConsensusBuilder.update_agent_weight",
            {"agent_name": "Trend Agent", "performance": 0.6},
            _weighed,
        ),
        _entry(
            "MultiAgentCoordinator.analyze",
            _calls(**SITUATION),
            stateless(lambda c: MultiAgentCoordinator(clock=ReplayClock(MONDAY)).analyze(**c)),
            60,
        ),
        _system("MultiAgentCoordinator.custom_agent", _CUSTOM, _custom, 60),
        _entry("AgentSignal", *_built(AgentSignal, **_CUSTOM["signal"])),  # type: ignore[arg-type]
        _entry("TradingGuardrails", *_built(GuardrailLimits, **GUARDRAILS)),
        _entry(
            "HierarchicalDecisionFramework",
            *_built(HierarchicalDecisionFramework, initial_capital=100_000.0, allow_short=False, custom_rule=None),
        ),
        _entry(
            "HierarchicalDecisionFramework.evaluate",
            _calls(signal=SIGNAL, market_data=MARKET, price_data=PRICE, quantity=10, portfolio=PORTFOLIO),
            stateless(_evaluated),
        ),
        _entry(
            "StrategicLayer.detect_regime",
            _calls(market_data=MARKET, price_data=PRICE),
            stateless(lambda c: StrategicLayer(clock=ReplayClock(MONDAY)).detect_regime(**c)),
        ),
        _entry(
            "StrategicLayer.regime_probabilities",
            _calls(market_data=MARKET, price_data=PRICE),
            stateless(
                lambda c: demand_probabilities(StrategicLayer(clock=ReplayClock(MONDAY)).regime_probabilities(**c))
            ),
        ),
        _entry(
            "StrategicLayer.get_parameters",
            _calls(regime="bull_trending"),
            stateless(lambda c: StrategicLayer().get_parameters(**c)),
        ),
        _system("StrategicLayer.regime_config", {"regime": "custom_regime", "limits": LIMITS}, _with_regime, 60),
        _entry(
            "TacticalLayer.evaluate",
            _calls(signal=SIGNAL, portfolio=PORTFOLIO, atr=4.5),
            stateless(_tactical),
        ),
        _entry(
            "ExecutionLayer.check",
            _calls(quantity=10, price_now=180.0, portfolio=PORTFOLIO),
            stateless(_executed),
        ),
        _entry(
            "LightningRLPositionSizer",
            *_built(LightningRLPositionSizer, algorithm="PPO", initial_capital=1e5, seed=0),
        ),
        _entry("LightningRLPositionSizer.get_position_size", _sizes, _sizing),
        _entry(
            "LightningRLPositionSizer.train",
            _calls(total_timesteps=0, data=None, learning_rate=0.0),
            stateless(_trained),
            suite=30,
        ),
    ]


def _events(random: Random) -> dict[str, Any]:
    detail = {any_text(random): anything(random) for _ in range(random.randint(0, 3))}
    return {"event": random.choice(("a note", any_text(random), anything(random))), "detail": detail}


def _trained(case: dict[str, Any]) -> object:
    """Only calls that are refused before any training begins: a sound one takes minutes."""
    if case["data"] is None:
        case = {**case, "data": "no bars"}
    return LightningRLPositionSizer().train(**case)


def _deleted(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    if isinstance(case["api_name"], str) and case["api_name"] in NAMES:
        return None
    return system.security.delete_api_credentials(**case)


def _password_changed(system: EnhancedLightningGEX, case: dict[str, Any]) -> object:
    """A password that was accepted opens everything; then the old one is put back."""
    system.security.change_master_password(**case)
    assert len(system.security.get_api_credentials("broker")) == 2
    system.security.change_master_password(PASSWORD)
    return None


ENTRIES = tuple(_entries())
