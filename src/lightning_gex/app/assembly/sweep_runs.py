"""One run of a sweep, as a worker does it: settings and a history in, figures and session returns out.

Nothing here reads a file, a clock or a store: what a run comes to depends on what travels to the worker, and on nothing
else, wherever and in whatever order it is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

import lightning_gex
from lightning_gex.adapters.storage.decision_outlines import DecisionOutlines
from lightning_gex.analytics.performance import session_returns
from lightning_gex.app.assembly.folds import inputs_within
from lightning_gex.app.assembly.jobs import watch_of
from lightning_gex.app.assembly.policies import POLICY_FILE, SHIPPED, UnreadablePolicy, workspace_policy
from lightning_gex.app.assembly.wiring import capital_of, engine_config
from lightning_gex.app.settings import Settings
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, LightningError, StoreError, one_line
from lightning_gex.core.membership import Membership
from lightning_gex.core.ports import SizingPolicy
from lightning_gex.core.units import DateArray1D, Float64Array1D
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import run_backtest
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.result import RunResult
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader
from lightning_gex.engine.unrecorded import Unrecorded
from lightning_gex.evaluation.benchmarks import risk_free_by_session
from lightning_gex.evaluation.folds import Fold
from lightning_gex.evaluation.metrics import JsonValue, evaluate
from lightning_gex.evaluation.paired import Judged
from lightning_gex.memory.book import MemoryBook
from lightning_gex.sizing.policy import load_policy

#: What a run is called: it is a computation and leaves no journal, and its figures must not depend on when it was made.
RUN_ID = "sweep"
#: Folders of the package that shape no run.
_BESIDE_RUNS = frozenset({"cli", "web", "security", "founding", "__pycache__"})


@dataclass(frozen=True, slots=True, eq=False)
class SweptUniverse:
    """The tickers that some runs of a sweep trade together.

    Parameters
    ----------
    title : in words.
    tickers : all of them.
    inputs : what their files hold, sectors and events included.
    membership : who may be entered when; None lets everyone.
    start : first session to trade; None trades from the first bar.
    folds : the parts of the history that are judged, one after the other; none judges it whole.
    """

    title: str
    tickers: tuple[str, ...]
    inputs: MarketInputs
    membership: Membership | None
    start: np.datetime64 | None
    folds: tuple[Fold, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SweepParcel:
    """What every run of a sweep needs; it travels to each worker once.

    Parameters
    ----------
    universes : of the sweep.
    capital : USD; None takes the setting's.
    policy : the archive of the workspace's trained policy; None where it has none.
    seed : of bootstrap and shuffles.
    code : digest of the program that made it: a worker of another one refuses.
    """

    universes: tuple[SweptUniverse, ...]
    capital: float | None
    policy: bytes | None
    seed: int
    code: str


@dataclass(frozen=True, slots=True, eq=False)
class SweepRun:
    """One run to make.

    Parameters
    ----------
    universe : position in the parcel.
    fold : which of its folds; None where the history is judged whole.
    settings : all of them.
    """

    universe: int
    fold: int | None
    settings: Settings


@dataclass(frozen=True, slots=True, eq=False)
class MadeRun:
    """What a run came to.

    Parameters
    ----------
    figures : of ``evaluation.metrics`` without votes, gates and ranges, as plain JSON values.
    sessions : (m,) that were judged.
    excess : (m,) return of each session over the bill rate, NaN at the first and where no rate is known; as the Sharpe
        ratio takes them.
    judged : sums by session.
    invested : whether anything was ever bought.
    """

    figures: Mapping[str, JsonValue]
    sessions: DateArray1D
    excess: Float64Array1D
    judged: Judged
    invested: bool


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run that gave no result.

    Parameters
    ----------
    why : in a line.
    fault : whether the program is to blame and not the data or the settings.
    """

    why: str
    fault: bool


def make_run(parcel: SweepParcel, wanted: SweepRun) -> MadeRun | FailedRun:
    """Make one run; whatever goes wrong with it is its own failure.

    Raises
    ------
    StoreError : this process runs another program than the one that began the sweep.
    """
    if parcel.code != code_digest():
        raise StoreError(
            "a worker has another version of the program than the one that began the sweep: install the same on every "
            "machine of the cluster"
        )
    try:
        return _measured(_walked(parcel, wanted), parcel.seed)
    except LightningError as error:
        return FailedRun(str(error), fault=False)
    except Exception as error:
        return FailedRun(one_line(f"{type(error).__name__}: {error}"), fault=True)


@cache
def code_digest() -> str:
    """SHA-256, in hexadecimal, over everything of the package that can shape a run."""
    digest = hashlib.sha256()
    package = Path(lightning_gex.__file__).parent
    for path in sorted(package.rglob("*")):
        beside = _BESIDE_RUNS.intersection(path.relative_to(package).parts)
        if path.is_file() and not beside and path.suffix not in (".pyc", ".nbi", ".nbc") and path.name[0] != ".":
            digest.update(str(path.relative_to(package)).encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _walked(parcel: SweepParcel, wanted: SweepRun) -> RunResult:
    universe, settings = parcel.universes[wanted.universe], wanted.settings
    fold = None if wanted.fold is None else universe.folds[wanted.fold]
    config = engine_config(settings)
    exchange = SimulatedBroker(config.costs)
    trader = Trader(
        config=config,
        journal=Unrecorded(RUN_ID),
        memory=MemoryBook(forgets_resolved=True),
        policy=_policy(parcel.policy, settings, config),
        broker=exchange,
        decisions=DecisionOutlines(),
    )
    start = universe.start if fold is None else fold.judge_from
    watch = replace(
        watch_of(settings, config, tickers=universe.tickers, start=start),
        membership=universe.membership,
        learn_until=None if fold is None else fold.fit_to,
    )
    run = run_backtest(
        trader,
        exchange,
        universe.inputs if fold is None else inputs_within(universe.inputs, fold),
        watch,
        capital=capital_of(settings, parcel.capital),
        settings={**settings.flat(), "config_hash": settings.config_hash()},
    )
    return replace(run, bars={ticker: universe.inputs.bars[ticker] for ticker in run.bars})


def _policy(archive: bytes | None, settings: Settings, config: EngineConfig) -> SizingPolicy | None:
    """The policy that the workspace would decide with, where its home is elsewhere."""
    own = config.enhancements.rl_sizing and settings.sizing.policy != SHIPPED
    if archive is None or not own:
        return workspace_policy(Workspace(Path("no workspace"), settings), config)
    try:
        return load_policy(archive, POLICY_FILE)
    except InputError as error:
        return UnreadablePolicy(str(error))


def _measured(run: RunResult, seed: int) -> MadeRun:
    excess = session_returns(run.equity) - risk_free_by_session(run)
    return MadeRun(
        figures=evaluate(run, seed=seed, reasons=False).to_json_dict(),  # a run of a sweep keeps no reasons
        sessions=run.sessions,
        excess=excess,
        judged=Judged.of(run),
        invested=bool((run.exposure > 0).any()),
    )
