"""A trained sizing policy at work: an archive in, a rung of the ladder out, without the libraries that trained it.

The archive is a zip of ``metadata.json`` (what it was trained with), ``policy.onnx`` (the network, arg-max included),
``weights.npz`` (the same network as plain arrays: one decision is one compiled call on them) and ``learner.npz`` (the
learner's weights and optimiser as plain arrays, to go on training). Nothing in it is executable or pickled, and each
member is checked against its digest before it is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lightning_gex.analytics.observation import OBSERVATION_HIGH, OBSERVATION_LOW, OBSERVATION_NAMES
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float32Array1D, Float64Array1D, Int64Array1D
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.network import Network

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ONNX_MEMBER: Final = "policy.onnx"
METADATA_MEMBER: Final = "metadata.json"
WEIGHTS_MEMBER: Final = "weights.npz"
LEARNER_MEMBER: Final = "learner.npz"
MEMBERS: Final = frozenset({ONNX_MEMBER, METADATA_MEMBER, WEIGHTS_MEMBER, LEARNER_MEMBER})
INPUT_NAME: Final = "observation"
OUTPUT_NAME: Final = "action"
FORMAT: Final = "lightning-gex-sizing-policy"
FORMAT_VERSION: Final = 2
#: A policy of this kind takes tens of kilobytes; anything larger is not one (and may be a zip bomb).
MAX_MEMBER_BYTES: Final = 64 * 1024 * 1024
#: What both forms of a network are asked when it is loaded; an answer by a hair may differ in the last bit of a sum.
_TRIALS: Final = np.random.default_rng(0).uniform(OBSERVATION_LOW, OBSERVATION_HIGH, (16, 7)).astype(np.float32)


class Algorithm(StrEnum):
    """The learners of the founding document."""

    PPO = "PPO"
    A2C = "A2C"
    DQN = "DQN"


@dataclass(frozen=True, slots=True)
class PolicyMetadata:
    """What a policy was trained with.

    Parameters
    ----------
    algorithm : the learner.
    observation_names : what the seven inputs mean, in order.
    ladder : what the outputs mean, as fractions of equity.
    seed, total_timesteps, learning_rate : of the training.
    library_versions : package -> version.
    training : what came of it (``training.TrainingSummary``).
    policy_sha256, weights_sha256, learner_sha256 : hex digests of ``policy.onnx``, ``weights.npz`` and ``learner.npz``.
    data_sha256 : hex digest of the candidate trades it was trained on.
    knobs : ``training.TrainingKnobs`` it was trained with.
    """

    algorithm: Algorithm
    observation_names: tuple[str, ...]
    ladder: tuple[float, ...]
    seed: int
    total_timesteps: int
    learning_rate: float
    library_versions: Mapping[str, str]
    training: Mapping[str, float]
    policy_sha256: str
    weights_sha256: str
    learner_sha256: str = ""
    data_sha256: str = ""
    knobs: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """As text, the same for the same values."""
        record = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}
        record["training"] = {name: float(value) for name, value in self.training.items()}  # a count reads back as one
        return json.dumps(record, indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, source: str) -> PolicyMetadata:
        """Read what :meth:`to_json` wrote. Raises ``InputError`` on anything else."""
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError):
            raise InputError("metadata.json is not JSON: export the policy again", source=source) from None
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise InputError("this archive is not a sizing policy", source=source, field="format")
        if raw.get("format_version") != FORMAT_VERSION:
            raise InputError(
                f"format version {raw.get('format_version')} is not {FORMAT_VERSION}: train the policy again",
                source=source,
                field="format_version",
            )
        try:
            return cls(
                algorithm=Algorithm(raw["algorithm"]),
                observation_names=tuple(str(name) for name in raw["observation_names"]),
                ladder=tuple(float(rung) for rung in raw["ladder"]),
                seed=int(raw["seed"]),
                total_timesteps=int(raw["total_timesteps"]),
                learning_rate=float(raw["learning_rate"]),
                library_versions={str(k): str(v) for k, v in raw["library_versions"].items()},
                training={str(k): float(v) for k, v in raw["training"].items()},
                policy_sha256=str(raw["policy_sha256"]),
                weights_sha256=str(raw["weights_sha256"]),
                learner_sha256=str(raw["learner_sha256"]),
                data_sha256=str(raw["data_sha256"]),
                knobs=dict(raw["knobs"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
            raise InputError(f"metadata.json lacks or garbles a value: {problem}", source=source) from None


@dataclass(frozen=True, slots=True, eq=False)
class OnnxPolicy:
    """Implements ``core.ports.SizingPolicy`` over a loaded archive; make one with :func:`load_policy`."""

    metadata: PolicyMetadata
    _session: InferenceSession
    _network: Network

    def size_pct(self, observation: Float64Array1D | Float32Array1D) -> float:
        """The fraction of equity to put into the position, one of the ladder's rungs.

        Parameters
        ----------
        observation : (7,) as ``analytics.observation`` makes it.

        Raises
        ------
        InputError : where the shape differs or a value is no number.
        """
        if observation.shape != (len(OBSERVATION_NAMES),):
            raise InputError(
                f"an observation holds {len(OBSERVATION_NAMES)} numbers, not {observation.shape}", field=INPUT_NAME
            )
        action = self._network.action(np.ascontiguousarray(observation, dtype=np.float32))
        if action < 0:
            raise InputError("an observation is no number", field=INPUT_NAME)
        return LADDER[action]

    def actions(self, observations: NDArray[np.float64] | NDArray[np.float32]) -> Int64Array1D:
        """(n,) index of the rung for each of (n, 7) observations."""
        if observations.ndim != 2 or observations.shape[1] != len(OBSERVATION_NAMES):
            raise InputError(f"observations are (n, 7), not {observations.shape}", field=INPUT_NAME)
        if not np.isfinite(observations).all():
            raise InputError("an observation is no number", field=INPUT_NAME)
        feed = {INPUT_NAME: np.ascontiguousarray(observations, dtype=np.float32)}
        actions: Int64Array1D = self._session.run([OUTPUT_NAME], feed)[0]
        return actions


def load_policy(data: bytes, source: str) -> OnnxPolicy:
    """A policy from the bytes of its archive.

    Parameters
    ----------
    data : what ``TrainedPolicy.to_bytes`` made.
    source : file or other origin, for messages.

    Returns
    -------
    A policy that decides on one thread.

    Raises
    ------
    InputError : where the bytes are no such archive, a member is missing or altered, or the observation or the ladder
        is not today's (a rung would mean something else).
    """
    members = _members(data, source)
    metadata = _checked_metadata(members, source)
    policy = OnnxPolicy(
        metadata, network_session(members[ONNX_MEMBER], source), Network.from_bytes(members[WEIGHTS_MEMBER], source)
    )
    for seen, action in zip(_TRIALS, policy.actions(_TRIALS).tolist(), strict=True):
        if policy.size_pct(seen) != LADDER[action]:
            raise InputError(
                f"{ONNX_MEMBER} and {WEIGHTS_MEMBER} are two networks", source=source, field=WEIGHTS_MEMBER
            )
    return policy


def learner_state(data: bytes, source: str) -> tuple[PolicyMetadata, bytes]:
    """What an archive says of itself, and its learner's state as it was written.

    Raises
    ------
    InputError : as :func:`load_policy` does, and where the learner is missing or altered.
    """
    members = _members(data, source)
    metadata = _checked_metadata(members, source)
    if LEARNER_MEMBER not in members:
        raise InputError(f"the archive holds no {LEARNER_MEMBER}", source=source, field=LEARNER_MEMBER)
    return metadata, members[LEARNER_MEMBER]


def _checked_metadata(members: Mapping[str, bytes], source: str) -> PolicyMetadata:
    metadata = PolicyMetadata.from_json(_text(members[METADATA_MEMBER], source), source)
    for name, found, wanted in (
        ("observation_names", metadata.observation_names, OBSERVATION_NAMES),
        ("ladder", metadata.ladder, tuple(LADDER)),
    ):
        if found != wanted:
            raise InputError(f"{list(found)} is not {list(wanted)}: train the policy again", source=source, field=name)
    for member, digest in (
        (ONNX_MEMBER, metadata.policy_sha256),
        (WEIGHTS_MEMBER, metadata.weights_sha256),
        (LEARNER_MEMBER, metadata.learner_sha256),
    ):
        if member in members and hashlib.sha256(members[member]).hexdigest() != digest:
            raise InputError(f"{member} is not the one this archive was made with", source=source, field=member)
    return metadata


def _members(data: bytes, source: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            present = {info.filename: info for info in archive.infolist()}
            for name in (ONNX_MEMBER, METADATA_MEMBER, WEIGHTS_MEMBER):
                if name not in present:
                    raise InputError(f"the archive holds no {name}", source=source, field=name)
            for name, info in present.items():
                if name not in MEMBERS or len(present) != len(archive.infolist()):
                    raise InputError(f"no policy archive holds {name!r}: it is foreign", source=source, field=name)
                if info.file_size > MAX_MEMBER_BYTES:
                    raise InputError(f"{name} is far too large for a sizing policy", source=source, field=name)
            return {name: archive.read(name) for name in present}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as problem:
        raise InputError(f"this is not a policy archive ({problem}): train and save one", source=source) from None


def _text(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("metadata.json is not text: export the policy again", source=source) from None


def network_session(model: bytes, source: str) -> InferenceSession:
    """A session over the bytes of ``policy.onnx``. Raises ``InputError`` where it does not answer with one rung."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a network of a few thousand weights: handing work over costs more than the work
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        trial: Any = session.run([OUTPUT_NAME], {INPUT_NAME: np.zeros((1, len(OBSERVATION_NAMES)), dtype=np.float32)})
    except Exception as problem:  # onnxruntime's errors share no base but Exception
        raise InputError(f"policy.onnx cannot be run: {problem}", source=source, field=ONNX_MEMBER) from None
    if trial[0].shape != (1,) or not 0 <= int(trial[0][0]) < len(LADDER):
        raise InputError("policy.onnx does not answer with one rung", source=source, field=ONNX_MEMBER)
    return session
