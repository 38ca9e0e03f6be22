"""What the founding modules show when they are run: each a few seconds, step by step, on invented figures."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lightning_gex.agents.signal import AgentSignal
from lightning_gex.app.founding.coordinator import MultiAgentCoordinator
from lightning_gex.app.founding.hierarchical import HierarchicalDecisionFramework
from lightning_gex.app.founding.memory import LightningMemorySystem
from lightning_gex.app.founding.security import SecurityManager
from lightning_gex.app.founding.sizer import LightningRLPositionSizer
from lightning_gex.app.founding.system import EnhancedLightningGEX
from lightning_gex.app.workspace import HOME_VARIABLE
from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.errors import (
    InputError,
    LightningError,
    MissingExtraError,
    RefusedError,
    SecretError,
    SettingsError,
)
from lightning_gex.risk.guardrails import GuardrailLimits

_TICKER = "DEMO"  # no listed symbol: a demo in a real workspace must not be taken for a real trade
_TIMESTEPS = 1_024  # seconds of training; a policy of use takes a hundred times as many
_WIDTH = 88

#: A steady rise in a calm market, the founding document's own figures.
CALM = {
    "price": 180.0,
    "sma_20": 178.0,
    "sma_50": 175.0,
    "sma_200": 170.0,
    "adx": 35.0,
    "rsi": 60.0,
    "bb_upper": 185.0,
    "bb_lower": 175.0,
    "stochastic": 65.0,
    "resistance": 185.0,
    "support": 175.0,
    "volume": 2_000_000,
    "avg_volume": 1_500_000,
    "atr": 4.5,
    "atr_20_avg": 5.0,
    "bb_width": 0.055,
    "bb_width_avg": 0.060,
    "volatility": 0.18,
}
CALM_OPTIONS = {"gex_signal": 0.75, "charm_pressure": 0.65, "vanna_sensitivity": 0.55, "dark_pool_flow": 0.60}
CALM_MARKET = {"spy_trend": 0.5, "vix": 16.0, "vix_20_avg": 18.0, "adx": 32.0, "advance_decline_ratio": 1.4}
#: The same stock below its averages in a nervous market.
NERVOUS = CALM | {
    "price": 164.0,
    "adx": 18.0,
    "rsi": 38.0,
    "bb_upper": 186.0,
    "bb_lower": 160.0,
    "stochastic": 20.0,
    "support": 160.0,
    "volume": 3_500_000,
    "atr": 8.0,
    "bb_width": 0.15,
    "volatility": 0.45,
}
NERVOUS_OPTIONS = {"gex_signal": -0.8, "charm_pressure": -0.4, "vanna_sensitivity": -0.6, "dark_pool_flow": -0.2}
NERVOUS_MARKET = {"spy_trend": -0.6, "vix": 31.0, "vix_20_avg": 22.0, "adx": 27.0, "advance_decline_ratio": 0.5}
CRASH_MARKET = NERVOUS_MARKET | {"vix": 62.0, "vix_20_avg": 30.0}


def run_founding_demo(name: str) -> int:
    """Run one founding module's demo: its exit code.

    It works in a workspace that is deleted afterwards, unless ``LIGHTNING_HOME`` names one.

    Parameters
    ----------
    name : ``sizer, memory, coordinator, hierarchical, security`` or ``system``.
    """
    title, demo = _DEMOS[name]
    print(f"{title}\n{'=' * len(title)}")
    try:
        with _workspace() as home:
            demo(home)
    except LightningError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


@contextmanager
def _workspace() -> Iterator[Path]:
    named = os.environ.get(HOME_VARIABLE)
    if named:
        print(f"in the workspace {named} ({HOME_VARIABLE})")
        yield Path(named)
        return
    with tempfile.TemporaryDirectory(prefix="lightning-gex-demo-") as folder:
        print(f"in a workspace of its own, deleted afterwards (set {HOME_VARIABLE} to keep one)")
        yield Path(folder) / "home"


def _step(number: int, what: str) -> None:
    print(f"\n{number}. {what}\n{'-' * _WIDTH}")


# --- position sizing -------------------------------------------------------------------------------------------------


def _sizer(home: Path) -> None:
    _step(1, "Five sizes: 0, 2, 5, 10, 15 % of equity. Without a trained policy, Kelly chooses")
    sizer = LightningRLPositionSizer(algorithm="PPO", initial_capital=100_000)
    calm = {**{k: CALM_OPTIONS[k] for k in ("gex_signal", "charm_pressure", "vanna_sensitivity")}, "volatility": 0.18}
    _print_size("nothing known yet", sizer.get_position_size(calm, price=180.0))
    for win_rate in (0.38, 0.41, 0.50):
        size = sizer.get_position_size(calm, 180.0, win_rate=win_rate, payoff_ratio=1.5, stop_return=0.06)
        _print_size(f"{win_rate:.0%} of trades won, target 1.5 stops away", size)

    _step(2, f"Train a policy: PPO, {_TIMESTEPS:,} candidate trades on simulated markets")
    try:
        report = sizer.train(total_timesteps=_TIMESTEPS)
    except MissingExtraError as missing:
        print(f"  skipped: {missing}")
        return
    print(f"  learnt from {report['candidates']:,} candidate trades in {report['episodes']} markets ({report['data']})")
    print(f"  it takes {report['share_taken']:.0%} of them at {report['mean_size_pct']:.1%} of equity on average")
    print("  so few timesteps make no good policy: train 100,000 or more, and test it before you trust it")

    _step(3, "Seven observations in, one size out")
    account = {"drawdown": 0.02, "win_rate": 0.55, "portfolio_heat": 0.03}
    strained = {"gex_signal": -0.8, "charm_pressure": -0.4, "vanna_sensitivity": -0.6, "volatility": 0.45}
    _print_size("calm market, small drawdown", sizer.get_position_size({**calm, **account}, price=180.0))
    worse = {**strained, "drawdown": 0.18, "win_rate": 0.4, "portfolio_heat": 0.09}
    _print_size("nervous market, deep drawdown", sizer.get_position_size(worse, price=164.0))

    _step(4, "Save it, load it: deciding needs no torch")
    home.mkdir(parents=True, exist_ok=True)
    path = home / "demo_sizer_ppo.zip"
    sizer.save_model(path)
    loaded = LightningRLPositionSizer(algorithm="PPO", model_path=path)
    same = loaded.get_position_size(worse, 164.0) == sizer.get_position_size(worse, 164.0)
    print(f"  {path.name}: {path.stat().st_size / 1024:.0f} KiB; the loaded policy answers the same: {_yes(same)}")


def _print_size(situation: str, answer: Mapping[str, Any]) -> None:
    print(f"  {situation:<44} {answer['size_pct']:>4.0%} = {answer['quantity']:>3} shares  ({answer['method']})")
    print(f"      {answer['reason']}")


# --- memory ----------------------------------------------------------------------------------------------------------


def _memory(home: Path) -> None:
    with LightningMemorySystem(home=home) as memory:
        _step(1, "Remember 24 signals and, later, what became of them")
        first = datetime(2024, 1, 2, 21, 0, tzinfo=UTC)
        for k in range(12):
            _remember(memory, CALM, CALM_OPTIONS, CALM_MARKET, first + timedelta(days=7 * k), won=k % 4 != 3)
            _remember(
                memory, NERVOUS, NERVOUS_OPTIONS, NERVOUS_MARKET, first + timedelta(days=7 * k + 1), won=k % 4 == 0
            )
        known = memory.summary()
        print(f"  {known['signals']} signals, {known['resolved']} with a known outcome, {known['win_rate']:.0%} won")

        _step(2, "What became of similar signals? The three most alike, in calm and in nervous markets")
        now = {"as_of": datetime(2024, 6, 3, 20, 0, tzinfo=UTC)}
        for word, price, options, market in (
            ("calm", CALM | {"rsi": 58.0} | now, CALM_OPTIONS, CALM_MARKET),
            ("nervous", NERVOUS | {"rsi": 41.0} | now, NERVOUS_OPTIONS, NERVOUS_MARKET),
        ):
            for found in memory.find_similar_patterns(_TICKER, "bullish", price, options, market, count=3):
                result = "won" if found["won"] else "lost"
                print(f"  {word:<8} likeness {found['similarity']:.3f}  {result:<4} {found['net_return']:+.1%}")
            adjusted = memory.adjust_confidence(_TICKER, "bullish", 0.60, price, options, market)
            print(f"  {word:<8} confidence 0.60 becomes {adjusted['confidence']:.3f}: {adjusted['reason']}")

        _step(3, "It cannot read the future: asked as of January, it knows next to nothing")
        early = CALM | {"as_of": datetime(2024, 1, 10, 21, 0, tzinfo=UTC)}
        asked = memory.adjust_confidence(_TICKER, "bullish", 0.60, early, CALM_OPTIONS, CALM_MARKET)
        print(f"  confidence {asked['confidence']:.3f}: {asked['reason']}")

        _step(4, "How signals did, and a copy for a spreadsheet")
        for row in memory.get_performance_analysis()["timeframe"]:
            if row["signals"]:
                interval = f"[{row['win_rate_low']:.0%}, {row['win_rate_high']:.0%}]"
                print(f"  {row['label']:<16} {row['signals']} signals, won {row['win_rate']:.0%} {interval}")
        path = home / "demo_memory.csv"
        print(f"  {memory.export_to_csv(path)} signals written to {path.name}")


def _remember(
    memory: LightningMemorySystem,
    price: Mapping[str, float],
    options: Mapping[str, float],
    market: Mapping[str, float],
    given_at: datetime,
    *,
    won: bool,
) -> None:
    entry = price["price"]
    signal = memory.record_signal(
        ticker=_TICKER,
        direction="bullish",
        confidence=0.6,
        entry_price=entry,
        target_price=entry * 1.05,
        stop_loss=entry * 0.97,
        time_horizon=5,
        price_data={**price, "as_of": given_at},
        options_data=options,
        market_data=market,
    )
    memory.record_outcome(signal, 0.05 if won else -0.03, as_of=given_at + timedelta(days=6))


# --- agents ----------------------------------------------------------------------------------------------------------


class _Momentum:
    """A custom agent of a few lines, as anybody may write one."""

    name = "Momentum Agent"

    def analyze(self, data: dict[str, float]) -> AgentSignal | None:
        if not {"price", "sma_20", "atr"} <= set(data):
            return None
        up = data["price"] > data["sma_20"]
        sign = 1 if up else -1
        return AgentSignal(
            agent_name=self.name,
            direction="bullish" if up else "bearish",
            confidence=0.6,
            reasoning=f"price {'above' if up else 'below'} its 20-session average",
            target_price=data["price"] + sign * 2.0 * data["atr"],
            stop_loss=data["price"] - sign * 1.25 * data["atr"],
            time_horizon=7,
            supporting_indicators=["SMA 20"],
        )


def _coordinator(home: Path) -> None:
    coordinator = MultiAgentCoordinator()
    _step(1, "Five specialists look at one moment")
    _print_votes(coordinator.analyze(_TICKER, CALM, CALM_OPTIONS, CALM_MARKET))

    _step(2, "Take the options data away: whoever needs them abstains, and says so")
    _print_votes(coordinator.analyze(_TICKER, CALM, None, CALM_MARKET))

    _step(3, "Add an agent of your own")
    coordinator.custom_agent = _Momentum()
    _print_votes(coordinator.analyze(_TICKER, CALM, CALM_OPTIONS, CALM_MARKET))

    _step(4, "Let an agent's weight follow its performance")
    for share in (0.75, 0.70, 0.30):
        weight = coordinator.consensus_builder.update_agent_weight("Trend Agent", share)
        print(f"  Trend Agent right in {share:.0%} of its votes: weight {weight:.3f}")


def _print_votes(answer: Mapping[str, Any]) -> None:
    for vote in answer["votes"]:
        confidence = "" if vote["direction"] == "abstained" else f"{vote['confidence']:.2f}"
        print(f"  {vote['agent_name']:<20} {vote['direction']:<9} {confidence:>4}  {_short(vote['reasoning'])}")
    print(
        f"  -> {answer['direction']} at {answer['confidence']:.2f}: {answer['voting']} voted, "
        f"{answer['agreement']:.0%} of the weight agrees; target {answer['target_price']:.2f}, "
        f"stop {answer['stop_loss']:.2f}, {answer['time_horizon']} sessions"
    )


# --- layers ----------------------------------------------------------------------------------------------------------


def _hierarchical(home: Path) -> None:
    framework = HierarchicalDecisionFramework(initial_capital=100_000)
    signal = {
        "ticker": _TICKER,
        "direction": "bullish",
        "entry_price": 180.0,
        "target_price": 189.0,
        "stop_loss": 174.4,
        "time_horizon": 7,
        "strategy": "trend_following",
    }
    _step(1, "Strategic layer: which regime is it, and what may be risked in it?")
    for word, market in (("calm", CALM_MARKET), ("nervous", NERVOUS_MARKET), ("crash", CRASH_MARKET)):
        reading = framework.strategic.read_regime(market)
        if reading.regime is not None:
            limits = framework.strategic.get_parameters(reading.regime)
            print(f"  {word:<8} {reading.regime.value:<16} at most {limits.max_position_size:.0%} a position, "
                  f"{limits.max_positions} positions  ({reading.reason})")  # fmt: skip

    _step(2, "All three layers on one signal: buy at 180, target 189, stop 174.40")
    for word, market in (("calm", CALM_MARKET), ("nervous", NERVOUS_MARKET), ("crash", CRASH_MARKET)):
        _print_layers(word, framework.evaluate(signal, market, CALM))

    _step(3, "A regime of your own: a rule, and limits that are checked as you assign them")
    framework.strategic.custom_rule = lambda figures: figures["vix"] < 17.0
    try:
        framework.strategic.regime_config[MarketRegime.CUSTOM_REGIME] = {"max_portfolio_risk": 1.5}
    except SettingsError as error:
        print(f"  refused: {error}")
    framework.strategic.regime_config[MarketRegime.CUSTOM_REGIME] = {
        "max_portfolio_risk": 0.12,
        "max_position_size": 0.08,
        "max_positions": 4,
        "preferred_timeframes": [5, 10],
        "allowed_strategies": ["custom"],
        "stop_loss_multiplier": 2.0,
        "take_profit_multiplier": 3.5,
        "max_daily_loss": 0.025,
    }
    _print_layers("trend", framework.evaluate(signal, CALM_MARKET, CALM))
    _print_layers("custom", framework.evaluate({**signal, "strategy": "custom"}, CALM_MARKET, CALM))


def _print_layers(word: str, answer: Mapping[str, Any]) -> None:
    where = "" if answer["layer"] is None else f" by the {answer['layer']} layer"
    shares = f"{answer['quantity']} shares, " if answer["status"] == "approved" else ""
    print(f"  {word:<8} {answer['regime']}: {answer['status']}{where}\n           {shares}{answer['reason']}")


# --- security --------------------------------------------------------------------------------------------------------


def _security(home: Path) -> None:
    with SecurityManager(master_password="demo password", home=home) as security:  # noqa: S106 - a demo's
        _step(1, "Keep a broker's credentials in the vault, encrypted under a password")
        try:
            security.store_api_credentials("demo-broker", "demo-key", "demo-secret")
        except SecretError as error:
            print(f"  skipped, this workspace has a vault of its own: {error}")
        else:
            _show_vault(security, home)
        _step(4, "Rate limits: three calls a minute to one API")
        answers = [security.check_rate_limit("demo-broker", max_calls=3, window_seconds=60) for _ in range(5)]
        print(f"  five calls at once: {', '.join('allowed' if ok else 'refused' for ok in answers)}")

        _step(5, "Guardrails: hard limits that no signal may cross")
        for name, limit in security.guardrail_settings().items():
            print(f"  {name:<26} {limit:g}")
        try:
            GuardrailLimits(max_daily_loss_pct=5.0)
        except SettingsError as error:
            print(f"  refused: {error}")

        _step(6, "Everything is on record, chained so that no edit goes unseen")
        security.log_event("demo_finished", api_secret="never-shown")  # noqa: S106 - shown to be hidden
        path = home / "demo_audit.json"
        print(f"  {security.export_audit_logs(path)} records written to {path.name}")
        print(f"  the chain holds over {security.verify_audit_log()} records")
        print(f"  the secret in the last event is in the file: {_yes('never-shown' in path.read_text())}")


def _show_vault(security: SecurityManager, home: Path) -> None:
    print(f"  stored: {', '.join(security.list_api_credentials())}")
    vault = (home / "vault.json").read_text()
    print(f"  the secret can be read in vault.json: {_yes('demo-secret' in vault)}")

    _step(2, "A wrong password fails at the first secret, and not before")
    with SecurityManager(master_password="wrong", home=home) as stranger:  # noqa: S106 - a demo's
        print(f"  names need none: {', '.join(stranger.list_api_credentials())}")
        try:
            stranger.get_api_credentials("demo-broker")
        except SecretError as error:
            print(f"  refused: {error}")

    _step(3, "Sign a request, and notice a changed one")
    headers = security.sign_request("demo-broker", "POST", "/orders", '{"quantity": 11}')
    print(f"  {', '.join(headers)}")
    for body in ('{"quantity": 11}', '{"quantity": 1100}'):
        verified = security.verify_request("demo-broker", "POST", "/orders", body, headers)
        print(f"  {body}: {'genuine' if verified else 'not what was signed'}")
    security.delete_api_credentials("demo-broker")


# --- the whole system ------------------------------------------------------------------------------------------------


def _system(home: Path) -> None:
    with EnhancedLightningGEX(initial_capital=100_000, home=home) as system:
        _step(1, "Analyse a ticker: seven stages, each with its reason")
        decision = system.analyze_ticker(_TICKER, CALM, CALM_OPTIONS, CALM_MARKET)
        for stage in decision["stages"]:
            print(f"  {stage['stage']:<11} {stage['verdict']:<9} {_short(stage['reason'])}")
        for fallback in decision["fallbacks"]:
            print(f"  {'':<11} stood in: {fallback}")
        _print_decision(decision)

        _step(2, "The same idea again, while it is open")
        _print_decision(system.analyze_ticker(_TICKER, CALM, CALM_OPTIONS, CALM_MARKET))

        _step(3, "Bad input never reaches a decision")
        try:
            system.analyze_ticker(_TICKER, CALM | {"rsi": 160.0}, CALM_OPTIONS, CALM_MARKET)
        except InputError as error:
            print(f"  refused: {error}")

        if decision["trade_id"] is not None:
            _step(4, "The trade reaches 189.50")
            outcome = system.update_trade_outcome(decision["trade_id"], 189.50, "take_profit")
            print(f"  {outcome['quantity']} shares from {outcome['entry_price']:.2f} to {outcome['exit_price']:.2f}: "
                  f"{outcome['pnl']:+.2f} USD ({outcome['net_return']:+.2%})")  # fmt: skip
            try:
                system.update_trade_outcome(decision["trade_id"], 189.50, "take_profit")
            except RefusedError as error:
                print(f"  closing it twice is refused: {error}")

        _step(5, "How it went")
        system.print_performance_report()


def _print_decision(decision: Mapping[str, Any]) -> None:
    print(f"  -> {decision['status']}: {decision['reason']}")
    if decision["status"] == "approved":
        print(
            f"     {decision['action']} {decision['quantity']} at {decision['entry_price']:.2f}, "
            f"target {decision['target_price']:.2f}, stop {decision['stop_loss']:.2f}, "
            f"{decision['time_horizon_days']} sessions, confidence {decision['confidence']:.2f}"
        )


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


_DEMOS: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "sizer": ("Position sizing: by Kelly, and by a policy that learns", _sizer),
    "memory": ("Memory: what became of similar signals", _memory),
    "coordinator": ("Multi-agent coordination: five specialists, one vote", _coordinator),
    "hierarchical": ("Hierarchical decisions: strategic, tactical, execution", _hierarchical),
    "security": ("Security: vault, signatures, guardrails, audit", _security),
    "system": ("Enhanced Lightning GEX: one decision, end to end", _system),
}
