"""A learner's state as plain arrays: it comes back as it went, and reading it runs nothing."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sizing_samples import coin_flips
from stable_baselines3 import A2C

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.batched import BatchedSizingEnv
from lightning_gex.sizing.learner_state import go_on, packed, parameters_of, set_parameters, unpacked

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False), st.text(max_size=5)
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), trees, max_size=4))
def test_a_tree_comes_back_as_it_went(tree):
    assert unpacked(packed(tree), "state") == tree
    assert packed(tree) == packed(tree)


def test_arrays_and_tensors_come_back_as_arrays_of_the_same_kind():
    import torch

    tree = {"a": np.arange(6, dtype=np.uint8).reshape(2, 3), "b": {"c": [torch.ones(2), np.float64(1.5)]}}
    found = unpacked(packed(tree), "state")
    np.testing.assert_array_equal(found["a"], tree["a"])
    assert found["a"].dtype == np.uint8
    assert found["b"]["c"][0].dtype == np.float32
    assert found["b"]["c"][1] == 1.5


class Loud:
    """Says so when somebody unpickles it."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def pickled_array():
    buffer = io.BytesIO()
    np.savez(buffer, tree=np.array([Loud()], dtype=object))
    return buffer.getvalue()


@pytest.mark.parametrize("data", [b"", b"text", pickle.dumps(Loud()), pickled_array(), packed({"a": 1})[:-30]])
def test_what_is_no_state_is_refused_and_nothing_in_it_runs(data):
    with pytest.raises(InputError, match=r"^state: holds no state"):
        unpacked(data, "state")


def learner(units, count=2):
    env = BatchedSizingEnv(coin_flips(), count)
    return A2C("MlpPolicy", env, policy_kwargs={"net_arch": [units]}, device="cpu", seed=0), env


def test_weights_of_another_shape_are_refused():
    with pytest.raises(InputError, match="do not fit"):
        set_parameters(learner(8)[0], parameters_of(learner(16)[0]), "other.zip")


def test_a_state_that_is_no_checkpoint_is_refused():
    with pytest.raises(InputError, match="no checkpoint"):
        go_on(*learner(8), packed({"parameters": {}}), "checkpoint")
