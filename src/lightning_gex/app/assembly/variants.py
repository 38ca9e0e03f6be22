"""The system with some of it switched off: which variants a comparison runs, and how one is run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np

from lightning_gex.analytics.trials import JudgedData, TrialCount
from lightning_gex.app.assembly.jobs import InputFiles, inputs_of, named, simulate
from lightning_gex.app.assembly.policies import SHIPPED
from lightning_gex.app.assembly.trials import (
    beside_digests,
    inputs_told_apart,
    put_on_record,
    sizing_digest,
    tried_so_far,
)
from lightning_gex.app.assembly.universe import NAMED_ONES, UniverseRequest, chosen_universe
from lightning_gex.app.settings import load_settings
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.membership import Membership
from lightning_gex.core.ports import Progress
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation import ablation
from lightning_gex.evaluation.folds import Fold

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
_SHIPPED = {"policy": SHIPPED}
BY_SHIPPED_POLICY = Variant(
    ablation.SHIPPED_POLICY,
    "RL sizing by its shipped policy",
    {"enhancements": {"rl_sizing": True}, "sizing": _SHIPPED},
)
#: The original Lightning GEX: options-flow signals with a fixed size and none of the five.
BASELINE = Variant(
    ablation.BASELINE,
    f"baseline: options flow alone, {BASELINE_SIZE_PCT:.0%} each",
    {"enhancements": dict.fromkeys(ENHANCEMENTS, False), "sizing": {"fixed_size_pct": BASELINE_SIZE_PCT}},
)


def ablation_variants(*, kelly_reigns: bool) -> tuple[Variant, ...]:
    """Everything, each enhancement off, each alone, and none: twelve variants.

    Where Kelly reigns, RL sizing switched on sizes by Kelly as it does switched off: one more variant, and RL sizing
    alone, then size by the policy that ships with the package, so that there is something to judge.
    """
    off = tuple(Variant(f"without_{n}", f"{_words(n)} off", {"enhancements": {n: False}}) for n in ENHANCEMENTS)
    shipped = (BY_SHIPPED_POLICY,) if kelly_reigns else ()
    return (EVERYTHING, *shipped, *off, *(_alone(name, kelly_reigns) for name in ENHANCEMENTS), BASELINE)


def _alone(name: str, kelly_reigns: bool) -> Variant:
    switches = {other: other == name for other in ENHANCEMENTS}
    sizing: dict[str, object] = {"fixed_size_pct": BASELINE_SIZE_PCT}
    words = f"{_words(name)} alone"
    if name == "rl_sizing":
        sizing = {"fixed_size_pct": 0.0, **(_SHIPPED if kelly_reigns else {})}
        words += " by its shipped policy" if kelly_reigns else ""
    return Variant(f"only_{name}", words, {"enhancements": switches, "sizing": sizing})


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
    membership : who of the tickers may be entered when; None lets everyone.
    universe : how the tickers were chosen, in words.
    notes : what a reader must know of the choice.
    """

    files: InputFiles
    tickers: tuple[str, ...]
    start: date | None = None
    end: date | None = None
    capital: float | None = None
    membership: Membership | None = None
    universe: str = NAMED_ONES
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.tickers:
            raise SettingsError("name at least one ticker with --ticker, a --universe file or --largest N")

    @property
    def title(self) -> str:
        """What is run, for a heading: a few tickers by name, many by how they were chosen."""
        return named(self.tickers) if self.universe == NAMED_ONES else self.universe

    @classmethod
    def of(
        cls,
        files: InputFiles,
        request: UniverseRequest,
        *,
        start: date | None = None,
        end: date | None = None,
        capital: float | None = None,
    ) -> Subject:
        """The subject that a request for tickers comes to on these files. Raises as ``chosen_universe`` does."""
        found = chosen_universe(files.bars, request, end=end)
        return cls(files, found.tickers, start, end, capital, found.membership, found.words, found.notes)

    def inputs(self) -> MarketInputs:
        """What the files hold for it."""
        found = inputs_of(self.files, self.tickers, start=self.start, end=self.end)
        return replace(found, notes=(*self.notes, *found.notes))

    def judged(self, inputs: MarketInputs) -> JudgedData:
        """The sessions that its variants are judged on. Raises ``InsufficientDataError`` where there is none."""
        return JudgedData.of(inputs.bars, self.tickers, first=self._first)

    @property
    def _first(self) -> np.datetime64 | None:
        return None if self.start is None else np.datetime64(self.start, "D")

    def paths(self) -> tuple[Path, ...]:
        """The files that are there."""
        of = self.files
        return tuple(
            p for p in (of.bars, of.flow, of.history, of.volatility_index, of.rates, of.market, of.market_bars) if p
        )

    def variant_hash(self, workspace: Workspace, inputs: MarketInputs, also: str = "") -> str:
        """Of everything besides the sessions judged that shapes a run; ``also`` names what was done to the inputs."""
        told = [
            workspace.settings.config_hash(),
            sizing_digest(workspace),
            *sorted(self.tickers),
            str(self.start),
            str(self.end),
            str(self.capital),
            also,
            *beside_digests(workspace),
            *inputs_told_apart(inputs, self.tickers),
        ]
        if self.membership is not None:
            told.append(self.membership.digest())
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def counted(self, workspace: Workspace, inputs: MarketInputs, tried: Mapping[str, float]) -> TrialCount:
        """Put variants on record, and count all that were ever tried on these sessions, these included.

        What was put on record by the contents of the files, before that was done by what was judged, counts on.

        Parameters
        ----------
        workspace : whose store.
        inputs : what the variants ran on.
        tried : variant hash -> Sharpe ratio per session, NaN where it never traded or has not ended yet.
        """
        data = self.judged(inputs)
        put_on_record(workspace, data, tried, former=(self._files_hash(), JudgedData.of(inputs.bars, self.tickers)))
        return tried_so_far(workspace, data)

    def _files_hash(self) -> str:
        """Of the contents of every file, under which trials were once put on record."""
        digest = hashlib.sha256()
        for path in self.paths():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


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
    workspace: Workspace,
    subject: Subject,
    inputs: MarketInputs,
    *,
    kind: str,
    label: str,
    progress: Progress,
    fold: Fold | None = None,
) -> RunResult:
    """One journaled walk of a workspace's settings over a subject; over one part of it, where a fold is given."""
    start = None if subject.start is None else np.datetime64(subject.start, "D")
    return simulate(
        workspace,
        inputs,
        tickers=tuple(t for t in subject.tickers if t in inputs.bars),
        start=start if fold is None else fold.judge_from,
        kind=kind,
        label=label,
        progress=progress,
        capital=subject.capital,
        membership=subject.membership,
        learn_until=None if fold is None else fold.fit_to,
    )
