"""The system with some of it switched off: which variants a comparison runs, and how one is run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.storage.trials import SqlTrials, TrialCount
from lightning_gex.app.assembly.jobs import InputFiles, inputs_of, simulate
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.settings import load_settings
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.ports import Progress
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation import ablation

#: The founding document's five, in its order.
ENHANCEMENTS = tuple(ablation.EXPECTED)
#: Of equity: what "fixed size" means in a baseline; the ladder's middle rung.
BASELINE_SIZE_PCT = 0.05


@dataclass(frozen=True, slots=True)
class Variant:
    """The system with some settings changed.

    Parameters
    ----------
    name : for tables and programs.
    words : what it is.
    settings : ``{section: {key: value}}`` that win over the workspace's.
    """

    name: str
    words: str
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


EVERYTHING = Variant(ablation.EVERYTHING, "as the settings have it")
#: The original Lightning GEX: options-flow signals with a fixed size and none of the five.
BASELINE = Variant(
    ablation.BASELINE,
    f"baseline: options flow alone, {BASELINE_SIZE_PCT:.0%} each",
    {"enhancements": dict.fromkeys(ENHANCEMENTS, False), "sizing": {"fixed_size_pct": BASELINE_SIZE_PCT}},
)


def ablation_variants() -> tuple[Variant, ...]:
    """Everything, each enhancement off, each alone, and none: twelve variants."""
    off = tuple(Variant(f"without_{n}", f"{_words(n)} off", {"enhancements": {n: False}}) for n in ENHANCEMENTS)
    return (EVERYTHING, *off, *(_alone(name) for name in ENHANCEMENTS), BASELINE)


def _alone(name: str) -> Variant:
    switches = {other: other == name for other in ENHANCEMENTS}
    fixed = 0.0 if name == "rl_sizing" else BASELINE_SIZE_PCT
    return Variant(
        f"only_{name}", f"{_words(name)} alone", {"enhancements": switches, "sizing": {"fixed_size_pct": fixed}}
    )


def _words(name: str) -> str:
    return {"rl_sizing": "RL sizing", "multi_agent": "multi-agent coordination"}.get(name, name)


@dataclass(frozen=True, slots=True)
class Subject:
    """What variants are run on.

    Parameters
    ----------
    files : what is read.
    tickers : to trade.
    start, end : first and last session to trade; None takes all.
    capital : USD; None takes the setting's.
    """

    files: InputFiles
    tickers: tuple[str, ...]
    start: date | None = None
    end: date | None = None
    capital: float | None = None

    def __post_init__(self) -> None:
        if not self.tickers:
            raise SettingsError("name at least one ticker with --ticker")

    def inputs(self) -> MarketInputs:
        """What the files hold for it."""
        return inputs_of(self.files, self.tickers, start=self.start, end=self.end)

    def data_hash(self) -> str:
        """Of the contents of every file: whoever tries the same data again is told how often they were tried."""
        digest = hashlib.sha256()
        for path in self.paths():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def paths(self) -> tuple[Path, ...]:
        """The files that are there."""
        of = self.files
        return tuple(p for p in (of.bars, of.flow, of.history, of.volatility_index, of.rates, of.market) if p)

    def variant_hash(self, workspace: Workspace, also: str = "") -> str:
        """Of everything besides the data that shapes a run; ``also`` names what was done to the inputs."""
        told = [
            workspace.settings.config_hash(),
            *self.tickers,
            str(self.start),
            str(self.end),
            str(self.capital),
            also,
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def under(workspace: Workspace, variant: Variant) -> Workspace:
    """The workspace with a variant's settings."""
    if not variant.settings:
        return workspace
    changed = load_settings(workspace.settings_file, _merged(workspace, variant))
    return Workspace(workspace.home, changed)


def _merged(workspace: Workspace, variant: Variant) -> dict[str, dict[str, object]]:
    """The workspace's own settings, wherever they came from, with the variant's on top."""
    merged: dict[str, dict[str, object]] = {}
    for section, changes in variant.settings.items():
        merged[section] = {**getattr(workspace.settings, section).model_dump(), **changes}
    return merged


def run_variant(
    workspace: Workspace, subject: Subject, inputs: MarketInputs, *, kind: str, label: str, progress: Progress
) -> RunResult:
    """One journaled walk of a workspace's settings over a subject."""
    return simulate(
        workspace,
        inputs,
        tickers=subject.tickers,
        start=None if subject.start is None else np.datetime64(subject.start, "D"),
        kind=kind,
        label=label,
        progress=progress,
        capital=subject.capital,
    )


def put_on_record(workspace: Workspace, data_hash: str, tried: Mapping[str, float]) -> TrialCount:
    """Count these variants among all that were ever tried on the data.

    Parameters
    ----------
    workspace : whose store.
    data_hash : of the data.
    tried : variant hash -> Sharpe ratio per session, NaN where it never traded.
    """
    return SqlTrials(Stores.open(workspace).engine).add(data_hash, tried, SystemClock().now())
