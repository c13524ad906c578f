"""ONNX Runtime, set for models of a few kilobytes: the only module in the project that imports it.

From 1.29 on the official wheels queue telemetry at import, on Linux too: files under ~/.cache and /tmp, threads, and
attempts to reach the vendor. ``ORT_DISABLE_TELEMETRY=1`` before the import stops all of it, and nothing later does.
It is assigned, not defaulted, so that a 0 in the environment cannot switch it on.
"""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
import numpy.typing as npt

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # type: ignore[import-untyped]  # ships no stubs
from onnxruntime.capi import onnxruntime_pybind11_state  # type: ignore[import-untyped]

from kws_app.errors import ModelError

FATAL_ONLY = 4

RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    MemoryError,
    # its own kinds have no base in common but Exception
    *(
        kind
        for kind in vars(onnxruntime_pybind11_state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
)
"""Whatever ONNX Runtime raises, at load or at a step."""


def session(model: bytes) -> onnxruntime.InferenceSession:
    """A session for one-frame steps, from bytes.

    One thread, because splitting a 100-row product over a pool costs more than the product. Int8 weights are
    dequantized once at load: without ``disable_quant_qdq`` every step would do it again, 2 to 10 times slower.

    Raises:
        ModelError: the bytes are no model, or one that needs other operators or other files.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_cpu_mem_arena = False  # no slower at this size, and megabytes smaller
    options.log_severity_level = FATAL_ONLY  # its errors come as exceptions; a second copy on stderr helps nobody
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    # A model from bytes could still name weights in a file of the working directory; this is no folder anywhere.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as error:
        raise ModelError(explained(error)) from error


def shared(buffer: npt.NDArray[np.float32]) -> Any:
    """*buffer* as ONNX Runtime knows it, its memory not copied; the buffer must outlive it."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(buffer)


def explained(error: Exception) -> str:
    """What ONNX Runtime complains of, as the end of a sentence that begins with the file's name."""
    text = str(error)
    if "protobuf" in text:
        return "no ONNX model, or only a part of one"
    if "xternal data" in text:
        return "keeps weights in another file, which is refused"
    complaint = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : (/\S+ )?", "", text.strip().partition("\n")[0])
    return f"ONNX Runtime refuses it: {complaint[:200]}"
