"""Weights in 8 bits: symmetric, one scale a row; state and arithmetic stay float32.

Storing the carried state in 8 bits would stall it (``h <- z h + (1 - z) c`` has a dead zone at that resolution);
storing the weights so costs nothing that was measured. The graph holds the int8 weights and a ``DequantizeLinear``,
which the runtime folds once at load, so a step runs at float speed.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from kws_app.training.network import Network


@dataclass(frozen=True, slots=True)
class Int8Matrix:
    """``values`` int8 ``(rows, columns)`` times ``scales`` float32 ``(rows,)``."""

    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]

    def as_float(self) -> npt.NDArray[np.float32]:
        return self.values.astype(np.float32) * self.scales[:, None]


def quantize_rows(matrix: npt.NDArray[np.float32]) -> Int8Matrix:
    """The nearest int8 matrix; a row of zeros keeps scale 1.

    So does one of numbers so small that their scale would be subnormal: processors are slow at such, and none is heard.
    """
    scales = np.abs(matrix).max(axis=1) / np.float32(127)
    scales = np.where(scales >= np.finfo(np.float32).tiny, scales, np.float32(1))
    return Int8Matrix(np.rint(matrix / scales[:, None]).astype(np.int8), scales)


def quantized(network: Network) -> Network:
    """A copy of *network* whose matrices hold the values that int8 can hold."""
    rounded = copy.deepcopy(network)
    with torch.no_grad():
        for tensor in [*rounded.parameters(), *rounded.buffers()]:
            if tensor.dim() == 2:
                tensor.copy_(torch.from_numpy(quantize_rows(tensor.numpy()).as_float()))
    return rounded
