"""Stand-ins for the wiring, so that the command line is tested without running markets: answers made by hand."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

from builders_chain import make_chain
from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Cap, Decision, StageRecord
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
from lightning_gex.core.sessions import close_of, sessions_between
from lightning_gex.core.votes import Vote
from lightning_gex.engine.result import RunResult

NOTHING = float("nan")
AS_OF = datetime(2024, 6, 3, 20, 0, tzinfo=UTC)


def make_decision(
    status: DecisionStatus = DecisionStatus.APPROVED, *, as_of: datetime = AS_OF, ticker: str = "TEST"
) -> Decision:
    """A decision with one passed stage, one that stood in for something, a vote, an abstention and two caps."""
    approved = status is DecisionStatus.APPROVED
    return Decision(
        decision_id=f"{ticker}-{as_of:%Y%m%d}",
        ticker=ticker,
        as_of=as_of,
        status=status,
        action=Action.BUY if approved else Action.HOLD,
        direction=Direction.BULLISH if status is not DecisionStatus.NO_SIGNAL else Direction.NEUTRAL,
        quantity=42 if approved else 0,
        entry_price=100.0 if approved else NOTHING,
        target_price=105.0 if approved else NOTHING,
        stop_loss=97.5 if approved else NOTHING,
        confidence=0.61 if approved else NOTHING,
        time_horizon_days=7,
        size_pct=0.05 if approved else NOTHING,
        regime=MarketRegime.BULL_TRENDING,
        reason="all stages passed" if approved else "votes disagree [sic]",
        blocked_by=StageName.TACTICAL if status is DecisionStatus.BLOCKED else None,
        stages=(
            StageRecord(StageName.SIGNAL, StageVerdict.PASSED, "three of five bullish", {"p": 0.61, "voting": 3}),
            StageRecord(StageName.SIZING, StageVerdict.PASSED, "cold start", {"edge": NOTHING}, "kelly for the policy"),
        ),
        votes=(
            Vote("Trend Agent", Direction.BULLISH, 0.66, 106.0, 97.0, 10, False, ("above its averages",)),
            Vote("Options Flow Agent", Direction.NEUTRAL, NOTHING, NOTHING, NOTHING, 1, True, ("no chain was given",)),
        ),
        caps=(Cap("kelly", 0.05, "a quarter of Kelly"), Cap("guardrail_position_size", 0.15, "hard limit")),
        binding_cap="kelly",
    )


def make_run(count: int = 60) -> RunResult:
    """A short run over a rising ticker with one approved decision in ten and one trade."""
    sessions = sessions_between(np.datetime64("2024-01-02"), np.datetime64("2024-12-31"))[:count]
    close = 100.0 + np.arange(count) * 0.25
    bars = Bars("TEST", sessions, close - 0.1, close + 0.5, close - 0.5, close, np.full(count, 1e6), "made by tests")
    decisions = tuple(
        make_decision(
            DecisionStatus.APPROVED if i % 10 == 0 else DecisionStatus.NO_SIGNAL, as_of=close_of(session), ticker="TEST"
        )
        for i, session in enumerate(sessions)
    )
    trade = ClosedTrade(
        trade_id=0,
        decision_id=decisions[0].decision_id,
        ticker="TEST",
        direction=Direction.BULLISH,
        quantity=42,
        decided_at=decisions[0].as_of,
        entry_at=decisions[1].as_of,
        exit_at=decisions[8].as_of,
        entry_price=Decimal("100.15"),
        exit_price=Decimal("105.00"),
        horizon_sessions=7,
        confidence=0.61,
        costs=Decimal("4.30"),
        pnl=Decimal("199.40"),
        exit_reason=ExitReason.TAKE_PROFIT,
    )
    return RunResult(
        run_id="backtest-test",
        mode=RunMode.BACKTEST,
        decisions=decisions,
        trades=(trade,),
        sessions=sessions,
        equity=100_000.0 + np.linspace(0.0, 199.4, count),
        exposure=np.where((np.arange(count) > 0) & (np.arange(count) < 9), 4_300.0, 0.0),
        initial_capital=100_000.0,
        bars={"TEST": bars},
        fill_price={"TEST": FillPrice.OPEN},
        cost_bp_per_side={"TEST": 5.0},
        bill_rate=None,
        settings={},
        notes=("no flow file was given",),
    )


def make_positioning(*, modelled: bool = False):
    """Dealer positioning of a small chain."""
    from lightning_gex.analytics.dealer_positioning import positioning

    return positioning(make_chain(modelled=modelled))


@dataclass
class FakeWiring:
    """A stand-in for ``app.bootstrap`` that remembers how it was called.

    ``failure`` is raised by every job instead of an answer.
    """

    failure: BaseException | None = None
    calls: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    decision: Decision = field(default_factory=make_decision)

    def module(self) -> ModuleType:
        """The module to put in the place of the real one."""
        from lightning_gex.app.workspace import Workspace

        module = ModuleType("lightning_gex.app.bootstrap")
        module.open_workspace = lambda home=None, **more: Workspace.open(home, **more)
        for name in (
            "analyze_files",
            "position_chain",
            "position_live",
            "positioning_page",
            "run_backtest_files",
            "run_demo",
            "performance_report",
        ):
            setattr(module, name, self._job(name))
        return module

    def asked(self, name: str) -> dict[str, object]:
        """The arguments of the only call of a job."""
        (call,) = [arguments for called, arguments in self.calls if called == name]
        return call

    def _job(self, name: str):
        def job(*args, **arguments):
            self.calls.append((name, {"args": args, **arguments}))
            if self.failure is not None:
                raise self.failure
            return getattr(self, f"_{name}")()

        return job

    def _analyze_files(self):
        return SimpleNamespace(decision=self.decision, positioning=None, notes=("no volatility index was given",))

    def _position_chain(self):
        return make_positioning()

    def _position_live(self):
        return make_positioning()

    def _positioning_page(self) -> str:
        return "<html>profile</html>"

    def _run_backtest_files(self) -> RunResult:
        return make_run()

    def _run_demo(self):
        from lightning_gex.evaluation.metrics import evaluate

        run = make_run()
        positioning = make_positioning(modelled=True)
        return SimpleNamespace(run=run, metrics=evaluate(run), positioning=positioning, decision=self.decision)

    def _performance_report(self) -> dict[str, object]:
        return {
            "run_id": "facade-1",
            "capital": {"initial": 100_000.0, "return": 0.012},
            "performance": {"win_rate": NOTHING, "trades": 0},
        }


def install(wiring: FakeWiring, monkeypatch) -> None:
    """Put the stand-in where the commands look for the wiring."""
    import lightning_gex.app

    module = wiring.module()
    monkeypatch.setitem(sys.modules, "lightning_gex.app.bootstrap", module)
    monkeypatch.setattr(lightning_gex.app, "bootstrap", module, raising=False)


def existing(path: Path) -> set[str]:
    """The names in a folder; none where there is no folder."""
    return {p.name for p in path.iterdir()} if path.is_dir() else set()
