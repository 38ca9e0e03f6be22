"""The network as plain numbers: the answer of its layers, and nothing that is none."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.network import MOST_BYTES, Activation, DenseLayer, Network

APPLIED = {Activation.TANH: np.tanh, Activation.RELU: lambda x: np.maximum(x, 0), Activation.NONE: lambda x: x}


def layers(seed, hidden=(5, 9)):
    rng = np.random.default_rng(seed)
    units = [7, *hidden, 5]
    kinds = [*rng.choice([Activation.TANH, Activation.RELU, Activation.NONE], len(hidden)), Activation.NONE]
    return [
        DenseLayer(rng.normal(size=(outputs, inputs)), rng.normal(size=outputs), Activation(kind))
        for inputs, outputs, kind in zip(units[:-1], units[1:], kinds, strict=True)
    ]


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([(3,), (5, 9), (64, 64), (1, 17, 2)]))
def test_the_action_is_the_largest_output_of_the_layers(seed, hidden):
    chain = layers(seed, hidden)
    network = Network.of(chain)
    for seen in np.random.default_rng(seed).uniform(-1, 1, (20, 7)).astype(np.float32):
        flowing = seen.astype(np.float64)
        for layer in chain:
            flowing = APPLIED[layer.activation](layer.weight @ flowing + layer.bias)
        second, first = np.sort(flowing)[-2:]
        if first - second > 1e-4:  # float32 inside
            assert network.action(seen) == int(np.argmax(flowing))


def test_of_equal_outputs_the_first_wins():
    same = [DenseLayer(np.zeros((5, 7)), np.array([0.0, 1.0, 1.0, 0.0, 1.0]), Activation.NONE)]
    assert Network.of(same).action(np.zeros(7, dtype=np.float32)) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_has_no_action(value):
    seen = np.zeros(7, dtype=np.float32)
    seen[3] = value
    assert Network.of(layers(0)).action(seen) == -1


def test_it_reads_back_as_written_to_the_byte():
    network = Network.of(layers(1))
    again = Network.from_bytes(network.to_bytes(), "weights.npz")
    assert again.to_bytes() == network.to_bytes()


def npz(**changes):
    good = Network.of(layers(2))
    arrays = {"weights": good.weights, "units": good.units, "activations": good.activations} | changes
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in arrays.items() if array is not None})
    return buffer.getvalue()


class Bomb:
    def __reduce__(self):
        raise AssertionError("this was run")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        pickle.dumps({"weights": 1}),
        npz(weights=None),
        npz(weights=np.zeros(3, dtype=np.float32)),
        npz(weights=np.full(128, np.nan, dtype=np.float32)),
        npz(weights=np.zeros((2, 2), dtype=np.float32)),
        npz(units=np.array([7, 5])),
        npz(units=np.array([7, -5, 9, 5])),
        npz(units=np.array([6, 5, 9, 5])),
        npz(units=np.array([7, 2**40, 9, 5])),
        npz(activations=np.array([1, 1, 7])),
        npz(weights=np.array([{"a": 1}], dtype=object)),
    ],
)
def test_what_is_no_network_is_refused_with_its_file(data):
    with pytest.raises(InputError, match=r"^weights\.npz"):
        Network.from_bytes(data, "weights.npz")


def test_a_small_file_that_unpacks_to_far_more_is_refused_before_it_does() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights.npy", b"\0" * (MOST_BYTES + 1))
    assert len(buffer.getvalue()) < MOST_BYTES / 100
    with pytest.raises(InputError, match="more than any sizing network"):
        Network.from_bytes(buffer.getvalue(), "bomb.npz")
