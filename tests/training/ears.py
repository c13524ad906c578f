"""Small stand-ins for the borrowed networks: the same inputs, outputs and shape of graph, other weights."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from kws_app.training.embedding import EMBEDDING, FRAME, MELSPECTROGRAM, SIZE, STRIDE, WINDOW

BANDS = 32


def embedding_files() -> dict[str, bytes]:
    """By name, as ``kws_app.training.embedding`` looks for them."""
    return {MELSPECTROGRAM: _melspectrogram(), EMBEDDING: _embedding()}


def _melspectrogram() -> bytes:
    window = np.hanning(FRAME + 1)[:FRAME]
    edges = np.linspace(1, FRAME // 2, BANDS + 1).astype(int)
    to_bands = np.zeros((FRAME // 2 + 1, BANDS), np.float32)
    for band in range(BANDS):
        to_bands[edges[band] : edges[band + 1], band] = 0.03
    angles = 2 * np.pi * np.outer(np.arange(FRAME // 2 + 1), np.arange(FRAME)) / FRAME
    real = (np.cos(angles) * window)[:, np.newaxis].astype(np.float32)
    nodes = [helper.make_node("Identity", ["input"], ["output"])]  # only the constants are read
    return _model(nodes, {"0.stft.conv_real.weight": real, "1.melW": to_bands}, [1, "samples"], [1, "samples"], "input")


def _embedding() -> bytes:
    rng = np.random.default_rng(0)
    kernel = (rng.normal(size=(SIZE, 1, WINDOW, BANDS)) / np.sqrt(WINDOW * BANDS)).astype(np.float32)
    nodes = [
        helper.make_node("Reshape", ["input_1", "before"], ["image"]),
        helper.make_node("Conv", ["image", "kernel"], ["row"], strides=[STRIDE, 1]),
        helper.make_node("Reshape", ["row", "after"], ["output"]),
    ]
    shapes = {"before": np.array([-1, 1, WINDOW, BANDS]), "after": np.array([-1, 1, 1, SIZE])}
    return _model(nodes, {"kernel": kernel, **shapes}, ["n", WINDOW, BANDS, 1], ["n", 1, 1, SIZE], "input_1")


def word_network() -> bytes:
    """A clip's bands, folded into 2048 numbers."""
    kernel = np.random.default_rng(1).normal(size=(149 * 64, 2048)).astype(np.float16)
    nodes = [
        helper.make_node("Flatten", ["input"], ["row"]),
        helper.make_node("Cast", ["kernel"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["row", "wide"], ["output"]),
    ]
    return _model(nodes, {"kernel": kernel}, [1, 1, 149, 64], [1, 2048], "input")


def _model(nodes: list, constants: dict[str, np.ndarray], shape: list, output: list, name: str) -> bytes:
    graph = helper.make_graph(
        nodes,
        "ear",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
