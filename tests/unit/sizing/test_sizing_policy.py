"""Loading a policy: what is no policy is refused by name, before anything in it is run."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest

from lightning_gex.analytics.observation import OBSERVATION_NAMES
from lightning_gex.core.errors import InputError
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.network import Activation, DenseLayer, Network
from lightning_gex.sizing.onnx_export import argmax_network
from lightning_gex.sizing.policy import Algorithm, PolicyMetadata, load_policy


def network(inputs=7, outputs=5, hidden=4, seed=0):
    rng = np.random.default_rng(seed)
    return [
        DenseLayer(rng.normal(size=(hidden, inputs)), rng.normal(size=hidden), Activation.TANH),
        DenseLayer(rng.normal(size=(hidden, hidden)), rng.normal(size=hidden), Activation.RELU),
        DenseLayer(rng.normal(size=(outputs, hidden)), rng.normal(size=outputs), Activation.NONE),
    ]


def weights(layers=None) -> bytes:
    return Network.of(layers or network()).to_bytes()


def metadata(model: bytes) -> PolicyMetadata:
    return PolicyMetadata(
        algorithm=Algorithm.PPO,
        observation_names=OBSERVATION_NAMES,
        ladder=LADDER,
        seed=1,
        total_timesteps=10,
        learning_rate=0.001,
        library_versions={"numpy": "2"},
        training={"candidates": 3.0},
        policy_sha256=hashlib.sha256(model).hexdigest(),
        weights_sha256=hashlib.sha256(weights()).hexdigest(),
    )


def archive(model: bytes | None = None, text: str | None = None, without: str = "") -> bytes:
    model = argmax_network(network()) if model is None else model
    members = {"policy.onnx": model, "metadata.json": metadata(model).to_json() if text is None else text}
    members["weights.npz"] = weights()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, data in members.items():
            if name != without:
                target.writestr(name, data)
    return buffer.getvalue()


def changed(**values) -> str:
    return json.dumps(json.loads(metadata(argmax_network(network())).to_json()) | values)


def test_the_network_answers_with_its_largest_output():
    layers = network()
    policy = load_policy(archive(), "test")
    seen = np.random.default_rng(1).uniform(-1, 1, (3_000, 7))
    flowing = seen
    for layer, activation in zip(layers, (np.tanh, lambda x: np.maximum(x, 0), lambda x: x), strict=True):
        flowing = activation(flowing @ layer.weight.T + layer.bias)
    first, second = np.sort(flowing, axis=1)[:, :-3:-1].T
    clear = first - second > 1e-4  # float32 inside
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(policy.actions(seen)[clear], flowing.argmax(axis=1)[clear])


def test_an_action_does_not_depend_on_the_rows_beside_it():
    policy = load_policy(archive(), "test")
    seen = np.random.default_rng(2).uniform(-1, 1, (257, 7))
    together = policy.actions(seen)
    assert [policy.actions(row[np.newaxis])[0] for row in seen] == together.tolist()


def test_metadata_reads_back_as_written():
    written = metadata(b"model")
    assert PolicyMetadata.from_json(written.to_json(), "test") == written
    assert load_policy(archive(), "test").metadata.algorithm is Algorithm.PPO


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "not a policy archive", id="empty"),
        pytest.param(b"\x00\x01binary", "not a policy archive", id="binary"),
        pytest.param(archive()[:200], "not a policy archive", id="cut"),
        pytest.param(archive(without="policy.onnx"), "holds no policy.onnx", id="no network"),
        pytest.param(archive(without="metadata.json"), "holds no metadata.json", id="no metadata"),
        pytest.param(archive(text="{"), "not JSON", id="broken JSON"),
        pytest.param(archive(text="[]"), "not a sizing policy", id="another JSON"),
        pytest.param(archive(text=changed(format="other")), "not a sizing policy", id="another format"),
        pytest.param(archive(text=changed(format_version=3)), "format version 3", id="a later format"),
        pytest.param(archive(text=changed(algorithm="SAC")), "SAC", id="an unknown algorithm"),
        pytest.param(archive(text=changed(seed=None)), "garbles", id="a missing value"),
        pytest.param(archive(text=changed(training=[])), "garbles", id="a value of another kind"),
        pytest.param(archive(text=changed(ladder=[0, 0.1, 0.2, 0.3, 0.4])), "ladder", id="another ladder"),
        pytest.param(
            archive(text=changed(observation_names=list(OBSERVATION_NAMES[::-1]))), "observation_names", id="order"
        ),
        pytest.param(archive(text=changed(policy_sha256="0" * 64)), "not the one", id="an exchanged network"),
        pytest.param(archive(model=b"no network"), "cannot be run", id="no ONNX"),
        pytest.param(archive(model=argmax_network(network(inputs=6))), "cannot be run", id="six inputs"),
        pytest.param(
            archive(model=argmax_network([DenseLayer(np.zeros((9, 7)), np.arange(9.0), Activation.NONE)])),
            "one rung",
            id="nine outputs",
        ),
    ],
)
def test_what_is_no_policy_is_refused_with_the_file_and_the_reason(data, says):
    with pytest.raises(InputError, match=says) as refused:
        load_policy(data, "models/sizer.zip")
    assert str(refused.value).startswith("models/sizer.zip")


def test_one_flipped_byte_of_the_archive_is_noticed():
    data = bytearray(archive())
    at = data.index(b"weight_1") + 40
    data[at] ^= 1
    with pytest.raises(InputError):
        load_policy(bytes(data), "test")


@pytest.mark.parametrize(
    "seen", [np.zeros(6), np.zeros((1, 7)), np.array([0, 0, np.nan, 0, 0, 0, 0]), np.full(7, np.inf)]
)
def test_what_is_no_observation_is_refused(seen):
    with pytest.raises(InputError, match="observation"):
        load_policy(archive(), "test").size_pct(seen)


def test_metadata_nested_beyond_reason_is_refused():
    with pytest.raises(InputError, match="not JSON"):
        load_policy(archive(text="[" * 100_000), "test")


def test_a_seed_that_is_infinite_is_refused():
    with pytest.raises(InputError):
        load_policy(archive(text=changed(seed=float("inf"))), "test")
