"""What a sizing policy learns from and what it is judged on, kept apart; and the judgement itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.ports import SizingPolicy
from lightning_gex.core.units import Float64Array1D, Float64Array2D, Int64Array1D
from lightning_gex.sizing.contest import (
    Sizing,
    by_policy,
    by_row,
    by_stretch,
    kelly_sizes,
    plain_ways,
    played,
    same_exposure,
)
from lightning_gex.sizing.episodes import Episodes, joined, stretch
from lightning_gex.sizing.model_card import CHAMPION, SAME_EXPOSURE
from lightning_gex.sizing.score import Score, excess, of_seeds
from lightning_gex.sizing.training import data_digest

#: Kelly in an account that begins with nothing on record.
FRESH_KELLY: Final = "kelly_fresh"


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Candidates to learn from, one set a fold, and later or other ones that each fold's policies are judged on.

    Parameters
    ----------
    learnt : what each fold learns from; none where policies come from elsewhere.
    judged : candidates that no policy asked about them has learnt from.
    fold : (n,) the fold whose policy is asked about each judged candidate.
    kelly : (n,) what Kelly allows each of them, having seen at least what the policies learnt from.
    one_calendar : whether the judged accounts live through the same sessions.
    counted_sha256 : of what attempts are counted on.
    fresh_kelly : (n,) what Kelly allows an account that knows of nothing before its own time; None where it knows all.
    """

    learnt: tuple[Episodes, ...]
    judged: Episodes
    fold: Int64Array1D
    kelly: Float64Array1D
    one_calendar: bool
    counted_sha256: str
    fresh_kelly: Float64Array1D | None = None

    @property
    def folds(self) -> int:
        """How many policies are asked."""
        return int(self.fold.max()) + 1

    def score(self, policies: Sequence[SizingPolicy]) -> Score:
        """What policies came to, one a fold."""
        if len(policies) != self.folds:
            raise InputError(f"needs {self.folds} policies, one a fold, not {len(policies)}", field="policies")
        ways = {number: by_policy(policy) for number, policy in enumerate(policies)}
        return self._played(by_stretch(ways, self.fold))

    def plain(self) -> dict[str, Score]:
        """What each plain way of sizing came to."""
        ways = dict(plain_ways(self.judged, self.kelly))
        if self.fresh_kelly is not None:
            ways[FRESH_KELLY] = by_row(self.fresh_kelly)
        return {name: self._played(way) for name, way in ways.items()}

    def twin(self, score: Score) -> Score:
        """What being invested as much as this, and looking at nothing, came to."""
        return same_exposure(self.judged, score, one_calendar=self.one_calendar)

    def _played(self, sizing: Sizing) -> Score:
        return played(self.judged, sizing, one_calendar=self.one_calendar)


def markets_trial(learnt: Episodes, judged: Episodes, terms: Sequence[object]) -> Trial:
    """Learn on some markets and be judged on others that have nothing to do with them.

    Parameters
    ----------
    learnt, judged : candidates, an episode a market.
    terms : what the markets have in common: attempts are counted on it.
    """
    return Trial(
        learnt=(learnt,),
        judged=judged,
        fold=np.zeros(len(judged), dtype=np.int64),
        kelly=kelly_sizes(judged, experience=learnt),
        one_calendar=False,
        counted_sha256=_digest(["markets", *terms]),
        fresh_kelly=kelly_sizes(judged),
    )


def history_trial(whole: Episodes, folds: int, *, besides: Episodes | None = None) -> Trial:
    """Walk forward: each fold learns from all that was settled before a moment and is judged on what came after it.

    Parameters
    ----------
    whole : candidates of a history, all tickers on one calendar.
    folds : at least 1; the time is cut into one more equal parts, of which the first is only learnt from.
    besides : further candidates to learn from, of simulated markets; they cost what the middle one of the history does.
    """
    edges = np.linspace(0.0, 1.0, folds + 2)[1:].tolist()
    learnt = [stretch(whole, 0.0, edge, settled=True, one_calendar=True) for edge in edges[:-1]]
    if besides is not None:
        usual = np.full(len(besides), float(np.median(whole.cost_bp_per_side)))  # what the account will pay
        learnt = [joined([replace(besides, cost_bp_per_side=usual), own]) for own in learnt]
    judged = stretch(whole, edges[0], 1.0, settled=False, one_calendar=True)
    first = int(whole.decided_at.min())
    ends = first + np.floor(np.array(edges) * (int(whole.decided_at.max()) - first))
    fold = np.searchsorted(ends, judged.decided_at, side="left") - 1
    return Trial(
        learnt=tuple(learnt),
        judged=judged,
        fold=fold.astype(np.int64),
        kelly=kelly_sizes(whole, one_calendar=True)[whole.decided_at > ends[0]],
        one_calendar=True,
        counted_sha256=_digest(["history", data_digest(whole)]),
    )


def never_seen_trial(whole: Episodes) -> Trial:
    """Be judged on all of a history, for policies that were made without a look at it; all tickers on one calendar."""
    return Trial(
        learnt=(),
        judged=whole,
        fold=np.zeros(len(whole), dtype=np.int64),
        kelly=kelly_sizes(whole, one_calendar=True),
        one_calendar=True,
        counted_sha256=_digest(["history", data_digest(whole)]),
    )


def figures(
    trial: Trial, scores: Sequence[Score], *, champion: SizingPolicy | None = None
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Every other way of sizing, and by how much the policies grew more.

    Parameters
    ----------
    trial : what was judged.
    scores : of the policies, one a seed.
    champion : the promoted policy, where there is one.

    Returns
    -------
    Way of sizing -> summary; way of sizing -> excess of the policies over it.
    """
    growth = np.array([score.log_growth for score in scores])
    others = trial.plain()
    if champion is not None:
        others[CHAMPION] = trial.score([champion] * trial.folds)
    twins = [trial.twin(score) for score in scores]
    summaries = {name: score.summary() for name, score in others.items()}
    over = {name: _plain(growth - score.log_growth) for name, score in others.items()}
    summaries[SAME_EXPOSURE] = of_seeds(twins).summary()
    over[SAME_EXPOSURE] = _plain(growth - np.array([twin.log_growth for twin in twins]))
    return summaries, over


def _plain(growth: Float64Array2D) -> dict[str, float]:
    found = excess(growth)
    return {"mean": found.mean, "low": found.low, "high": found.high, "chance_not_better": found.chance_not_better}


def judged_digest(trial: Trial) -> str:
    """Hex digest of the judged candidates."""
    return data_digest(trial.judged)


def _digest(words: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()
