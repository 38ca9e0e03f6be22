"""``EnhancedLightningGEX``: the five enhancements joined, one ticker at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from lightning_gex.app.assembly.control import resume_trading
from lightning_gex.app.assembly.policies import workspace_policy
from lightning_gex.app.assembly.transition import of_its_share, transition_in
from lightning_gex.app.assembly.wiring import agents_of, engine_config
from lightning_gex.app.founding.account import Account, AccountHolder
from lightning_gex.app.founding.coordinator import MultiAgentCoordinator
from lightning_gex.app.founding.documents import decision_document, plain
from lightning_gex.app.founding.hierarchical import HierarchicalDecisionFramework, by_levels, guarded_rule
from lightning_gex.app.founding.inputs import Given, aware_time, given, positive, text, usd_price
from lightning_gex.app.founding.memory import LightningMemorySystem
from lightning_gex.app.founding.performance import account_figures
from lightning_gex.app.founding.performance_text import performance_text
from lightning_gex.app.founding.security import SecurityManager, checked_guardrails
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Action, DecisionStatus, ExitReason, RunMode
from lightning_gex.core.errors import DisabledError, InputError, RefusedError, shown
from lightning_gex.core.events import (
    BreakerReset,
    BreakerTripped,
    Event,
    LearningCarried,
    Marked,
    RecordCarried,
    SessionOpened,
    SignalResolved,
    TradeClosed,
    TradeOpened,
    WeightChanged,
)
from lightning_gex.core.ledger import CENT, money, price
from lightning_gex.core.orders import ClosedTrade, Fill, OpenTrade, Order
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.core.ports import Clock
from lightning_gex.core.sessions import session_of, sessions_between
from lightning_gex.engine.decide import Conclusion
from lightning_gex.engine.learning import learnt_from
from lightning_gex.engine.perception import perceive
from lightning_gex.engine.proposal import Snapshot
from lightning_gex.engine.self_test import self_test
from lightning_gex.engine.trader import Trader
from lightning_gex.engine.trades import closed_trade, entry_order, opened_trade
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.account_usage import HALT
from lightning_gex.risk.circuit_breaker import BreakerInputs, tripped
from lightning_gex.risk.guardrails import GuardrailLimits
from lightning_gex.sizing.track_record import records_of

_NOTHING = math.nan
LARGEST_CAPITAL = 1e12  # USD; more is a typing error


class EnhancedLightningGEX(AccountHolder):
    """One account that decides on dictionaries: signal, memory, layers, size, guardrails, record.

    Parameters
    ----------
    initial_capital : USD; None takes the workspace's setting, 100,000 unless changed.
    master_password : opens the vault at the first use of a secret; nothing else needs it.
    enable_rl_sizing, enable_memory, enable_multi_agent, enable_hierarchical, enable_security : each enhancement on or
        off; None takes the workspace's setting.
    guardrails : hard limits; None takes the workspace's settings.
    home : the workspace's folder; None takes ``LIGHTNING_HOME``, else ``~/.lightning-gex``.
    clock : stamps data that carry no time of their own; None takes the machine's.
    """

    def __init__(
        self,
        initial_capital: float | None = None,
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
        checked_guardrails(guardrails)
        chosen = {
            "rl_sizing": enable_rl_sizing,
            "memory": enable_memory,
            "multi_agent": enable_multi_agent,
            "hierarchical": enable_hierarchical,
            "security": enable_security,
        }
        explicit: dict[str, dict[str, Any]] = {
            "account": {} if initial_capital is None else {"initial_capital": _capital(initial_capital)},
            "enhancements": {name: on for name, on in chosen.items() if on is not None},
            "guardrails": _without_capital_cap(guardrails),
        }
        overrides = {section: keys for section, keys in explicit.items() if keys}
        self._account = Account.open(home, overrides=overrides or None, clock=clock)
        self._security = SecurityManager(master_password, guardrails, account=self._account)
        self._memory = LightningMemorySystem(account=self._account)
        self._memory.on_outcome = self._resolve_by_hand
        self._build()
        self_test(self._config)
        self._session: np.datetime64 | None = None
        self._dated = False
        self._vix: dict[np.datetime64, float] = {}
        self._asked: Counter[str] = Counter()
        self._begin()
        self._coordinator.consensus_builder.on_change = self._journal_weight

    def _build(self) -> None:
        """Settings become the parts; what a user may change on a part is read from it at every decision."""
        account, settings = self._account, self._account.settings
        config = engine_config(settings, guardrails=self._security.guardrails)
        self._coordinator = MultiAgentCoordinator(
            agents_of(settings), config.consensus, config.weights, clock=account.clock
        )
        self._hierarchical = HierarchicalDecisionFramework(
            settings.account.initial_capital, settings.account.allow_short, clock=account.clock
        )
        self._hierarchical.tactical.config = by_levels(config.tactical)
        self._hierarchical.execution.config = config.execution
        self._config = replace(config, regimes=self._hierarchical.strategic.regime_config)
        self._heed_the_stage()
        self._regimes_on_record = dict(self._config.regimes)
        self._trader = Trader(
            config=self._config,
            journal=account.journal,
            memory=self._memory.store if self._config.enhancements.memory else MemoryBook(),
            policy=workspace_policy(account.workspace, self._config),
            halt=account.halt,
            tells_memory=False,  # the journal's transactions do
        )

    def _heed_the_stage(self) -> None:
        """Size against the part of the capital that the stage of a transition leaves; all of it where there is none."""
        own = replace(self._config, capital_share=self._account.settings.sizing.capital_share)
        self._config = of_its_share(own, transition_in(self._account.journal), RunMode.FACADE)

    def _begin(self) -> None:
        account, settings = self._account, self._account.settings
        now = account.clock.now()
        capital = money(_capital(settings.account.initial_capital))
        self._trader.start(at=now, mode=RunMode.FACADE, capital=capital, settings=settings.flat())
        self._trader.heed(now)
        self._carry_weights(now)
        if self._config.enhancements.memory:
            known = tuple(self._memory.store.patterns())
            carried: list[Event] = [RecordCarried(now, way, **asdict(r)) for way, r in records_of(known).items()]
            learning = learnt_from(known)
            if learning.resolved:
                carried.append(LearningCarried(now, learning.figures()))
            if carried:
                self._trader.emit(*carried)

    def _carry_weights(self, now: datetime) -> None:
        """Weights that a person's word on performance changed in earlier runs hold in this one, on its record too."""
        changed = (r.event for r in self._account.journal.read(kinds=("weight_changed",)))
        weights = {e.agent: e.weight for e in changed if isinstance(e, WeightChanged)}
        if weights:
            self._trader.emit(*(WeightChanged(now, a, w, "as earlier runs left it") for a, w in weights.items()))
            self._coordinator.consensus_builder.carry(weights)

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
        self._go_to(seen.as_of)
        self._dated = seen.dated
        self._record_regime_changes()
        self._watch(seen)
        conclusion = self._conclude(seen)
        decision, trade_id = self._act(conclusion)
        return {**decision_document(decision), "trade_id": trade_id}

    def _watch(self, seen: Given) -> None:
        """What the figures mean for the account before anything is decided: its value, and its breakers."""
        ticker = seen.features.ticker
        self._trader.price_seen(ticker, float(seen.features["price"][0]))
        if ticker in self._trader.state.ledger.positions:
            self._mark(seen.as_of)
        self._trip_breakers(seen.as_of, *self._vix_now_and_before(float(seen.features["vix"][0])))

    def _vix_now_and_before(self, now: float) -> tuple[float, float]:
        """This VIX, and the one of the session just before this one; NaN where it was not seen."""
        session = self._session
        if session is None:
            return now, _NOTHING
        before = [v for s, v in self._vix.items() if s < session and len(sessions_between(s, session)) == 2]
        if math.isfinite(now):
            earlier = {s: v for s, v in self._vix.items() if s < session}
            self._vix = dict(list(earlier.items())[-1:]) | {session: now}
        return now, before[-1] if before else _NOTHING

    def _conclude(self, seen: Given) -> Conclusion:
        config = replace(
            self._config,
            consensus=self._coordinator.consensus_builder.config,
            weights=self._coordinator.consensus_builder.agent_weights,
            regime_rule=guarded_rule(self._hierarchical.strategic.custom_rule),
            tactical=self._hierarchical.tactical.config,
            execution=self._hierarchical.execution.config,
        )
        self._trader.config = config
        perception = perceive(seen.features, self._coordinator.agents, config)
        asked = f"{seen.features.ticker}@{seen.as_of:%Y%m%dT%H%M%S}"  # as exact as a decision's id
        snapshot = Snapshot(
            seen.features.ticker,
            seen.as_of,
            perception,
            0,
            label=f"{self._account.journal.run_id}:",
            sequence=self._asked[asked],
            notes=seen.notes,
        )
        self._asked[asked] += 1
        return self._trader.conclude(snapshot)

    def _act(self, conclusion: Conclusion) -> tuple[Decision, int | None]:
        """The decision as it went on record, and its trade's number where it opened one."""

        def filled(order: Order) -> list[Event]:
            fill = _assumed_fill(conclusion.decision)
            return [TradeOpened(order.placed_at, fill, opened_trade(self._trader.state.next_trade_id, order, fill))]

        trade_id = self._trader.state.next_trade_id
        decision = self._trader.decide(conclusion, conclusion.decision.as_of, then=filled)
        return decision, trade_id if decision.status is DecisionStatus.APPROVED else None

    def _go_to(self, as_of: datetime) -> None:
        """Open the session of a moment, unless it is the present one.

        Raises
        ------
        InputError : an earlier session than one already decided in: positions and limits of today cannot be undone.
        """
        session = session_of(as_of)
        if self._session is not None and session < self._session:
            raise InputError(
                f"{as_of:%Y-%m-%d %H:%M} UTC is in session {session}, and {self._session} was decided in already: time "
                "only goes forward here, look at earlier moments with another EnhancedLightningGEX",
                field="as_of",
            )
        if session == self._session:
            return
        self._heed_the_stage()
        earlier = self._account.entries_on(as_of) if self._session is None else 0
        equity = self._trader.state.ledger.equity(self._trader.prices)
        self._trader.emit(SessionOpened(as_of, equity, earlier))
        self._session = session

    def _record_regime_changes(self) -> None:
        """Limits that the user assigned since the last decision go on record before they count."""
        now = dict(self._hierarchical.strategic.regime_config)
        for regime, limits in now.items():
            if self._regimes_on_record.get(regime) is not limits:
                found = {key: plain(value) for key, value in limits.items()}
                shown = {k: v if isinstance(v, int | float) else ", ".join(map(str, v)) for k, v in found.items()}
                self._account.note("regime_limits_changed", regime=regime.value, **shown)
        self._regimes_on_record = now

    # --- outcomes ------------------------------------------------------------------------------------------------

    def update_trade_outcome(
        self, trade_id: int, exit_price: float, exit_reason: str = "manual", as_of: datetime | str | None = None
    ) -> dict[str, Any]:
        """Close a trade at the price it really ended at.

        Parameters
        ----------
        trade_id : from ``analyze_ticker``.
        exit_price : USD a share, fees included where you paid any.
        exit_reason : ``take_profit, stop_loss, time_exit, signal_exit, end_of_data`` or ``manual``.
        as_of : aware, when it ended; None takes the clock's time, or the entry's where that is later.

        Returns
        -------
        ``trade_id, ticker, quantity, entry_price, exit_price, pnl, net_return, won, exit_reason, closed_at``.

        Raises
        ------
        RefusedError : the trade is unknown or closed already.
        InputError : a price, reason or time that is none, or a time before the entry.
        """
        trade = self._open_trade(trade_id)
        reason, paid = _exit_reason(exit_reason), _bookable(exit_price)
        at = self._closing_time(trade, as_of)  # last: it may open the session of that time
        fill = Fill(
            order_id=f"{trade.decision_id}:exit",
            ticker=trade.ticker,
            action=Action.SELL if trade.direction > 0 else Action.BUY,
            quantity=trade.quantity,
            price=paid,
            costs=money(0),
            at=at,
            assumed=True,
        )
        closed = closed_trade(trade, fill, reason)
        net_return = float(closed.pnl) / float(trade.entry_price * trade.quantity)
        self._trader.price_seen(trade.ticker, float(fill.price))
        self._emit_close(closed, fill, net_return)
        return _outcome_document(closed, net_return)

    def _open_trade(self, trade_id: int) -> OpenTrade:
        known = isinstance(trade_id, int | np.integer) and not isinstance(trade_id, bool | np.timedelta64)
        trade = self._trader.state.open_trades.get(int(trade_id)) if known else None
        if trade is None:
            closed = known and 0 <= trade_id < self._trader.state.next_trade_id
            raise RefusedError(
                f"trade {trade_id} is closed already" if closed else f"there is no trade {shown(trade_id)}"
            )
        return trade

    def _closing_time(self, trade: OpenTrade, as_of: datetime | str | None) -> datetime:
        """When a trade ended. It takes the account along to that session.

        Data that date themselves may be history: then a closing that is not dated does not take them to today.
        """
        if as_of is None:
            at = max(self._account.clock.now().astimezone(UTC), trade.entry_at)
        else:
            at = aware_time(as_of, "as_of")
            if at < trade.entry_at:
                raise InputError(f"{at} is before the trade was entered, {trade.entry_at}", field="as_of")
        if (as_of is not None or not self._dated) and self._session is not None and session_of(at) > self._session:
            self._go_to(at)
        return at

    def _emit_close(self, closed: ClosedTrade, fill: Fill, net_return: float) -> None:
        events: list[Event] = [TradeClosed(fill.at, fill, closed)]
        if closed.decision_id in self._trader.state.unresolved and not self._resolved_elsewhere(closed.decision_id):
            outcome = Outcome(net_return=net_return, won=net_return > 0, known_at=fill.at)
            events.append(SignalResolved(fill.at, closed.decision_id, closed.ticker, outcome))
        self._trader.emit(*events)
        self._mark(fill.at)
        self._trip_breakers(fill.at)

    def _resolve_by_hand(self, pattern: Pattern, outcome: Outcome) -> bool:
        """An outcome that the user told the memory of one of this run's own signals: the account learns from it too."""
        if pattern.pattern_id not in self._trader.state.unresolved:
            return False
        self._trader.emit(SignalResolved(outcome.known_at, pattern.pattern_id, pattern.ticker, outcome))
        return True

    def _resolved_elsewhere(self, decision_id: str) -> bool:
        """Whether another program on this workspace has told the memory how this signal ended."""
        if not self._config.enhancements.memory:
            return False
        pattern = self._memory.find(decision_id)
        return pattern is not None and pattern.outcome is not None

    def _mark(self, at: datetime) -> None:
        ledger, prices = self._trader.state.ledger, self._trader.prices
        held = {t: prices[t] for t in sorted(ledger.positions)}
        self._trader.emit(Marked(at, ledger.equity(prices), ledger.exposure(prices), held))

    def _trip_breakers(self, at: datetime, vix_now: float = _NOTHING, vix_before: float = _NOTHING) -> None:
        if not self._config.enhancements.security:
            return
        inputs = BreakerInputs(
            self._trader.portfolio(at), vix_now, vix_before, error_rate=self._trader.state.error_rate
        )
        found = tripped(self._config.breakers, inputs, self._config.own_breakers)
        new = [BreakerTripped(at, n, why) for n, why in found.items() if n not in self._trader.state.tripped]
        if new:
            self._trader.emit(*new)

    def reset_circuit_breaker(self, breaker: str, reset_by: str, reason: str) -> None:
        """Let entries go on after a breaker; a person says so and why, and both go on record.

        Raises
        ------
        RefusedError : it is not tripped, or it is a halt, which ``resume_trading`` ends.
        """
        for field, value in (("reset_by", reset_by), ("reason", reason)):
            if not isinstance(value, str) or not value.strip():
                raise InputError("say who resets the breaker, and why", field=field)
        if text(breaker, "breaker") == HALT:
            raise RefusedError("a halt is no breaker: it ends with resume_trading")
        if breaker not in self._trader.state.tripped:
            raise RefusedError(f"circuit breaker {shown(breaker)} is not tripped")
        self._trader.emit(BreakerReset(self._account.clock.now(), breaker, reset_by, reason))

    def halt(self, reason: str, by: str = "the owner of the account", *, flatten: bool = False) -> list[dict[str, Any]]:
        """Stop every entry of every program on this workspace until ``resume_trading``.

        Parameters
        ----------
        reason, by : why, and who; both go on record, whatever they are: a halt is not refused for want of words.
        flatten : whether programs with a broker close every position as well.

        Returns
        -------
        The trades open here, as ``trade_id, ticker, quantity``: nobody but you closes these.

        Raises
        ------
        InputError : ``flatten`` is neither True nor False; trading is halted all the same, and nothing flattened.
        """
        why, who = (said if isinstance(said, str) else shown(said) for said in (reason, by))
        plain_flatten = isinstance(flatten, bool | np.bool_)
        self._account.halt.set(who, why, flatten=plain_flatten and bool(flatten))
        self._trader.heed(self._account.clock.now())
        if not plain_flatten:
            problem = f"must be True or False, not {shown(flatten)}: trading is halted, and no position is closed"
            raise InputError(problem, field="flatten")
        trades = self._trader.state.open_trades.values()
        return [{"trade_id": t.trade_id, "ticker": t.ticker, "quantity": t.quantity} for t in trades]

    def resume_trading(self, by: str, reason: str) -> None:
        """Let entries go on after a halt. Raises ``RefusedError`` where nothing is halted."""
        resume_trading(self._account.workspace, by=by, reason=reason)
        self._trader.heed(self._account.clock.now())

    def _journal_weight(self, agent: str, weight: float, reason: str) -> None:
        self._trader.emit(WeightChanged(self._account.clock.now(), agent, weight, reason))

    # --- how it goes ---------------------------------------------------------------------------------------------

    def get_performance_summary(self) -> dict[str, Any]:
        """Capital, performance, trading, and the parts that are on. A ratio without data is NaN."""
        drawdown = self._trader.portfolio(self._account.clock.now()).drawdown_pct
        summary = account_figures(self._trader.state, self._trader.trades, self._trader.prices, drawdown)
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
            "daily_trades": state.daily_trades if self._session is not None else self._account.entries_on(now),
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


def _outcome_document(closed: ClosedTrade, net_return: float) -> dict[str, Any]:
    return {
        "trade_id": closed.trade_id,
        "ticker": closed.ticker,
        "quantity": closed.quantity,
        "entry_price": float(closed.entry_price),
        "exit_price": float(closed.exit_price),
        "pnl": float(closed.pnl),
        "net_return": net_return,
        "won": closed.pnl > 0,
        "exit_reason": closed.exit_reason.value,
        "closed_at": closed.exit_at.isoformat(),
    }


def _without_capital_cap(guardrails: GuardrailLimits | None) -> dict[str, Any]:
    """Explicit guardrails as settings of their section: the cap in dollars has a section of its own."""
    given = {} if guardrails is None else asdict(guardrails)
    return {name: value for name, value in given.items() if name != "max_capital_usd"}


def _capital(value: float) -> float:
    capital = positive(value, "initial_capital")
    if capital > LARGEST_CAPITAL or money(capital) < CENT:
        raise InputError(f"{capital:g} USD is no capital: give 0.01 to {LARGEST_CAPITAL:g}", field="initial_capital")
    return capital


def _bookable(exit_price: float) -> Decimal:
    booked = price(usd_price(exit_price, "exit_price"))
    if not booked:
        raise InputError(f"{shown(exit_price)} USD is less than the smallest price that is booked", field="exit_price")
    return booked


#: What a trade can end by that was closed; one that is carried on is not.
_EXIT_REASONS = {str(reason): reason for reason in ExitReason if reason is not ExitReason.CARRIED_ON}


def _exit_reason(word: str) -> ExitReason:
    if not isinstance(word, str) or word not in _EXIT_REASONS:
        raise InputError(f"{shown(word)} is none of {', '.join(_EXIT_REASONS)}", field="exit_reason")
    return _EXIT_REASONS[word]
