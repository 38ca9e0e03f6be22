"""``EnhancedLightningGEX``: the five enhancements joined, one ticker at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from lightning_gex.app.assembly.policies import workspace_policy
from lightning_gex.app.assembly.wiring import agents_of, engine_config
from lightning_gex.app.founding.account import Account
from lightning_gex.app.founding.coordinator import MultiAgentCoordinator
from lightning_gex.app.founding.documents import decision_document
from lightning_gex.app.founding.hierarchical import HierarchicalDecisionFramework
from lightning_gex.app.founding.inputs import Given, given
from lightning_gex.app.founding.memory import LightningMemorySystem
from lightning_gex.app.founding.performance_text import performance_text
from lightning_gex.app.founding.security import SecurityManager
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Action, DecisionStatus, ExitReason, RunMode
from lightning_gex.core.errors import DisabledError, InputError, RefusedError
from lightning_gex.core.events import (
    BreakerReset,
    BreakerTripped,
    DecisionMade,
    Event,
    Marked,
    OrderPlaced,
    SessionOpened,
    SignalResolved,
    TradeClosed,
    TradeOpened,
    WeightChanged,
)
from lightning_gex.core.ledger import money, price
from lightning_gex.core.orders import ClosedTrade, Fill, OpenTrade
from lightning_gex.core.patterns import Outcome
from lightning_gex.core.ports import Clock
from lightning_gex.core.sessions import session_of
from lightning_gex.engine.decide import Conclusion, Snapshot
from lightning_gex.engine.perception import perceive
from lightning_gex.engine.trader import Trader, closed_trade, entry_order, opened_trade
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.circuit_breaker import tripped
from lightning_gex.risk.guardrails import GuardrailLimits

_NOTHING = math.nan


class EnhancedLightningGEX:
    """One account that decides on dictionaries: signal, memory, layers, size, guardrails, record.

    Parameters
    ----------
    initial_capital : USD; None takes the workspace's setting.
    master_password : opens the vault at the first use of a secret; nothing else needs it.
    enable_rl_sizing, enable_memory, enable_multi_agent, enable_hierarchical, enable_security : each enhancement on or
        off; None takes the workspace's setting.
    guardrails : hard limits; None takes the workspace's settings.
    home : the workspace's folder; None takes ``LIGHTNING_HOME``, else ``~/.lightning-gex``.
    clock : stamps data that carry no time of their own; None takes the machine's.
    """

    def __init__(
        self,
        initial_capital: float | None = 100_000,
        master_password: str | None = None,
        enable_rl_sizing: bool | None = None,
        enable_memory: bool | None = None,
        enable_multi_agent: bool | None = None,
        enable_hierarchical: bool | None = None,
        enable_security: bool | None = None,
        guardrails: GuardrailLimits | None = None,
        home: str | Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        chosen = {
            "rl_sizing": enable_rl_sizing,
            "memory": enable_memory,
            "multi_agent": enable_multi_agent,
            "hierarchical": enable_hierarchical,
            "security": enable_security,
        }
        explicit = {name: on for name, on in chosen.items() if on is not None}
        self._account = Account.open(home, overrides={"enhancements": explicit} if explicit else None, clock=clock)
        settings = self._account.settings
        self._security = SecurityManager(master_password, guardrails, account=self._account)
        self._memory = LightningMemorySystem(account=self._account)
        config = engine_config(settings, guardrails=self._security.guardrails)
        self._coordinator = MultiAgentCoordinator(
            agents_of(settings), config.consensus, config.weights, clock=self._account.clock
        )
        self._hierarchical = HierarchicalDecisionFramework(
            self._account_capital(initial_capital), settings.account.allow_short, clock=self._account.clock
        )
        self._config = replace(config, regimes=self._hierarchical.strategic.regime_config)
        self._trader = Trader(
            config=self._config,
            journal=self._account.journal,
            memory=self._memory.store if self._config.enhancements.memory else MemoryBook(),
            policy=workspace_policy(self._account.workspace, self._config),
        )
        self._label = f"{self._account.journal.run_id}:"
        self._session: np.datetime64 | None = None
        self._asked: Counter[str] = Counter()
        self._begin(initial_capital)
        self._coordinator.consensus_builder.on_change = self._journal_weight

    def _account_capital(self, initial_capital: float | None) -> float:
        return float(self._account.capital(initial_capital))

    def _begin(self, initial_capital: float | None) -> None:
        account = self._account
        now = account.clock.now()
        flat = account.settings.flat()
        self._trader.start(at=now, mode=RunMode.FACADE, capital=account.capital(initial_capital), settings=flat)
        latched = account.latched_breakers()
        if latched:
            self._trader.emit(*(BreakerTripped(now, name, reason) for name, reason in latched.items()))

    def __repr__(self) -> str:
        on = [name for name, enabled in asdict(self._config.enhancements).items() if enabled]
        return f"EnhancedLightningGEX(run={self._account.journal.run_id!r}, on={on})"

    # --- the parts -----------------------------------------------------------------------------------------------

    @property
    def security(self) -> SecurityManager:
        """Vault, audit log, rate limits. Raises ``DisabledError`` where switched off."""
        self._require("security", "enable_security")
        return self._security

    @property
    def memory(self) -> LightningMemorySystem:
        """Recent signals and past patterns. Raises ``DisabledError`` where switched off."""
        self._require("memory", "enable_memory")
        return self._memory

    @property
    def coordinator(self) -> MultiAgentCoordinator:
        """The agents and their consensus. Raises ``DisabledError`` where switched off."""
        self._require("multi_agent", "enable_multi_agent")
        return self._coordinator

    @property
    def hierarchical(self) -> HierarchicalDecisionFramework:
        """The three layers. Raises ``DisabledError`` where switched off."""
        self._require("hierarchical", "enable_hierarchical")
        return self._hierarchical

    def _require(self, enhancement: str, argument: str) -> None:
        if not getattr(self._config.enhancements, enhancement):
            raise DisabledError(
                f"{enhancement.replace('_', ' ')} is switched off: create the system with {argument}=True"
            )

    # --- deciding ------------------------------------------------------------------------------------------------

    def analyze_ticker(
        self,
        ticker: str,
        price_data: Mapping[str, Any],
        options_data: Mapping[str, Any] | None = None,
        market_data: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Decide on one ticker at one moment.

        An approved decision is journaled as a trade assumed filled at ``entry_price``; close it with
        ``update_trade_outcome``.

        Parameters
        ----------
        ticker : symbol.
        price_data : ``core.features.PRICE_FEATURES``; ``price`` is required, what is missing is absent.
        options_data : ``OPTIONS_FEATURES`` and ``CHAIN_FEATURES``.
        market_data : ``spy_trend, vix, vix_20_avg, adx, advance_decline_ratio``.

        Returns
        -------
        ``status`` (approved, blocked, no_signal), ``action, quantity, entry_price, target_price, stop_loss, confidence,
        time_horizon_days, reason, trade_id, stages`` and more. Numbers that do not exist are NaN.

        Raises
        ------
        InputError : naming the dictionary and key of anything that cannot be used.
        """
        seen = given(ticker, price_data, options_data, market_data, self._account.clock)
        self._open_session(seen.as_of)
        conclusion = self._conclude(ticker, seen)
        trade_id = self._act(conclusion)
        return {**decision_document(conclusion.decision), "trade_id": trade_id}

    def _conclude(self, ticker: str, seen: Given) -> Conclusion:
        config = replace(
            self._config,
            weights=self._coordinator.consensus_builder.agent_weights,
            regime_rule=self._hierarchical.strategic.custom_rule,
        )
        self._trader.config = config
        perception = perceive(seen.features, self._coordinator.agents, config)
        self._trader.price_seen(ticker, float(seen.features["price"][0]))
        asked = f"{ticker}@{seen.as_of}"
        snapshot = Snapshot(
            ticker, seen.as_of, perception, 0, label=self._label, sequence=self._asked[asked], notes=seen.notes
        )
        self._asked[asked] += 1
        return self._trader.conclude(snapshot)

    def _act(self, conclusion: Conclusion) -> int | None:
        decision = conclusion.decision
        events: list[Event] = [DecisionMade(decision.as_of, decision, conclusion.pattern)]
        trade: OpenTrade | None = None
        if decision.status is DecisionStatus.APPROVED:
            order = entry_order(decision)
            fill = _assumed_fill(decision)
            trade = opened_trade(self._trader.state.next_trade_id, order, fill)
            events += [OrderPlaced(decision.as_of, order), TradeOpened(decision.as_of, fill, trade)]
        self._trader.emit(*events)
        return None if trade is None else trade.trade_id

    def _open_session(self, as_of: datetime) -> None:
        session = session_of(as_of)
        if session == self._session:
            return
        earlier = self._account.entries_on(as_of) if self._session is None else 0
        equity = self._trader.state.ledger.equity(self._trader.prices)
        self._trader.emit(SessionOpened(as_of, equity, earlier))
        self._session = session

    # --- outcomes ------------------------------------------------------------------------------------------------

    def update_trade_outcome(
        self, trade_id: int, exit_price: float, exit_reason: str = "manual", as_of: datetime | None = None
    ) -> dict[str, Any]:
        """Close a trade at the price it really ended at.

        Parameters
        ----------
        trade_id : from ``analyze_ticker``.
        exit_price : USD a share, fees included where you paid any.
        exit_reason : ``take_profit, stop_loss, time_exit, signal_exit, end_of_data`` or ``manual``.
        as_of : aware, when it ended; None takes the clock's time, or the decision's where that is later.

        Returns
        -------
        ``trade_id, ticker, pnl, net_return, won, exit_reason``.

        Raises
        ------
        RefusedError : the trade is unknown or closed already.
        InputError : a price or reason that is none.
        """
        trade = self._open_trade(trade_id)
        reason = _exit_reason(exit_reason)
        if not isinstance(exit_price, int | float) or not 0 < exit_price < math.inf:
            raise InputError(f"{exit_price!r} is not a positive price", field="exit_price")
        at = max(as_of or self._account.clock.now(), trade.entry_at)
        action = Action.SELL if trade.direction > 0 else Action.BUY
        fill = Fill(
            order_id=f"{trade.decision_id}:exit",
            ticker=trade.ticker,
            action=action,
            quantity=trade.quantity,
            price=price(exit_price),
            costs=money(0),
            at=at,
            assumed=True,
        )
        closed = closed_trade(trade, fill, reason)
        net_return = float(closed.pnl) / float(trade.entry_price * trade.quantity)
        self._trader.price_seen(trade.ticker, float(exit_price))
        self._emit_close(closed, fill, net_return)
        return {
            "trade_id": trade_id,
            "ticker": trade.ticker,
            "pnl": float(closed.pnl),
            "net_return": net_return,
            "won": closed.pnl > 0,
            "exit_reason": reason.value,
        }

    def _open_trade(self, trade_id: int) -> OpenTrade:
        trade = self._trader.state.open_trades.get(trade_id)
        if trade is None:
            known = 0 <= trade_id < self._trader.state.next_trade_id if isinstance(trade_id, int) else False
            raise RefusedError(f"trade {trade_id} is closed already" if known else f"there is no trade {trade_id}")
        return trade

    def _emit_close(self, closed: ClosedTrade, fill: Fill, net_return: float) -> None:
        events: list[Event] = [TradeClosed(fill.at, fill, closed)]
        if closed.decision_id in self._trader.state.unresolved:
            outcome = Outcome(net_return=net_return, won=net_return > 0, known_at=fill.at)
            events.append(SignalResolved(fill.at, closed.decision_id, closed.ticker, outcome))
        self._trader.emit(*events)
        ledger, prices = self._trader.state.ledger, self._trader.prices
        self._trader.emit(Marked(fill.at, ledger.equity(prices), ledger.exposure(prices)))
        self._trip_breakers(fill.at)

    def _trip_breakers(self, at: datetime) -> None:
        if self._config.enhancements.security:
            found = tripped(self._config.breakers, self._trader.portfolio(at))
            new = [BreakerTripped(at, n, why) for n, why in found.items() if n not in self._trader.state.tripped]
            if new:
                self._trader.emit(*new)

    def reset_circuit_breaker(self, breaker: str, reset_by: str) -> None:
        """Let entries go on after a breaker; a person says so, and goes on record.

        Raises
        ------
        RefusedError : it is not tripped.
        """
        if breaker not in self._trader.state.tripped:
            raise RefusedError(f"circuit breaker {breaker!r} is not tripped")
        self._trader.emit(BreakerReset(self._account.clock.now(), breaker, reset_by))

    def _journal_weight(self, agent: str, weight: float, reason: str) -> None:
        self._trader.emit(WeightChanged(self._account.clock.now(), agent, weight, reason))

    # --- how it goes ---------------------------------------------------------------------------------------------

    def get_performance_summary(self) -> dict[str, Any]:
        """Capital, performance, trading, and the parts that are on. A ratio without data is NaN."""
        state, trades = self._trader.state, self._trader.trades
        initial = float(state.initial_capital)
        equity = float(state.ledger.equity(self._trader.prices))
        portfolio = self._trader.portfolio(self._account.clock.now())
        won = [float(t.pnl) for t in trades if t.pnl > 0]
        lost = [float(t.pnl) for t in trades if t.pnl <= 0]
        summary: dict[str, Any] = {
            "capital": {
                "initial": initial,
                "current": equity,
                "cash": float(state.ledger.cash),
                "total_pnl": equity - initial,
                "return": equity / initial - 1.0,
                "drawdown": portfolio.drawdown_pct,
            },
            "performance": {
                "closed_trades": len(trades),
                "winning_trades": len(won),
                "win_rate": len(won) / len(trades) if trades else _NOTHING,
                "average_win": sum(won) / len(won) if won else _NOTHING,
                "average_loss": sum(lost) / len(lost) if lost else _NOTHING,
                "profit_factor": sum(won) / -sum(lost) if sum(lost) < 0 else _NOTHING,
            },
            "trading": {
                "decisions": state.decisions,
                "approved": state.approved,
                "execution_rate": state.approved / state.decisions if state.decisions else _NOTHING,
                "open_trades": len(state.open_trades),
            },
        }
        if self._config.enhancements.memory:
            summary["memory"] = self._memory.summary()
        if self._config.enhancements.multi_agent:
            summary["agents"] = dict(self._coordinator.consensus_builder.agent_weights)
        if self._config.enhancements.security:
            summary["security"] = {"guardrails": self._guardrail_summary()}
        return summary

    def _guardrail_summary(self) -> dict[str, Any]:
        state = self._trader.state
        now = self._account.clock.now()
        portfolio = self._trader.portfolio(now)
        return {
            "daily_trades": state.daily_trades,
            "daily_loss_pct": portfolio.daily_loss_pct,
            "total_exposure_pct": portfolio.exposure_pct,
            "circuit_breaker_active": bool(state.tripped),
            "circuit_breakers": dict(state.tripped),
            **self._security.guardrail_settings(),
        }

    def print_performance_report(self) -> None:
        """Print the performance summary; a ratio without data prints as ``n/a``."""
        print(performance_text(self.get_performance_summary()))


def _assumed_fill(decision: Decision) -> Fill:
    """The fill that a caller without a broker is taken to have had: at the decision's price, no fees known."""
    return Fill(
        order_id=entry_order(decision).order_id,
        ticker=decision.ticker,
        action=decision.action,
        quantity=decision.quantity,
        price=price(decision.entry_price),
        costs=money(0),
        at=decision.as_of,
        assumed=True,
    )


def _exit_reason(word: str) -> ExitReason:
    try:
        return ExitReason(word)
    except ValueError:
        raise InputError(f"{word!r} is none of {', '.join(ExitReason)}", field="exit_reason") from None
