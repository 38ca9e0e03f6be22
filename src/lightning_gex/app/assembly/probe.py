"""``lightning probe``: whether anything decided in the past knew the future, in any layer, own agents included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from lightning_gex.agents.registry import voting_agent
from lightning_gex.app.assembly.jobs import simulate
from lightning_gex.app.assembly.transition import note_in_control, settings_in_force
from lightning_gex.app.assembly.universe import with_universe
from lightning_gex.app.assembly.variants import Subject
from lightning_gex.app.assembly.wiring import Stores, agents_of, engine_config
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.decision import Decision
from lightning_gex.core.ports import Agent, Progress
from lightning_gex.engine.inputs import MarketInputs, features_of
from lightning_gex.engine.perception import Perception, perceive
from lightning_gex.evaluation.metrics import JsonValue
from lightning_gex.evaluation.probe import (
    INPUTS,
    Future,
    Leak,
    ProbeResult,
    chosen_cuts,
    decision_leaks,
    input_leaks,
    other_future,
    perception_leaks,
    result_of,
)

#: ``what`` of the note that a probe leaves in the journal: a transition asks for one that found nothing.
PROBED = "probed"


def probe_subject(
    workspace: Workspace,
    subject: Subject,
    *,
    agents: Sequence[str] = (),
    cuts: int = 3,
    seed: int = 0,
    progress: Progress,
) -> ProbeResult:
    """Cut and scramble the future, and compare.

    Parameters
    ----------
    workspace : whose settings, agents and policy.
    subject : files, tickers and period.
    agents : ``package.module:name`` of agents that vote beside those of the settings.
    cuts : sessions to cut at, drawn at random. Everything computed at once is compared at each of them, whole runs at
        the middle one, and the files are read once more up to it.
    seed : of the draw and the scrambling.
    progress : shows how far each run is.
    """
    inputs = with_universe(workspace, subject.inputs())
    besides = tuple(voting_agent(target) for target in agents)
    config = engine_config(workspace.settings)
    voters = (*agents_of(workspace.settings), *besides)

    def perceived(ticker: str, given: MarketInputs) -> Perception:
        return perceive(features_of(ticker, given, subject.membership), voters, config)

    sessions = inputs.bars[subject.tickers[0]].session
    first = None if subject.start is None else np.datetime64(subject.start, "D")
    chosen = chosen_cuts(sessions, cuts, seed=seed, first=first)
    middle = chosen[len(chosen) // 2]

    def read_until(cut: np.datetime64) -> MarketInputs:
        return replace(subject, end=date.fromisoformat(str(cut))).inputs()

    read, misread = input_leaks(inputs, read_until, [middle])
    columns, leaks = perception_leaks(inputs, subject.tickers, perceived, chosen, seed=seed)
    columns, leaks = {INPUTS: read, **columns}, [*misread, *leaks]
    real = _decisions(workspace, subject, inputs, besides, "the real future", progress)
    compared = 0
    for future in Future:
        other = _decisions(
            workspace,
            subject,
            other_future(inputs, middle, future, seed=seed),
            besides,
            f"a {future.value} future",
            progress,
        )
        count, found = decision_leaks(real, other, middle, future)
        compared += count
        leaks.extend(found)
    result = result_of(chosen, columns, compared, leaks)
    _on_record(workspace, result)
    return result


def _on_record(workspace: Workspace, found: ProbeResult) -> None:
    stores = Stores.open(workspace)
    try:
        note_in_control(
            stores,
            PROBED,
            {
                "clean": found.clean,
                "leaks": len(found.leaks),
                "decisions": found.decisions,
                "settings": settings_in_force(workspace),
            },
        )
    finally:
        stores.engine.dispose()


def _decisions(
    workspace: Workspace,
    subject: Subject,
    inputs: MarketInputs,
    besides: tuple[Agent, ...],
    label: str,
    progress: Progress,
) -> Sequence[Decision]:
    run = simulate(
        workspace,
        inputs,
        tickers=tuple(t for t in subject.tickers if t in inputs.bars),
        start=None if subject.start is None else np.datetime64(subject.start, "D"),
        kind="probe",
        label=f"walking through {label}",
        progress=progress,
        capital=subject.capital,
        besides=besides,
        membership=subject.membership,
    )
    return list(run.decisions)


def probe_document(found: ProbeResult) -> dict[str, JsonValue]:
    """A probe as plain JSON values."""
    return {
        "clean": found.clean,
        "cuts": [str(cut) for cut in found.cuts],
        "columns_compared": dict(found.columns),
        "decisions_compared": found.decisions,
        "leaks": [_leak(leak) for leak in found.leaks],
    }


def _leak(leak: Leak) -> dict[str, JsonValue]:
    return {
        "layer": leak.layer,
        "name": leak.name,
        "ticker": leak.ticker,
        "session": str(leak.session),
        "cut": str(leak.cut),
        "future": leak.future.value,
        "with_the_real_future": leak.before,
        "with_another": leak.after,
    }
