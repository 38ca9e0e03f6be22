"""``lightning train``: policies by fold and seed, and the card they earn."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from lightning_gex.adapters.storage.workspace_files import replace_together, write_atomically
from lightning_gex.analytics.trials import TRAININGS, JudgedData
from lightning_gex.app.assembly.jobs import InputFiles, inputs_of
from lightning_gex.app.assembly.policies import POLICY_FILE
from lightning_gex.app.assembly.promotion import CARD_FILE, reigning_policy, signed_card
from lightning_gex.app.assembly.training_data import (
    SIMULATED_MARKETS,
    SIMULATED_SESSIONS,
    SimulatedTerms,
    history_episodes,
    simulated_trial,
)
from lightning_gex.app.assembly.trials import put_on_record, tried_so_far
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, SettingsError, shown
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.sizing.contest import BLOCK_SESSIONS
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.model_card import ModelCard
from lightning_gex.sizing.policy import Algorithm, OnnxPolicy
from lightning_gex.sizing.score import Score, median_of, of_seeds
from lightning_gex.sizing.training import (
    Checkpoints,
    TrainedPolicy,
    TrainingKnobs,
    TrainingProgress,
    data_digest,
    train_policy,
)
from lightning_gex.sizing.trial import Trial, figures, history_trial, judged_digest

CHECKPOINT_SUFFIX = ".checkpoint"
REQUEST_FILE = "training.json"
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

    @property
    def simulated(self) -> SimulatedTerms:
        """The markets it learns on, where it learns on simulated ones."""
        return SimulatedTerms(self.markets, self.sessions, self.planted_effect)

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
    workspace : whose promoted policy is the champion, whose store counts the attempt, and whose key signs the card.
    request : what to train.
    show : told how far each training is.

    Raises
    ------
    SettingsError : the folder holds a training already, or another one than is to be gone on with.
    InputError : data that cannot be learnt from; raised before anything is written.
    """
    _check_folder(request)
    champion = reigning_policy(workspace)
    inputs = _inputs(request)
    trial = trial_of(request, inputs)
    request.out.mkdir(parents=True, exist_ok=True)
    write_atomically(request.out / REQUEST_FILE, json.dumps(request.words(), indent=2, sort_keys=True).encode())
    trained = [
        [_one(request, learnt, f, seed, show) for seed in range(request.seeds)] for f, learnt in enumerate(trial.learnt)
    ]
    by_seed = [[row[s].policy() for row in trained] for s in range(request.seeds)]
    scores = [trial.score(policies) for policies in by_seed]
    policy = trained[-1][median_of(scores)]
    attempts = _counted(workspace, request, _judged(request, inputs, trial), scores)
    card = _card(request, trial, scores, policy, champion, attempts)
    replace_together(
        request.out,
        {POLICY_FILE: policy.to_bytes(), CARD_FILE: signed_card(card, workspace.audit_key).encode()},
    )
    return card


def trial_of(request: TrainingRequest, inputs: MarketInputs | None = None) -> Trial:
    """What it learns from and is judged on.

    Parameters
    ----------
    request : what to train.
    inputs : the history, where it learns on one.

    Raises
    ------
    InputError : there is too little to learn from.
    """
    if inputs is None:
        return simulated_trial(request.simulated, request.digest)
    whole = history_episodes(inputs, request.tickers)
    besides = request.simulated.episodes(0) if request.on is TrainedOn.BOTH else None
    return history_trial(whole, request.folds, besides=besides)


def _inputs(request: TrainingRequest) -> MarketInputs | None:
    """The history that it learns on; None where there is none."""
    if request.on is TrainedOn.SIMULATED:
        return None
    if request.files is None:
        raise SettingsError(f"--on {request.on} needs the history: give --bars")
    return inputs_of(request.files, request.tickers)


def _judged(request: TrainingRequest, inputs: MarketInputs | None, trial: Trial) -> JudgedData | str:
    """What attempts are counted on: a history wherever it is known again, or the terms of simulated markets."""
    if inputs is None:
        return trial.counted_sha256
    return replace(JudgedData.of(inputs.bars, request.tickers), digest=trial.counted_sha256, kind=TRAININGS)


def processor_name() -> str:
    """What the processor calls itself: the same policy to the byte is promised on the same kind only."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except (OSError, UnicodeDecodeError):
        pass  # not Linux, or a container that hides it
    return platform.processor() or platform.machine()


def _counted(workspace: Workspace, request: TrainingRequest, judged: JudgedData | str, scores: Sequence[Score]) -> int:
    """How many trainings were ever judged on these data, this one put on record among them."""
    growth = of_seeds(scores).log_growth
    spread = float(growth.std(ddof=1)) if len(growth) > 1 else 0.0
    sharpe = float(growth.mean()) / spread / BLOCK_SESSIONS**0.5 if spread > 0 else float("nan")
    put_on_record(workspace, judged, {request.digest: sharpe})
    return tried_so_far(workspace, judged).count


def _check_folder(request: TrainingRequest) -> None:
    """Nothing that is there is overwritten; what is gone on with must be the same training."""
    begun = request.out / REQUEST_FILE
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


def _one(
    request: TrainingRequest, learnt: Episodes, number: int, seed: int, show: ShowTraining | None
) -> TrainedPolicy:
    """The policy of one fold and seed: as it lies there from before, gone on with, or trained from the beginning."""
    name = f"fold_{number}_seed_{seed}"
    file, checkpoint = request.out / f"{name}.zip", request.out / f"{name}{CHECKPOINT_SUFFIX}"
    if file.exists():
        kept = TrainedPolicy.from_bytes(file.read_bytes(), str(file))
        if kept.metadata.data_sha256 != data_digest(learnt):
            raise InputError("was trained on other data: remove it or name another folder", source=str(file))
        return kept
    trained = train_policy(
        learnt,
        algorithm=request.algorithm,
        total_timesteps=request.timesteps,
        seed=seed,
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


def _card(
    request: TrainingRequest,
    trial: Trial,
    scores: Sequence[Score],
    policy: TrainedPolicy,
    champion: OnnxPolicy | None,
    attempts: int,
) -> ModelCard:
    others, over = figures(trial, scores, champion=champion)
    history = f"{', '.join(request.tickers)}, {request.folds} walk-forward folds"
    market = request.simulated.words()
    on = {TrainedOn.SIMULATED: market, TrainedOn.HISTORY: history, TrainedOn.BOTH: f"{market}; {history}"}[request.on]
    return ModelCard(
        trained_on=on,
        judged_on=f"other {market}" if request.on is TrainedOn.SIMULATED else f"the later part of {history}",
        data_sha256=policy.metadata.data_sha256,
        config_sha256=request.digest,
        judged_sha256=judged_digest(trial),
        counted_sha256=trial.counted_sha256,
        attempts=attempts,
        made_with={
            "device": request.knobs.device,
            "processor": processor_name(),
            **policy.metadata.library_versions,
        },
        seeds=tuple(range(request.seeds)),
        blocks=len(scores[0].log_growth),
        policy_sha256=policy.metadata.policy_sha256,
        chosen_seed=median_of(scores),
        growth_by_seed={str(s): float(score.log_growth.mean()) for s, score in enumerate(scores)},
        policy=of_seeds(scores).summary(),
        others=others,
        excess=over,
        champion_sha256="" if champion is None else champion.metadata.policy_sha256,
    )
