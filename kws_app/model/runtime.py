"""ONNX Runtime, set for models of a few kilobytes: the only module in the project that imports it.

From 1.29 on the official wheels queue telemetry at import, on Linux too: files under ~/.cache and /tmp, threads, and
attempts to reach the vendor. ``ORT_DISABLE_TELEMETRY=1`` before the import stops all of it, and nothing later does.
It is assigned, not defaulted, so that a 0 in the environment cannot switch it on.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # type: ignore[import-untyped]  # ships no stubs

ERRORS_ONLY = 3


def session(model: bytes) -> onnxruntime.InferenceSession:
    """A session for one-frame steps, from bytes, so that no file beside the model can be read.

    One thread, because splitting a 100-row product over a pool costs more than the product. Int8 weights are
    dequantized once at load: without ``disable_quant_qdq`` every step would do it again, 2 to 10 times slower.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_cpu_mem_arena = False  # no slower at this size, and megabytes smaller
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
