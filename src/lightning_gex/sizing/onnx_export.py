"""A small feed-forward network as an ONNX graph whose answer is the index of its largest output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightning_gex.analytics.observation import OBSERVATION_NAMES
from lightning_gex.core.errors import MissingExtraError
from lightning_gex.sizing.network import DenseLayer
from lightning_gex.sizing.policy import INPUT_NAME, OUTPUT_NAME

#: Old enough for every onnxruntime since 1.14, new enough for all that is used here.
_OPSET = 17
_IR_VERSION = 8


def argmax_network(layers: Sequence[DenseLayer]) -> bytes:
    """The ONNX model of a network.

    Parameters
    ----------
    layers : first to last; the first takes the seven observations.

    Returns
    -------
    Bytes of a model with input ``observation`` (n, 7) float32 and output ``action`` (n,) int64; the same for the same
    weights. Among equal outputs the first wins.

    Raises
    ------
    MissingExtraError : where ``onnx`` is not installed.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as missing:
        raise MissingExtraError("onnx", "rl") from missing

    nodes, constants, flowing = [], [], INPUT_NAME
    for k, layer in enumerate(layers):
        for name, values in ((f"weight_{k}", layer.weight), (f"bias_{k}", layer.bias)):
            constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float32), name))
        nodes.append(helper.make_node("Gemm", [flowing, f"weight_{k}", f"bias_{k}"], [f"sum_{k}"], transB=1))
        nodes.append(helper.make_node(layer.activation.value, [f"sum_{k}"], [f"layer_{k}"]))
        flowing = f"layer_{k}"
    nodes.append(helper.make_node("ArgMax", [flowing], [OUTPUT_NAME], axis=1, keepdims=0))
    graph = helper.make_graph(
        nodes,
        "sizing_policy",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["n", len(OBSERVATION_NAMES)])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.INT64, ["n"])],
        constants,
    )
    model = helper.make_model(
        graph,
        producer_name="lightning_gex",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    data: bytes = model.SerializeToString(deterministic=True)
    return data
