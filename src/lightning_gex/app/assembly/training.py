"""``lightning train`` and ``promote``: policies by fold and seed, the card they earn, and the champion's place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import numpy as np

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.storage.workspace_files import replace_together, write_atomically
from lightning_gex.app.assembly.jobs import InputFiles, inputs_of
from lightning_gex.app.assembly.policies import POLICY_FILE, read_policy
from lightning_gex.app.assembly.training_data import (
    SIMULATED_MARKETS,
    SIMULATED_SESSIONS,
    history_episodes,
    simulated_episodes,
)
from lightning_gex.app.assembly.wiring import Stores, new_run_id
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, RefusedError, SettingsError, shown
from lightning_gex.core.events import AuditNoted
from lightning_gex.sizing.contest import Score, by_policy, plain_ways, played
from lightning_gex.sizing.episodes import Episodes, joined, stretch
from lightning_gex.sizing.model_card import CHAMPION, ModelCard, chosen, excess_over, of_policies
from lightning_gex.sizing.policy import Algorithm, OnnxPolicy
from lightning_gex.sizing.training import (
    Checkpoints,
    TrainedPolicy,
    TrainingKnobs,
    TrainingProgress,
    data_digest,
    train_policy,
)

CARD_FILE = "card.json"
PROMOTED_CARD_FILE = "policy_card.json"
CHECKPOINT_SUFFIX = ".checkpoint"
#: Markets a policy is judged on come from seeds that no training of a sane number of seeds reaches.
_JUDGED_SEED = 900_000
_PROMOTED, _NOT_PROMOTED = "policy_promoted", "policy_not_promoted"
_LEAST_TIMESTEPS, _MOST_SEEDS, _MOST_FOLDS = 1, 1_000, 20

ShowTraining = Callable[[str, TrainingProgress], None]


class TrainedOn(StrEnum):
    """Which candidates a policy learns from."""

    SIMULATED = "simulated"
    HISTORY = "history"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What is to be trained, and where it goes.

    Parameters
    ----------
    out : folder for policies, checkpoints and the card.
    algorithm, timesteps : as ``sizing.training.train_policy`` takes them.
    seeds : how many, counted from 0.
    on : which candidates.
    files, tickers : the history; needed unless ``on`` is ``simulated``.
    folds : walk-forward folds of a history: each is judged on the stretch after the one it was trained on.
    markets, sessions, planted_effect : of the simulation.
    knobs : how it learns.
    checkpoint_every : steps.
    resume : go on in a folder that holds what an interrupted training left.
    tensorboard : whether to write TensorBoard's logs into ``out/tensorboard``.
    """

    out: Path
    algorithm: Algorithm = Algorithm.PPO
    timesteps: int = 100_000
    seeds: int = 1
    on: TrainedOn = TrainedOn.SIMULATED
    files: InputFiles | None = None
    tickers: tuple[str, ...] = ()
    folds: int = 3
    markets: int = SIMULATED_MARKETS
    sessions: int = SIMULATED_SESSIONS
    planted_effect: float = 0.0
    knobs: TrainingKnobs = field(default_factory=TrainingKnobs)
    checkpoint_every: int = 10_000
    resume: bool = False
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name, right in (
            ("timesteps", self.timesteps >= _LEAST_TIMESTEPS),
            ("seeds", 1 <= self.seeds <= _MOST_SEEDS),
            ("folds", 1 <= self.folds <= _MOST_FOLDS),
            ("markets", 1 <= self.markets <= 100),
            ("sessions", 300 <= self.sessions <= 10_000),
            ("planted_effect", -1 <= self.planted_effect <= 1),
            ("checkpoint_every", self.checkpoint_every >= 1),
        ):
            if not right:
                raise SettingsError(f"--{name.replace('_', '-')} {getattr(self, name)} is out of range")
        if self.on is not TrainedOn.SIMULATED and (self.files is None or not self.tickers):
            raise SettingsError(f"--on {self.on} needs the history: give --bars and --ticker")
        if self.on is TrainedOn.SIMULATED and (self.files is not None or self.tickers):
            raise SettingsError("--on simulated reads no history: leave --bars and --ticker out, or train on both")

    def words(self) -> dict[str, object]:
        """Everything that shapes the policies, as JSON takes it."""
        left_out = {"out", "resume", "tensorboard", "checkpoint_every", "files"}
        words: dict[str, object] = json.loads(
            json.dumps({k: v for k, v in asdict(self).items() if k not in left_out}, default=str)
        )
        return words

    @property
    def digest(self) -> str:
        """Hex digest of :meth:`words`."""
        return hashlib.sha256(json.dumps(self.words(), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    """Candidates to learn from, and later or other ones to be judged on."""

    learnt: Episodes
    judged: Episodes


def algorithm_named(name: str) -> Algorithm:
    """The learner of that name. Raises ``SettingsError`` naming those there are."""
    try:
        return Algorithm(name.upper())
    except ValueError:
        known = ", ".join(a.value for a in Algorithm)
        raise SettingsError(f"no algorithm is called {shown(name)}: there are {known}") from None


def train_policies(workspace: Workspace, request: TrainingRequest, *, show: ShowTraining | None = None) -> ModelCard:
    """Train a policy for each fold and seed, judge them, and write the median seed's policy with its card.

    Parameters
    ----------
    workspace : whose promoted policy is the champion; nothing in it changes.
    request : what to train.
    show : told how far each training is.

    Raises
    ------
    SettingsError : the folder holds a training already, or another one than is to be gone on with.
    InputError : data that cannot be learnt from; raised before anything is written.
    """
    _check_folder(request)
    champion = _champion(workspace)
    folds = _folds(request)
    request.out.mkdir(parents=True, exist_ok=True)
    write_atomically(request.out / "training.json", json.dumps(request.words(), indent=2, sort_keys=True).encode())
    trained = [[_one(request, fold, f, seed, show) for seed in range(request.seeds)] for f, fold in enumerate(folds)]
    scores = [_score([(fold, by_policy(row[s].policy())) for fold, row in zip(folds, trained, strict=True)])
              for s in range(request.seeds)]  # fmt: skip
    pick = chosen(scores)
    policy = trained[-1][pick]
    card = _card(request, folds, scores, pick, policy, champion)
    replace_together(request.out, {POLICY_FILE: policy.to_bytes(), CARD_FILE: card.to_json().encode()})
    return card


def promote_policy(workspace: Workspace, folder: Path) -> str:
    """Make a trained policy the workspace's own where it beats the champion; either way it goes on record.

    Parameters
    ----------
    workspace : which decides with the policy from then on.
    folder : that :func:`train_policies` wrote.

    Returns
    -------
    The reason.

    Raises
    ------
    InputError : no card, another policy than the card's, or one that cannot be read.
    RefusedError : it does not beat the champion; the workspace stays as it is.
    """
    card = _read_card(folder / CARD_FILE)
    policy_file = folder / POLICY_FILE
    policy = read_policy(policy_file)
    if not isinstance(policy, OnnxPolicy) or policy.metadata.policy_sha256 != card.policy_sha256:
        raise InputError("is not the policy of the card beside it: train it again", source=str(policy_file))
    champion = _champion(workspace)
    reigning = "" if champion is None else champion.metadata.policy_sha256
    if reigning == card.policy_sha256:
        raise RefusedError("this policy is the champion already")
    if reigning != card.champion_sha256:
        better, reason = False, "was set against another champion than the workspace's: train it again"
    else:
        better, reason = card.verdict()
    if better:
        archive = policy_file.read_bytes()
        replace_together(workspace.home, {POLICY_FILE: archive, PROMOTED_CARD_FILE: card.to_json().encode()})
    _journal(workspace, card, better=better, reason=reason)
    if not better:
        raise RefusedError(f"not promoted: {reason}")
    return reason


def _journal(workspace: Workspace, card: ModelCard, *, better: bool, reason: str) -> None:
    clock = SystemClock()
    stores = Stores.open(workspace)
    try:
        with stores.journal(new_run_id("promote", clock.now())) as journal:
            detail = {"policy_sha256": card.policy_sha256, "champion_sha256": card.champion_sha256, "reason": reason}
            journal.append([AuditNoted(clock.now(), _PROMOTED if better else _NOT_PROMOTED, detail)])
    finally:
        stores.engine.dispose()


def _champion(workspace: Workspace) -> OnnxPolicy | None:
    file = workspace.home / POLICY_FILE
    if not file.exists():
        return None
    policy = read_policy(file)
    if not isinstance(policy, OnnxPolicy):
        raise InputError("is no policy that can be compared: remove it", source=str(file))
    return policy


def _read_card(file: Path) -> ModelCard:
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise InputError("there is no card: name the folder that lightning train wrote", source=str(file)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", source=str(file)) from None
    return ModelCard.from_json(text, str(file))


def _check_folder(request: TrainingRequest) -> None:
    """Nothing that is there is overwritten; what is gone on with must be the same training."""
    begun = request.out / "training.json"
    if not begun.exists():
        if (request.out / POLICY_FILE).exists() or (request.out / CARD_FILE).exists():
            raise SettingsError(f"--out {request.out} holds a policy already: name another folder")
        if request.resume:
            raise SettingsError(f"--resume: {request.out} holds no training to go on with")
        return
    if not request.resume:
        raise SettingsError(f"--out {request.out} holds a training already: give --resume or name another folder")
    try:
        same = json.loads(begun.read_text("utf-8")) == request.words()
    except ValueError:
        same = False
    if not same:
        raise SettingsError(f"--resume: the training in {request.out} was begun with other options: see {begun}")


def _folds(request: TrainingRequest) -> list[_Fold]:
    simulated = None
    if request.on is not TrainedOn.HISTORY:
        simulated = _simulated(request, 0)
    if request.on is TrainedOn.SIMULATED:
        return [_Fold(_simulated(request, 0), _simulated(request, _JUDGED_SEED))]
    if request.files is None:
        raise SettingsError(f"--on {request.on} needs the history: give --bars")
    whole = history_episodes(inputs_of(request.files, request.tickers), request.tickers)
    edges = np.linspace(0.0, 1.0, request.folds + 2)[1:]
    folds = []
    for last, following in pairwise(edges.tolist()):
        learnt = stretch(whole, 0.0, last, settled=True)
        if simulated is not None:
            learnt = joined([replace(simulated, cost_bp_per_side=learnt.cost_bp_per_side), learnt])
        folds.append(_Fold(learnt, stretch(whole, last, following, settled=False)))
    return folds


def _simulated(request: TrainingRequest, seed: int) -> Episodes:
    return simulated_episodes(
        seed, markets=request.markets, sessions=request.sessions, planted_effect=request.planted_effect
    )


def _one(request: TrainingRequest, fold: _Fold, number: int, seed: int, show: ShowTraining | None) -> TrainedPolicy:
    """The policy of one fold and seed: as it lies there from before, gone on with, or trained from the beginning."""
    name = f"fold_{number}_seed_{seed}"
    file, checkpoint = request.out / f"{name}.zip", request.out / f"{name}{CHECKPOINT_SUFFIX}"
    arguments = {"algorithm": request.algorithm, "total_timesteps": request.timesteps, "seed": seed}
    if file.exists():
        kept = TrainedPolicy.from_bytes(file.read_bytes(), str(file))
        if kept.metadata.data_sha256 != data_digest(fold.learnt):
            raise InputError("was trained on other data: remove it or name another folder", source=str(file))
        return kept
    trained = train_policy(
        fold.learnt,
        **arguments,  # type: ignore[arg-type]
        knobs=request.knobs,
        progress=None if show is None else lambda progress: show(name.replace("_", " "), progress),
        checkpoints=Checkpoints(
            lambda data: write_atomically(checkpoint, data),
            every=request.checkpoint_every,
            resume=checkpoint.read_bytes() if checkpoint.exists() else None,
        ),
        tensorboard=request.out / "tensorboard" / name if request.tensorboard else None,
    )
    write_atomically(file, trained.to_bytes())
    checkpoint.unlink(missing_ok=True)
    return trained


def _score(parts: Sequence[tuple[_Fold, object]]) -> Score:
    """One way of sizing through every fold's judged candidates."""
    scores = [played(fold.judged, sizing) for fold, sizing in parts]  # type: ignore[arg-type]
    return Score(
        *(np.concatenate([getattr(s, n) for s in scores]) for n in ("log_growth", "max_drawdown", "turnover", "trades"))
    )


def _card(
    request: TrainingRequest,
    folds: Sequence[_Fold],
    scores: Sequence[Score],
    pick: int,
    policy: TrainedPolicy,
    champion: OnnxPolicy | None,
) -> ModelCard:
    names = list(plain_ways(folds[0].judged))
    others: Mapping[str, Score] = {
        name: _score([(fold, plain_ways(fold.judged)[name]) for fold in folds]) for name in names
    }
    if champion is not None:
        others = {**others, CHAMPION: _score([(fold, by_policy(champion)) for fold in folds])}
    growth = np.array([score.log_growth for score in scores])
    judged = hashlib.sha256("".join(data_digest(fold.judged) for fold in folds).encode()).hexdigest()
    history = f"{', '.join(request.tickers)}, {request.folds} walk-forward folds"
    market = f"{request.markets} simulated markets of {request.sessions} sessions"
    if request.planted_effect:
        market += f" with a planted effect of {request.planted_effect:g}"
    on = {TrainedOn.SIMULATED: market, TrainedOn.HISTORY: history, TrainedOn.BOTH: f"{market}; {history}"}[request.on]
    return ModelCard(
        trained_on=on,
        judged_on=f"other {market}" if request.on is TrainedOn.SIMULATED else f"the later part of {history}",
        data_sha256=policy.metadata.data_sha256,
        config_sha256=request.digest,
        judged_sha256=judged,
        seeds=tuple(range(request.seeds)),
        blocks=growth.shape[1],
        policy_sha256=policy.metadata.policy_sha256,
        chosen_seed=pick,
        growth_by_seed={str(s): float(score.log_growth.mean()) for s, score in enumerate(scores)},
        policy=of_policies(scores).summary(),
        others={name: score.summary() for name, score in others.items()},
        excess={name: excess_over(growth, score) for name, score in others.items()},
        champion_sha256="" if champion is None else champion.metadata.policy_sha256,
    )
