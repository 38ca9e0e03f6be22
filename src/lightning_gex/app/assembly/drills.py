"""Drills in a scratch workspace under the user's own settings: every component runs, every stop stops.

Nothing here touches the account. What was tried, with which version and with what result, is for the caller to record.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from lightning_gex.adapters.clock import ReplayClock, SystemClock
from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.rate_limits import SqlRateLimits
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.app.assembly.control import halt_trading, reset_breaker, resume_trading
from lightning_gex.app.assembly.credentials import CredentialStore
from lightning_gex.app.assembly.jobs import simulate
from lightning_gex.app.assembly.policies import UnpromotedPolicy, workspace_policy
from lightning_gex.app.assembly.wiring import Stores, agents_of, engine_config
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import DecisionStatus, FillPrice, RunMode
from lightning_gex.core.errors import IntegrityError, RefusedError, SecretError
from lightning_gex.core.events import AuditNoted
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import sessions_between
from lightning_gex.engine.decide import Conclusion
from lightning_gex.engine.drivers import HistoryFeed, Watch
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.perception import perceive
from lightning_gex.engine.self_test import approved_entry, self_test
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.state import replay
from lightning_gex.engine.trader import Trader
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.circuit_breaker import Breaker
from lightning_gex.security.rate_limit import SlidingWindow
from lightning_gex.security.signing import sign_request, verify_request
from lightning_gex.security.vault import Credentials
from lightning_gex.simulation.chains import modelled_chain
from lightning_gex.simulation.market import simulate_market

_SEED, _SESSIONS = 11, 320  # of the market that the components run on: enough for every indicator and some trades
_SCRATCH_PASSWORD = "a drill, not a secret"  # noqa: S105 - of a vault that lives for a second
_CAPITAL, _PRICE, _VIX = (
    Decimal(100_000_000),
    1.0,
    20.0,
)  # so large, and so small, that no limit but the drilled one binds
_DRILL_SESSIONS = 8
_ACTS_TRIED = 200  # of a rate limit: each is a durable commit


@dataclass(frozen=True, slots=True)
class Tried:
    """What a drill found.

    Parameters
    ----------
    passed : what worked -> the evidence. failed : what did not -> why.
    """

    passed: Mapping[str, str]
    failed: Mapping[str, str]


@contextmanager
def scratch_workspace(settings_of: Workspace) -> Iterator[Workspace]:
    """A workspace that lives for a while, with the user's settings and a store of its own."""
    with tempfile.TemporaryDirectory(prefix="lightning-drill-") as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        HaltFile(home / "halt.flag").create()
        shutil.copyfile(settings_of.settings_file, home / "lightning.toml")
        own = {"storage": {"url": ""}, "vault": {"use_keyring": False}, "alerts": {"vault_entry": ""}}
        yield Workspace.open(home, overrides=own)


def drill_components(workspace: Workspace) -> Tried:
    """Run every component on simulated data, in a scratch workspace."""
    passed: dict[str, str] = {}
    failed: dict[str, str] = {}
    with scratch_workspace(workspace) as scratch:
        for name, trial in _TRIALS.items():
            try:
                passed[name] = trial(scratch, workspace)
            except Exception as error:  # whatever a component raises, it is what the drill is for
                failed[name] = f"{type(error).__name__}: {error}"
    return Tried(passed, failed)


def drill_stops(workspace: Workspace) -> Tried:
    """Trip a breaker and pull the kill switch on a scratch account, restart, and lift both as a person would.

    Returns
    -------
    The steps that did what they must. At the first that does not the drill ends, and that one is what failed.
    """
    passed: dict[str, str] = {}
    with scratch_workspace(workspace) as scratch:
        steps = _stops(scratch)
        name = "the drill"
        try:
            for name, evidence in steps:
                passed[name] = evidence
        except Exception as error:  # as above
            return Tried(passed, {f"after {name!r}": f"{type(error).__name__}: {error}"})
    return Tried(passed, {})


def drill_rate_limit(window: SlidingWindow) -> str:
    """Use a rate limit up in a scratch store: the evidence that it holds, across a restart, and ends.

    Raises
    ------
    RefusedError : it let one act too many through, or one too few.
    """
    tried = replace(window, limit=min(window.limit, _ACTS_TRIED))
    now = datetime(2000, 1, 3, 15, 0, tzinfo=UTC)
    with tempfile.TemporaryDirectory(prefix="lightning-drill-") as folder:

        def take(moment: datetime) -> bool:
            engine = open_database(Path(folder) / "scratch.db")
            try:
                return SqlRateLimits(engine).take("drill", tried, moment)
            finally:
                engine.dispose()

        engine = open_database(Path(folder) / "scratch.db")
        try:
            limits = SqlRateLimits(engine)
            taken = sum(limits.take("drill", tried, now) for _ in range(tried.limit + 1))
        finally:
            engine.dispose()
        after_restart = take(now + timedelta(seconds=tried.seconds / 2))
        after_window = take(now + timedelta(seconds=tried.seconds))
    if taken != tried.limit or after_restart or not after_window:
        raise RefusedError(f"{taken} of {tried.limit} calls passed; again after a restart: {after_restart}")
    return f"{tried.limit} calls passed, the next one did not, nor after a restart, until {tried.seconds:g} s were over"


# --- stops -------------------------------------------------------------------------------------------------------


def _stops(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """(step, evidence) of every step of the drill."""
    config = engine_config(workspace.settings)
    if not config.enhancements.security:
        raise RefusedError("enhancements.security is off: no breaker is watched")
    updates = _drill_sessions(workspace, config.breakers.max_vix_jump)
    stores = Stores.open(workspace)
    try:
        first = _scratch_trader(workspace, stores)
        first.start(at=updates[0].opened_at, mode=RunMode.LIVE, capital=_CAPITAL, settings={})
        first.see(updates[0])
        yield "an entry that breaks nothing", _ordered(first, updates[0], "before")
        first.see(updates[1])
        why = first.state.tripped.get(Breaker.VIX_JUMP)
        if why is None:
            raise RefusedError("the VIX jumped and no breaker tripped")
        yield "a breaker trips", f"{Breaker.VIX_JUMP}: {why}"
        yield "it stops an entry", _stopped(first, updates[1], "tripped")
        again = _scratch_trader(workspace, stores)
        again.resume([r.event for r in again.journal.read(again.journal.run_id)], at=updates[1].closed_at)
        yield "it holds after a restart", _stopped(again, updates[1], "restarted")
        reset_breaker(workspace, Breaker.VIX_JUMP, by="the drill", reason="a drill")
        again.see(updates[2])
        yield "a person resets it", _ordered(again, updates[2], "reset")
        halt_trading(workspace.home, by="the drill", reason="a drill", flatten=False)
        yield "the kill switch stops an entry", _stopped(again, updates[3], "halted")
        resume_trading(workspace, by="the drill", reason="a drill")
        again.see(updates[4])
        yield "a person lets trading go on", _ordered(again, updates[4], "resumed")
        records = again.journal.verify()
        yield "all of it is on record", f"{records} records, verified"
    finally:
        stores.engine.dispose()


def _drill_sessions(workspace: Workspace, max_vix_jump: float) -> list[SessionUpdate]:
    """Sessions in which nothing happens but a jump of the VIX in the second."""
    days = sessions_between(np.datetime64("2020-01-02"), np.datetime64("2020-12-31"))[:_DRILL_SESSIONS]
    flat = np.full(len(days), _PRICE)
    vix = np.where(np.arange(len(days)) >= 1, _VIX * (1.0 + max_vix_jump) * 1.01, _VIX)
    bars = Bars("SCRATCH", days, flat, flat, flat, flat, np.full(len(days), 1e6))
    inputs = MarketInputs({"SCRATCH": bars}, volatility_index=DatedSeries(days, {"close": vix}, "the drill"))
    config = engine_config(workspace.settings)
    watch = Watch(("SCRATCH",), agents_of(workspace.settings), config, {"SCRATCH": FillPrice.OPEN})
    return list(HistoryFeed(inputs, watch))


def _scratch_trader(workspace: Workspace, stores: Stores) -> Trader:
    config = engine_config(workspace.settings)
    broker = SimulatedBroker(config.costs)
    return Trader(
        config, stores.journal("drill"), MemoryBook(), None, broker=broker, halt=HaltFile(workspace.halt_flag)
    )


def _attempt(trader: Trader, update: SessionUpdate, name: str) -> tuple[DecisionStatus, str]:
    at = update.closed_at + timedelta(minutes=2)
    entry = replace(
        approved_entry(float(_PRICE / float(_CAPITAL))),
        decision_id=f"drill-{name}",
        as_of=at,
        entry_price=_PRICE,
        target_price=_PRICE * 1.05,
        stop_loss=_PRICE * 0.95,
    )
    decision = trader.decide(Conclusion(entry, None), at)
    return decision.status, decision.reason


def _ordered(trader: Trader, update: SessionUpdate, name: str) -> str:
    status, reason = _attempt(trader, update, name)
    if status is not DecisionStatus.APPROVED:
        raise RefusedError(f"the entry was blocked: {reason}")
    return "an order was sent"


def _stopped(trader: Trader, update: SessionUpdate, name: str) -> str:
    status, reason = _attempt(trader, update, name)
    if status is DecisionStatus.APPROVED:
        raise RefusedError("the entry was ordered")
    if "is tripped" not in reason and "is halted" not in reason:
        raise RefusedError(f"the entry was blocked for another reason: {reason}")
    return reason


# --- components --------------------------------------------------------------------------------------------------


def _tried_limits(scratch: Workspace, _own: Workspace) -> str:
    found = self_test(engine_config(scratch.settings))
    return f"{len(found.guardrails)} guardrails block, {len(found.breakers)} breakers trip, the kill switch stops"


def _tried_agents(scratch: Workspace, _own: Workspace) -> str:
    config = engine_config(scratch.settings)
    inputs = _simulated()
    from lightning_gex.engine.inputs import features_of

    (ticker,) = inputs.bars
    agents = agents_of(scratch.settings)
    features = features_of(ticker, inputs)
    voted = {agent.name: int((~agent.vote(features).abstained).sum()) for agent in agents}
    perceive(features, agents, config)
    silent = [name for name, votes in voted.items() if not votes and name != "Options Flow Agent"]
    if silent:
        raise RefusedError(f"{', '.join(silent)} never voted on {_SESSIONS} sessions")
    return ", ".join(f"{name} {votes}" for name, votes in voted.items()) + f" votes on {_SESSIONS} sessions"


def _tried_decisions(scratch: Workspace, _own: Workspace) -> str:
    inputs = _simulated()
    run = simulate(
        scratch,
        inputs,
        tickers=tuple(inputs.bars),
        start=None,
        kind="drill",
        label="the drill",
        progress=lambda items, *, total, label: items,
    )
    stores = Stores.open(scratch)
    try:
        with stores.journal("look") as journal:
            state = replay(r.event for r in journal.read(run.run_id, with_reasons=False))
    finally:
        stores.engine.dispose()
    if len(run.decisions) != len(run.sessions) or float(state.equity) != run.equity[-1]:
        raise RefusedError("the journal does not replay into the account that made it")
    stages = {record.stage.value for d in run.decisions for record in d.stages}
    return f"{len(run.decisions)} decisions through {len(stages)} stages, {len(run.trades)} trades; the journal replays"


def _tried_memory(scratch: Workspace, _own: Workspace) -> str:
    stores = Stores.open(scratch)
    try:
        book = stores.memory("drill")
        inputs = _simulated()
        from lightning_gex.engine.drivers import run_backtest

        config = engine_config(scratch.settings)
        exchange = SimulatedBroker(config.costs)
        trader = Trader(config, stores.journal("memory-drill", group_size=512), MemoryBook(), None, broker=exchange)
        watch = Watch(
            tuple(inputs.bars), agents_of(scratch.settings), config, dict.fromkeys(inputs.bars, FillPrice.OPEN)
        )
        run_backtest(trader, exchange, inputs, watch, capital=Decimal(100_000), settings={})
        known = [p for p in trader.memory.patterns() if p.outcome is not None]
        if not known:
            raise RefusedError("no signal of a whole simulated market was ever resolved")
        for pattern in known[:5]:
            book.remember(replace(pattern, outcome=None))
            book.resolve(pattern.pattern_id, pattern.outcome)  # type: ignore[arg-type]
        last = known[0]
        found = book.recall(
            ticker=last.ticker,
            direction=last.direction,
            vector=last.vector,
            as_of=datetime(2100, 1, 1, tzinfo=UTC),
            count=5,
        )
        return f"{len(known)} signals were resolved; {len(found.similarity)} of those kept were recalled"
    finally:
        stores.engine.dispose()


def _tried_sizing(_scratch: Workspace, own: Workspace) -> str:
    policy = workspace_policy(own, engine_config(own.settings))
    if policy is None:
        return "no trained policy is used: Kelly sizes"
    if isinstance(policy, UnpromotedPolicy):
        return f"{policy.why}: Kelly sizes"
    size = policy.size_pct(np.zeros(7))
    return f"the trained policy answers, {size:.0%} on a blank observation"


def _tried_positioning(_scratch: Workspace, _own: Workspace) -> str:
    found = positioning(
        modelled_chain(
            underlying="SCRATCH",
            as_of=datetime(2020, 6, 1, 20, 0, tzinfo=UTC),
            spot=100.0,
            atm_vol=0.2,
            spot_average_20=100.0,
            spot_average_60=100.0,
        )
    )
    gamma = found.gamma_exposure_usd_per_pct
    if not np.isfinite(gamma):
        raise RefusedError("a modelled chain has no gamma exposure")
    return f"{found.contracts_used} modelled contracts, gamma {gamma:,.0f} USD per 1 %"


def _tried_vault(scratch: Workspace, _own: Workspace) -> str:
    clock = SystemClock()
    kept = Credentials("drill", "a drill's key", "a drill's secret")
    CredentialStore(scratch, clock, _SCRATCH_PASSWORD).store(kept)
    found = CredentialStore(scratch, clock, _SCRATCH_PASSWORD).retrieve("drill")
    if (found.key, found.secret) != (kept.key, kept.secret):
        raise RefusedError("the vault gave back something else")
    if kept.secret.encode() in scratch.vault_file.read_bytes():
        raise RefusedError("the vault's file shows a secret")
    try:
        CredentialStore(scratch, clock, "a guess").retrieve("drill")
    except SecretError:
        return "a secret was sealed and opened, and a wrong password was refused"
    raise RefusedError("a wrong password opened the vault")


def _tried_signing(_scratch: Workspace, _own: Workspace) -> str:
    clock = ReplayClock(datetime(2020, 6, 1, 15, 0, tzinfo=UTC))
    signed = sign_request("a drill's secret", "POST", "/v1/orders", b"{}", clock.now())
    tolerance = timedelta(minutes=5)
    verify_request("a drill's secret", "POST", "/v1/orders", b"{}", signed, now=clock.now(), tolerance=tolerance)
    try:
        verify_request("a drill's secret", "POST", "/v1/orders", b"[]", signed, now=clock.now(), tolerance=tolerance)
    except SecretError:
        return "a signature fits its request and no other"
    raise RefusedError("a signature fits another request")


def _tried_audit(scratch: Workspace, _own: Workspace) -> str:
    stores = Stores.open(scratch)
    try:
        with stores.journal("audit-drill") as journal:
            journal.append([AuditNoted(datetime(2020, 6, 1, tzinfo=UTC), "drill", {"n": n}) for n in range(3)])
            records = journal.verify()
        with stores.engine.begin() as connection:
            altered = "UPDATE journal SET payload = replace(payload, 'drill', 'drama') WHERE run_id = 'audit-drill'"
            connection.exec_driver_sql(altered)
        try:
            stores.journal("look").verify()
        except IntegrityError as error:
            return f"{records} records verified; an altered one was found ({error.args[0].splitlines()[0]})"
        raise RefusedError("a record was altered and nothing noticed")
    finally:
        stores.engine.dispose()


def _simulated() -> MarketInputs:
    market = simulate_market(seed=_SEED, sessions=_SESSIONS, start=np.datetime64("2018-01-02"))
    return MarketInputs({market.bars.ticker: market.bars}, flow=market.flow, volatility_index=market.vix)


#: The last one damages the scratch journal.
_TRIALS: Mapping[str, Callable[[Workspace, Workspace], str]] = {
    "limits": _tried_limits,
    "agents": _tried_agents,
    "dealer positioning": _tried_positioning,
    "decision path": _tried_decisions,
    "memory": _tried_memory,
    "sizing": _tried_sizing,
    "vault": _tried_vault,
    "signing": _tried_signing,
    "audit": _tried_audit,
}

__all__ = ["Tried", "drill_components", "drill_rate_limit", "drill_stops", "scratch_workspace"]
