"""Runs over parts of a history as one run."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from evaluation_runs import CAPITAL, wandering_run

from lightning_gex.core.errors import InputError
from lightning_gex.evaluation.fold_figures import FoldedFigures, JudgedFold, pooled_run
from lightning_gex.evaluation.folds import Fold, FoldScheme
from lightning_gex.evaluation.metrics import evaluate


def halves(run):
    """The run in two, each with the capital it would have begun with."""
    middle = len(run.sessions) // 2
    parts = []
    for part in (slice(0, middle), slice(middle, None)):
        begun = run.initial_capital if part.start == 0 else run.equity[part.start - 1]
        by = run.initial_capital / begun
        days = run.sessions[part]
        inside = [d for d in run.decisions if days[0] <= np.datetime64(d.as_of.date(), "D") <= days[-1]]
        closed = [t for t in run.trades if days[0] <= np.datetime64(t.decided_at.date(), "D") <= days[-1]]
        parts.append(
            replace(
                run,
                run_id=f"half-{len(parts)}",
                sessions=days,
                equity=run.equity[part] * by,
                exposure=run.exposure[part] * by,
                bill_rate=run.bill_rate[part],
                decisions=tuple(inside),
                trades=tuple(closed),
            )
        )
    return parts


def test_two_halves_of_a_run_pooled_are_the_run():
    whole = wandering_run()
    pooled = pooled_run(halves(whole))
    assert np.array_equal(pooled.sessions, whole.sessions)
    assert pooled.equity == pytest.approx(whole.equity)
    assert pooled.exposure == pytest.approx(whole.exposure)
    assert list(pooled.decisions) == list(whole.decisions)
    assert len(pooled.trades) == len(whole.trades)
    one, other = evaluate(pooled), evaluate(whole)
    for name in ("accuracy", "accuracy_interval", "expectancy_bp", "base_rate_all_sessions", "brier"):
        assert getattr(one, name) == getattr(other, name)
    assert one.cagr == pytest.approx(other.cagr)
    assert one.sharpe == pytest.approx(other.sharpe)
    assert one.max_drawdown == pytest.approx(other.max_drawdown)


def test_chained_decisions_are_found_by_place():
    parts = halves(wandering_run(count=200))
    chained = pooled_run(parts).decisions
    flat = [d for part in parts for d in part.decisions]
    assert len(chained) == len(flat)
    assert [chained[i] for i in (0, len(parts[0].decisions), -1)] == [flat[i] for i in (0, len(parts[0].decisions), -1)]
    assert chained[3:6] == flat[3:6]
    assert list(chained.outlines) == flat
    with pytest.raises(IndexError):
        chained[len(flat)]
    with pytest.raises(InputError, match="the runs are over"):
        chained.append(flat[0])


def test_runs_that_do_not_follow_on_each_other_cannot_be_pooled():
    parts = halves(wandering_run(count=200))
    with pytest.raises(InputError, match="do not follow"):
        pooled_run(parts[::-1])
    with pytest.raises(InputError, match="no run"):
        pooled_run([])


def test_a_pooled_run_knows_no_bill_rate_only_where_no_part_does():
    one, other = halves(wandering_run(count=200))
    silent = pooled_run([replace(one, bill_rate=None), other]).bill_rate
    assert silent is not None
    assert np.isnan(silent[: len(one.sessions)]).all()
    assert np.isfinite(silent[len(one.sessions) :]).all()
    assert pooled_run([replace(part, bill_rate=None) for part in (one, other)]).bill_rate is None


def test_folded_figures_are_plain_values_with_their_sessions_and_intervals():
    parts = halves(wandering_run())
    days = [part.sessions for part in parts]
    folds = [Fold(d[0] - 400, d[0] - 30, d[0], d[-1]) for d in days]
    judged = tuple(JudgedFold(f, p.run_id, evaluate(p)) for f, p in zip(folds, parts, strict=True))
    found = FoldedFigures(FoldScheme.ROLLING, 22, 5, judged, evaluate(pooled_run(parts)))
    document = json.loads(json.dumps(found.to_json_dict()))
    assert (document["scheme"], document["purge_sessions"], document["embargo_sessions"]) == ("rolling", 22, 5)
    assert [p["judge_from"] for p in document["parts"]] == [str(d[0]) for d in days]
    assert document["pooled"]["trades"] == sum(p["trades"] for p in document["parts"])
    assert len(document["parts"][0]["sharpe_interval"]) == 2
    assert parts[0].initial_capital == CAPITAL
