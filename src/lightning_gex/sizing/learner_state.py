"""The state of a learner as plain arrays: what a checkpoint or a later training goes on from, without pickle.

Everything is an array of numbers or text in JSON. Reading it builds numbers and nothing else, whoever wrote the file.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lightning_gex.core.errors import InputError

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from lightning_gex.sizing.batched import BatchedSizingEnv

Arrays = dict[str, NDArray[Any]]

_TREE: Final = "tree"
_REPLAY: Final = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def parameters_of(learner: BaseAlgorithm) -> bytes:
    """Weights and optimiser of a learner."""
    return packed({"parameters": learner.get_parameters()})


def set_parameters(learner: BaseAlgorithm, data: bytes, source: str) -> None:
    """Give a learner the weights and optimiser of another. Raises ``InputError`` where they are not of its shape."""
    try:
        learner.set_parameters(_tensors(unpacked(data, source)["parameters"]), device=learner.device)
    except InputError:
        raise
    except Exception as problem:  # torch names what does not fit in several kinds of error
        raise InputError(f"the learner's weights do not fit: {problem}", source=source, field="learner") from None


def checkpoint_of(learner: BaseAlgorithm, env: BatchedSizingEnv) -> bytes:
    """Everything an interrupted training goes on from as if it had not been interrupted."""
    import torch

    books, seen, draws = env.state()
    tree: dict[str, Any] = {
        "parameters": learner.get_parameters(),
        "counts": {name: int(getattr(learner, name, 0)) for name in ("num_timesteps", "_n_updates", "_n_calls")},
        "exploration_rate": float(getattr(learner, "exploration_rate", 0.0)),
        "last_obs": learner._last_obs,
        "last_starts": learner._last_episode_starts,
        "books": {name: _plain(value) for name, value in books._asdict().items()},
        "seen": seen,
        "draws": draws,
        "random": {
            "python": list(random.getstate()[1]),
            "numpy": list(np.random.get_state())[1:],
            "torch": torch.get_rng_state().numpy(),
            "cuda": [state.numpy() for state in torch.cuda.get_rng_state_all()]
            if learner.device.type == "cuda"
            else [],
            "actions": learner.action_space.np_random.bit_generator.state,
        },
    }
    buffer = getattr(learner, "replay_buffer", None)
    if buffer is not None:
        filled = buffer.buffer_size if buffer.full else buffer.pos
        tree["replay"] = {name: getattr(buffer, name)[:filled] for name in _REPLAY}
        tree["replay_at"] = [int(buffer.pos), bool(buffer.full)]
    return packed(tree)


def go_on(learner: BaseAlgorithm, env: BatchedSizingEnv, data: bytes, source: str) -> None:
    """Put a fresh learner and its environment where a checkpoint was taken.

    Raises ``InputError`` where it is no checkpoint of such a learner.
    """
    tree = unpacked(data, source)
    try:
        _restore(learner, env, tree)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as problem:
        raise InputError(f"is no checkpoint of this training: {problem}", source=source) from None


def _restore(learner: BaseAlgorithm, env: BatchedSizingEnv, tree: dict[str, Any]) -> None:
    import torch

    from lightning_gex.sizing.account_kernel import Books

    learner.set_parameters(_tensors(tree["parameters"]), device=learner.device)
    for name, value in tree["counts"].items():
        if hasattr(learner, name):
            setattr(learner, name, value)
    if hasattr(learner, "exploration_rate"):
        learner.exploration_rate = tree["exploration_rate"]
    learner._last_obs, learner._last_episode_starts = tree["last_obs"], tree["last_starts"]
    kept = env.state()[0]._asdict()
    books = Books(**{name: _structured(tree["books"][name], kept[name]) for name in Books._fields})
    env.go_on_from((books, tree["seen"], tree["draws"]))
    if "replay" in tree:
        buffer: Any = learner.replay_buffer  # type: ignore[attr-defined]
        for name in _REPLAY:
            getattr(buffer, name)[: len(tree["replay"][name])] = tree["replay"][name]
        buffer.pos, buffer.full = tree["replay_at"]
    chance = tree["random"]
    random.setstate((3, tuple(chance["python"]), None))
    np.random.set_state(("MT19937", *chance["numpy"]))
    torch.set_rng_state(torch.from_numpy(chance["torch"]))
    if chance["cuda"]:
        torch.cuda.set_rng_state_all([torch.from_numpy(state) for state in chance["cuda"]])
    learner.action_space.np_random.bit_generator.state = chance["actions"]


def packed(tree: Mapping[str, Any]) -> bytes:
    """A tree of dictionaries, lists, numbers, texts, arrays and tensors as bytes; the same for the same tree."""
    arrays: Arrays = {}
    text = json.dumps(_without_arrays(tree, arrays), sort_keys=True)
    buffer = io.BytesIO()
    arrays[_TREE] = np.frombuffer(text.encode(), dtype=np.uint8)
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpacked(data: bytes, source: str) -> dict[str, Any]:
    """What :func:`packed` packed, tensors as arrays. Raises ``InputError`` on anything else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        tree = _with_arrays(json.loads(arrays.pop(_TREE).tobytes()), arrays)
    except Exception as problem:  # numpy, zip and JSON each have their own ways to say that this is no such file
        raise InputError(f"holds no state of a learner: {problem}", source=source) from None
    if not isinstance(tree, dict):
        raise InputError("holds no state of a learner", source=source)
    return tree


def _without_arrays(value: Any, arrays: Arrays) -> Any:  # noqa: ANN401 - a tree of anything
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        name = f"array_{len(arrays)}"
        arrays[name] = np.ascontiguousarray(value)
        return {"array": name}
    if isinstance(value, Mapping):  # keys may be numbers, as those of an optimiser's state
        return {"map": [[k, _without_arrays(v, arrays)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list": [_without_arrays(v, arrays) for v in value]}
    return value.item() if isinstance(value, np.generic) else value


def _with_arrays(value: Any, arrays: Arrays) -> Any:  # noqa: ANN401 - a tree of anything
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "array":
        return arrays[inner]
    if kind == "map":
        return {k: _with_arrays(v, arrays) for k, v in inner}
    return [_with_arrays(v, arrays) for v in inner]


def _tensors(value: Any) -> Any:  # noqa: ANN401 - a tree of anything
    """The same tree with arrays as torch's tensors."""
    import torch

    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, dict):
        return {k: _tensors(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_tensors(v) for v in value]
    return value


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Records as bytes, which every reader of arrays takes."""
    return values.view(np.uint8).copy() if values.dtype.names else values


def _structured(values: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """The bytes of records as records again."""
    return values.view(like.dtype).reshape(like.shape) if like.dtype.names else values
