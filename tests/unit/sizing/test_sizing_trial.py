"""What is learnt from and what is judged on stay apart, in time and between markets; the judgement counts both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sizing_samples import coin_flips

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.contest import kelly_sizes
from lightning_gex.sizing.episodes import joined
from lightning_gex.sizing.trial import figures, history_trial, judged_digest, markets_trial, never_seen_trial


class Shrewd:
    """Reads the edge that ``coin_flips`` plants."""

    def size_pct(self, observation):
        return 0.15 if observation[0] > 0 else 0.0


class Bold:
    """Takes everything."""

    def size_pct(self, _observation):
        return 0.15


def history(**changes):
    return coin_flips(candidates=800, episodes=2, held=3, **changes)  # two tickers that live through the same sessions


def test_each_fold_learns_from_what_was_settled_before_all_that_it_is_judged_on():
    whole = history()
    trial = history_trial(whole, 3)
    assert trial.folds == len(trial.learnt) == 3
    for number, learnt in enumerate(trial.learnt):
        judged = trial.judged.decided_at[trial.fold == number]
        assert learnt.exit_at.max() < judged.min()
        if number:
            assert judged.min() > trial.judged.decided_at[trial.fold == number - 1].max()
    assert set(np.unique(trial.fold)) == {0, 1, 2}


def test_kelly_brings_its_record_from_before_the_judged_time():
    whole = history(edge=0.0)
    sure = replace(whole, exit_price=whole.entry_price * np.where(np.arange(800) % 10 < 8, 1.02, 0.98))
    trial = history_trial(sure, 1)
    assert len(trial.kelly) == len(trial.judged)
    assert trial.kelly[0] > 0.15
    assert kelly_sizes(trial.judged, one_calendar=True)[0] == 0.02


def test_no_outcome_of_the_judged_time_changes_what_is_learnt_from():
    whole = history()
    trial = history_trial(whole, 2)
    edge = int(trial.judged.decided_at.min())
    changed = replace(whole, exit_price=np.where(whole.exit_at >= edge, 10.0, whole.exit_price))
    np.testing.assert_array_equal(history_trial(changed, 2).learnt[0].exit_price, trial.learnt[0].exit_price)
    assert history_trial(changed, 2).counted_sha256 != trial.counted_sha256
    assert history_trial(whole, 3).counted_sha256 == trial.counted_sha256  # other folds of it are another attempt on it


def test_besides_its_own_past_a_policy_may_learn_from_other_markets():
    other = coin_flips(candidates=90, episodes=3, cost_bp=1.0)
    trial = history_trial(history(), 2, besides=other)
    assert trial.learnt[0].count == 2 + 3
    assert set(trial.learnt[0].cost_bp_per_side) == {5.0}


def test_a_policy_that_reads_the_edge_beats_its_own_exposure_and_a_bold_one_does_not():
    learnt, judged = (coin_flips(candidates=3_000, episodes=10, edge=0.3, seed=s, move=0.02) for s in (1, 2))
    trial = markets_trial(learnt, judged, ["coins"])
    summaries, over = figures(trial, [trial.score([Shrewd()]), trial.score([Shrewd()])], champion=Bold())
    assert over["same_exposure"]["low"] > 0
    assert over["champion"]["low"] > 0
    assert set(summaries) == set(over) == {
        "kelly", "kelly_fresh", "volatility_targeting", "fixed_5_pct", "fixed_10_pct", "fixed_15_pct", "nothing",
        "champion", "same_exposure",
    }  # fmt: skip
    _, bold = figures(trial, [trial.score([Bold()])])
    assert bold["same_exposure"]["mean"] == pytest.approx(0.0, abs=1e-12)
    assert bold["fixed_15_pct"]["mean"] == 0.0


def test_a_policy_from_elsewhere_is_judged_on_all_of_a_history():
    whole = history()
    trial = never_seen_trial(whole)
    assert (trial.folds, len(trial.learnt), len(trial.judged)) == (1, 0, 800)
    assert judged_digest(trial) == judged_digest(never_seen_trial(joined([whole])))
    assert trial.counted_sha256 == history_trial(whole, 3).counted_sha256


def test_another_number_of_policies_than_of_folds_is_refused():
    with pytest.raises(InputError, match="needs 2 policies"):
        history_trial(history(), 2).score([Bold()])
