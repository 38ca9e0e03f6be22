"""A small feed-forward network as plain numbers, and one compiled call that answers with its largest output."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numba
import numpy as np

from lightning_gex.analytics.observation import OBSERVATION_NAMES
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float32Array1D, Float64Array2D, Int64Array1D
from lightning_gex.sizing.ladder import LADDER

#: More is no sizing policy, and would only cost memory.
LARGEST_LAYER: Final = 1_024
MOST_LAYERS: Final = 9
MOST_BYTES: Final = 64 * 2**20  # unpacked: nine full layers take 38 MB
_NONE, _TANH, _RELU = 0, 1, 2


class Activation(StrEnum):
    """What follows a layer; the value is the name of the ONNX operator."""

    TANH = "Tanh"
    RELU = "Relu"
    NONE = "Identity"


_CODES: Final = {Activation.NONE: _NONE, Activation.TANH: _TANH, Activation.RELU: _RELU}


@dataclass(frozen=True, slots=True, eq=False)
class DenseLayer:
    """One layer: ``activation(weight @ x + bias)``, weight (outputs, inputs), bias (outputs,)."""

    weight: Float64Array2D
    bias: Float64Array2D
    activation: Activation


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Layers one after another.

    Parameters
    ----------
    weights : of each layer its bias (outputs,), then its weight (inputs, outputs), row by row; float32.
    units : (layers + 1,) seven observations first, five rungs last.
    activations : (layers,) 0 none, 1 hyperbolic tangent, 2 rectifier.
    """

    weights: Float32Array1D
    units: Int64Array1D
    activations: Int64Array1D

    @classmethod
    def of(cls, layers: Sequence[DenseLayer]) -> Network:
        """The network of these layers, first to last. Raises ``InputError`` where they do not follow one another."""
        parts = [np.r_[np.ravel(layer.bias), np.ravel(layer.weight.T)] for layer in layers]
        return cls._checked(
            np.concatenate(parts).astype(np.float32),
            np.array([layers[0].weight.shape[1], *(layer.weight.shape[0] for layer in layers)], dtype=np.int64),
            np.array([_CODES[layer.activation] for layer in layers], dtype=np.int64),
            "network",
        )

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Network:
        """Read what :meth:`to_bytes` wrote, without pickle. Raises ``InputError`` on anything else."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                unpacked = sum(member.file_size for member in packed.infolist())
            if unpacked > MOST_BYTES:
                raise ValueError(f"{unpacked:,} bytes unpacked are more than any sizing network has")
            with np.load(io.BytesIO(data), allow_pickle=False) as found:
                weights, units, activations = (found[name] for name in ("weights", "units", "activations"))
        except Exception as problem:  # numpy and zip each have their own ways to say that this is no such file
            raise InputError(f"holds no weights: {problem}", source=source) from None
        return cls._checked(weights, units, activations, source)

    @classmethod
    def _checked(cls, weights: Float32Array1D, units: Int64Array1D, activations: Int64Array1D, source: str) -> Network:
        right = (
            [array.dtype.name for array in (weights, units, activations)] == ["float32", "int64", "int64"]
            and weights.ndim == units.ndim == activations.ndim == 1
            and 2 <= len(units) == len(activations) + 1 <= MOST_LAYERS + 1
            and bool((units >= 1).all() and (units <= LARGEST_LAYER).all())
            and (units[0], units[-1]) == (len(OBSERVATION_NAMES), len(LADDER))
            and len(weights) == int(((units[:-1] + 1) * units[1:]).sum())
            and bool(np.isin(activations, (_NONE, _TANH, _RELU)).all() and np.isfinite(weights).all())
        )
        if not right:
            raise InputError("holds weights of no sizing network", source=source)
        return cls(np.ascontiguousarray(weights), np.ascontiguousarray(units), np.ascontiguousarray(activations))

    def to_bytes(self) -> bytes:
        """As plain arrays; the same for the same network."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, weights=self.weights, units=self.units, activations=self.activations)
        return buffer.getvalue()

    def action(self, observation: Float32Array1D) -> int:
        """Index of the largest output for (7,) finite float32 observations; of equal ones the first. -1 on others."""
        found: int = _act(observation, self.weights, self.units, self.activations)
        return found


@numba.njit(cache=True, error_model="numpy")
def _act(x: Float32Array1D, weights: Float32Array1D, units: Int64Array1D, activations: Int64Array1D) -> int:
    here, there = np.empty(LARGEST_LAYER, dtype=np.float32), np.empty(LARGEST_LAYER, dtype=np.float32)
    for i in range(units[0]):
        if not math.isfinite(x[i]):
            return -1
        here[i] = x[i]
    at = 0
    for layer in range(len(activations)):
        inputs, outputs = units[layer], units[layer + 1]
        for j in range(outputs):
            there[j] = weights[at + j]
        at += outputs
        for i in range(inputs):
            scale = here[i]
            for j in range(outputs):
                there[j] += scale * weights[at + j]
            at += outputs
        if activations[layer] == _TANH:
            for j in range(outputs):
                there[j] = math.tanh(there[j])
        elif activations[layer] == _RELU:
            for j in range(outputs):
                there[j] = max(there[j], np.float32(0.0))
        here, there = there, here
    best = 0
    for j in range(1, units[-1]):
        if here[j] > here[best]:
            best = j
    return best
