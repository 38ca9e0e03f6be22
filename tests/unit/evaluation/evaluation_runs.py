"""Runs built by hand for the tests of evaluation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Decision, StageRecord
from lightning_gex.core.enums import (
    Action,
    DecisionStatus,
    Direction,
    ExitReason,
    FillPrice,
    MarketRegime,
    RunMode,
    StageName,
    StageVerdict,
)
from lightning_gex.core.orders import ClosedTrade
from lightning_gex.core.sessions import close_of, sessions_between, to_aware
from lightning_gex.core.votes import Vote
from lightning_gex.engine.result import RunResult

NAN = float("nan")
AGENTS = ("Trend Agent", "Reversal Agent", "Breakout Agent", "Volatility Agent", "Options Flow Agent")
CAPITAL = 100_000.0


def sessions(count: int, start: str = "2014-01-02") -> np.ndarray:
    first = np.datetime64(start)
    return sessions_between(first, first + np.timedelta64(count * 2 + 20, "D"))[:count]


def bars(ticker: str, close, open_=None, *, start: str = "2014-01-02") -> Bars:
    close = np.asarray(close, dtype=float)
    open_ = np.r_[close[0], close[:-1]] if open_ is None else np.asarray(open_, dtype=float)
    high, low = np.maximum(open_, close) * 1.004, np.minimum(open_, close) * 0.996
    return Bars(ticker, sessions(len(close), start), open_, high, low, close, np.full(len(close), 1e6))


def vote(agent: str, direction: int, confidence: float = 0.6, horizon: int = 5) -> Vote:
    return Vote(agent, Direction(direction), confidence, NAN, NAN, horizon, False, ("a finding",))


def abstention(agent: str) -> Vote:
    return Vote(agent, Direction.NEUTRAL, NAN, NAN, NAN, 1, True, ("no chain was given",))


def decision(
    ticker: str,
    session,
    status: DecisionStatus = DecisionStatus.APPROVED,
    direction: int = 1,
    *,
    horizon: int = 5,
    confidence: float = 0.6,
    entry: float = 100.0,
    target: float = 104.0,
    stop: float = 97.0,
    regime: MarketRegime | None = MarketRegime.BULL_TRENDING,
    blocked_by: StageName | None = None,
    votes: tuple[Vote, ...] = (),
) -> Decision:
    taken = status is DecisionStatus.APPROVED
    if status is DecisionStatus.BLOCKED and blocked_by is None:
        blocked_by = StageName.TACTICAL
    return Decision(
        decision_id=f"{ticker}-{session}",
        ticker=ticker,
        as_of=close_of(session),
        status=status,
        action=(Action.BUY if direction > 0 else Action.SELL) if taken else Action.HOLD,
        direction=Direction(direction),
        quantity=10 if taken else 0,
        entry_price=entry,
        target_price=target,
        stop_loss=stop,
        confidence=confidence,
        time_horizon_days=horizon,
        size_pct=0.05 if taken else NAN,
        regime=regime,
        reason="the agents agree" if taken else "the reason <b>why</b> & not",
        blocked_by=blocked_by,
        stages=_stages(status, blocked_by),
        votes=votes,
    )


def _stages(status: DecisionStatus, blocked_by: StageName | None) -> tuple[StageRecord, ...]:
    out, over = [], False
    for stage in StageName:
        if over:
            out.append(StageRecord(stage, StageVerdict.SKIPPED, "an earlier stage said no"))
        elif stage is blocked_by or (status is DecisionStatus.NO_SIGNAL and stage is StageName.SIGNAL):
            out.append(StageRecord(stage, StageVerdict.BLOCKED, f"{stage} says no: 3 positions of 3 are taken"))
            over = True
        else:
            fallback = "the 2 % rung, cold_start" if stage is StageName.SIZING else None
            out.append(StageRecord(stage, StageVerdict.PASSED, f"{stage} has no objection", fallback=fallback))
    return tuple(out)


def trade(
    ticker: str,
    decided,
    entered,
    left,
    entry: float,
    exit_: float,
    *,
    direction: int = 1,
    quantity: int = 10,
    cost: float = 0.0,
    reason: ExitReason = ExitReason.TIME_EXIT,
) -> ClosedTrade:
    pnl = Decimal(str(round(direction * (exit_ - entry) * quantity - cost, 6)))
    return ClosedTrade(
        trade_id=0,
        decision_id=f"{ticker}-{decided}",
        ticker=ticker,
        direction=Direction(direction),
        quantity=quantity,
        decided_at=close_of(decided),
        entry_at=close_of(entered),
        exit_at=close_of(left),
        entry_price=Decimal(str(round(entry, 4))),
        exit_price=Decimal(str(round(exit_, 4))),
        horizon_sessions=5,
        confidence=0.6,
        costs=Decimal(str(round(cost, 6))),
        pnl=pnl,
        exit_reason=reason,
    )


def run(
    all_bars: dict[str, Bars],
    decisions,
    trades=(),
    *,
    over=None,
    equity=None,
    exposure=None,
    fill: FillPrice = FillPrice.OPEN,
    bill_rate=None,
    notes: tuple[str, ...] = (),
) -> RunResult:
    over = next(iter(all_bars.values())).session if over is None else over
    return RunResult(
        run_id="run-1",
        mode=RunMode.BACKTEST,
        decisions=tuple(decisions),
        trades=tuple(trades),
        sessions=over,
        equity=np.full(len(over), CAPITAL) if equity is None else np.asarray(equity, dtype=float),
        exposure=np.zeros(len(over)) if exposure is None else np.asarray(exposure, dtype=float),
        initial_capital=CAPITAL,
        bars=all_bars,
        fill_price=dict.fromkeys(all_bars, fill),
        cost_bp_per_side=dict.fromkeys(all_bars, 5.0),
        bill_rate=bill_rate,
        settings={"seed": 7},
        notes=notes,
    )


def wandering_run(
    *,
    tickers: tuple[str, ...] = ("AAA",),
    count: int = 400,
    warm_up: int = 60,
    seed: int = 1,
    horizon: int = 5,
    shorts: bool = True,
    notes: tuple[str, ...] = (),
    fill: FillPrice = FillPrice.OPEN,
    every: int = 1,
) -> RunResult:
    """A run over random walks whose decisions follow a coin: no skill, all kinds of endings, real bookkeeping."""
    rng = np.random.default_rng(seed)
    all_bars = {t: bars(t, 100.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.01, count)))) for t in tickers}
    over = next(iter(all_bars.values())).session[warm_up:]
    decisions, trades = [], []
    pnl, held = np.zeros(len(over)), np.zeros(len(over))
    for i, session in enumerate(over):
        for ticker in tickers:
            made = _wandering_decision(rng, all_bars[ticker], ticker, session, warm_up + i, horizon, shorts, every, i)
            decisions.append(made)
            if made.status is DecisionStatus.APPROVED and i + 1 + horizon < len(over):
                closed = _closed(all_bars[ticker], made, warm_up + i, horizon)
                trades.append(closed)
                pnl[i + 1 + horizon] += float(closed.pnl)
                held[i + 1 : i + 1 + horizon] += float(closed.entry_price) * closed.quantity
    trades.sort(key=lambda t: t.exit_at)
    equity = CAPITAL + np.cumsum(pnl)
    return run(
        all_bars,
        decisions,
        trades,
        over=over,
        equity=equity,
        exposure=np.minimum(held, equity),
        bill_rate=np.full(len(over), 0.02),
        notes=notes,
        fill=fill,
    )


def _wandering_decision(rng, mine, ticker, session, row, horizon, shorts, every, i) -> Decision:
    regimes = list(MarketRegime)[:6]
    votes = tuple(
        abstention(a)
        if rng.random() < 0.1
        else vote(a, int(rng.integers(-1, 2)), float(rng.uniform(0.5, 0.9)), horizon)
        for a in AGENTS
    )
    status = DecisionStatus.APPROVED if i % every == 0 else DecisionStatus.BLOCKED
    if rng.random() < 0.3:
        status = DecisionStatus.BLOCKED if rng.random() < 0.6 else DecisionStatus.NO_SIGNAL
    direction = 0 if status is DecisionStatus.NO_SIGNAL else (1 if rng.random() < 0.7 or not shorts else -1)
    blocked_by = list(StageName)[int(rng.integers(1, 7))] if status is DecisionStatus.BLOCKED else None
    close = float(mine.close[row])
    return decision(
        ticker,
        session,
        status,
        direction,
        horizon=horizon,
        confidence=float(rng.uniform(0.5, 0.75)),
        entry=close,
        target=close * (1 + 0.03 * direction),
        stop=close * (1 - 0.02 * direction),
        regime=regimes[(i // 40) % 6],
        blocked_by=blocked_by,
        votes=votes,
    )


def _closed(mine: Bars, made: Decision, row: int, horizon: int) -> ClosedTrade:
    entry, leave = float(mine.open[row + 1]), float(mine.open[row + 1 + horizon])
    quantity = int(0.04 * CAPITAL / entry)
    cost = 0.0005 * quantity * (entry + leave)
    closed = trade(
        made.ticker,
        mine.session[row],
        mine.session[row + 1],
        mine.session[row + 1 + horizon],
        round(entry, 4),
        round(leave, 4),
        direction=int(made.direction),
        quantity=quantity,
        cost=cost,
    )
    return replace(closed, confidence=made.confidence)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


__all__ = ["abstention", "bars", "decision", "moment", "run", "sessions", "to_aware", "trade", "vote", "wandering_run"]
