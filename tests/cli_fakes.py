"""Stand-ins for the wiring, so that the command line is tested without running markets: answers made by hand."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

from builders_chain import AS_OF as CHAIN_AS_OF
from builders_chain import make_chain
from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Cap, Decision, ExpectedRange, StageRecord
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
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import close_of, sessions_between
from lightning_gex.core.votes import Vote
from lightning_gex.engine.result import RunResult
from lightning_gex.risk.expression import Expression

NOTHING = float("nan")
#: What the stand-in takes from the real package: functions of their arguments alone.
_PURE = {
    "UniverseRequest": "app.assembly.universe",
    "frame": "evaluation.frames",
    "positioning_frame": "app.assembly.tables",
    "ranked_market": "app.assembly.scan",
    "table_bytes": "evaluation.frames",
}
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
        expected_range=ExpectedRange(96.5, 103.6, 0.86, 5, 0.17, 0.19, "made by tests") if approved else None,
        range_absence=None if approved else "too early",
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


def make_changes():
    """What changed between two small chains a day apart."""
    from lightning_gex.analytics.dealer_positioning import positioning
    from lightning_gex.analytics.positioning_changes import positioning_changes

    before, now = (
        make_chain(),
        make_chain(spot=101.0, as_of=CHAIN_AS_OF + timedelta(days=1), strikes=np.arange(80, 121, 2.5)),
    )
    return positioning_changes(positioning(now), positioning(before))


def make_flow():
    """A dark-pool index of two sessions, one of them too thin."""
    from lightning_gex.analytics.dark_pool import DarkPoolIndex
    from lightning_gex.app.assembly.dark_pool import BuiltFlow

    sessions = np.array(["2024-06-03", "2024-06-04"], dtype="datetime64[D]")
    index = DarkPoolIndex(
        np.array([0.4312, NOTHING]), np.array([0.99, 0.5]), np.array([500, 500]), np.array([498, 240])
    )
    return BuiltFlow(sessions, index, {"GONE": 2}, {}, ("members without a bar, left out: GONE (2 sessions)",))


def make_ranked_history():
    """Two sessions of one underlying, too few for a rank."""
    from lightning_gex.analytics.positioning_features import FEATURES
    from lightning_gex.app.assembly.history import RankedHistory

    names = [name for name, kind in FEATURES.items() if kind in (float, int)]
    sessions = np.array(["2024-06-03", "2024-06-04"], dtype="datetime64[D]")
    features = DatedSeries(sessions, {name: np.array([1.5, NOTHING]) for name in names}, "history.parquet")
    ranks = {name: np.full(2, NOTHING) for name in ("gex_signal", "charm_pressure", "vanna_sensitivity")}
    return (RankedHistory("SPX", "naive", features, ranks),)


def make_history(bad: dict[str, str]):
    """What a build of two files leaves."""
    from lightning_gex.app.assembly.history import BuiltHistory, HistoryExtent
    from lightning_gex.evaluation.frames import frame

    extent = HistoryExtent("SPX", 2, date(2024, 6, 3), date(2024, 6, 4), 0.97)
    return BuiltHistory(frame({"n": np.arange(2)}), (extent,), 2, 5, bad, 1, 0, ("1 chains do not count",))


def make_scan():
    """The scan of a market of three underlyings, one without figures."""
    from lightning_gex.adapters.market_data.market_rows import LeftOut
    from lightning_gex.app.assembly.scan import ScannedMarket
    from lightning_gex.evaluation.frames import frame

    gamma = np.array([1e6, -3e6, NOTHING])
    columns = {"underlying": np.array(["AAA", "BBB", "CCC"]), "gamma_exposure_usd_per_pct": gamma}
    for name in ("spot", "net_to_gross", "zero_gamma_nearest", "put_wall", "call_wall", "atm_implied_vol"):
        columns[name] = np.where(np.isfinite(gamma), 0.5, NOTHING)
    columns |= {"expected_move_usd": columns["spot"], "open_interest_coverage": np.array([0.9, 0.95, 0.1])}
    columns["models_agree_on_sign"] = np.array([1, 0, -1])
    left_out = (LeftOut("DDD", 12, "bad_spot"),)
    return ScannedMarket(frame(columns), 900, {"ok": 2, "too_little_coverage": 1}, left_out, "naive")


@dataclass
class FakeWiring:
    """A stand-in for ``app.bootstrap`` that remembers how it was called.

    ``failure`` is raised by every job instead of an answer; ``bad_files`` are what a history leaves out.
    """

    failure: BaseException | None = None
    calls: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    decision: Decision = field(default_factory=make_decision)
    bad_files: dict[str, str] = field(default_factory=dict)
    expression: Expression | None = None

    def module(self) -> ModuleType:
        """The module to put in the place of the real one."""
        from lightning_gex.app.workspace import Workspace

        module = ModuleType("lightning_gex.app.bootstrap")
        module.open_workspace = lambda home=None, **more: Workspace.open(home, **more)
        for name in (
            "analyze_files",
            "position_chain",
            "position_live",
            "positioning_picture",
            "changes_since",
            "build_flow",
            "build_history",
            "ranked_history",
            "scan_market",
            "run_backtest_files",
            "run_demo",
            "performance_report",
        ):
            setattr(module, name, self._job(name))
        for name, home in _PURE.items():
            setattr(module, name, getattr(import_module(f"lightning_gex.{home}"), name))
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
        return SimpleNamespace(
            decision=self.decision,
            positioning=None,
            notes=("no volatility index was given",),
            expression=self.expression,
        )

    def _position_chain(self):
        return make_positioning()

    def _position_live(self):
        return make_positioning()

    def _changes_since(self):
        return make_changes()

    def _build_flow(self):
        return make_flow()

    def _build_history(self):
        return make_history(self.bad_files)

    def _ranked_history(self):
        return make_ranked_history()

    def _scan_market(self):
        return make_scan()

    def _positioning_picture(self) -> bytes:
        return b"<html>profile</html>"

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
