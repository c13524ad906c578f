"""The nodes and initialisers of an ONNX graph as they are added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from torch import Tensor

from kws_app.training.quantize import quantize_rows


class Graph:
    """Nodes and initialisers as they are added; every method returns the name of what it made."""

    def __init__(self, *, int8: bool) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        self._int8 = int8
        self._constants: dict[tuple[bytes, str, tuple[int, ...]], str] = {}
        self._matrices: dict[int, tuple[Tensor, str]] = {}

    def add(self, operator: str, *inputs: str, outputs: int = 1, name: str = "", **attributes: Any) -> Any:
        base = name or f"{operator.lower()}_{len(self.nodes)}"
        names = [base] if outputs == 1 else [f"{base}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """A number or an array, of which the file has one however often it is used."""
        array = np.asarray(value, dtype)
        key = array.tobytes(), array.dtype.str, array.shape
        if key not in self._constants:
            self._constants[key] = f"c{len(self.initialisers)}"  # a file of kilobytes has a hundred of these names
            self.initialisers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def matrix(self, weight: Tensor) -> str:
        """A weight matrix, int8 with one scale a row if the graph is an int8 one."""
        if id(weight) not in self._matrices:  # one matrix may be used at two places
            self._matrices[id(weight)] = weight, self._stored(weight.detach().numpy())
        return self._matrices[id(weight)][1]

    def _stored(self, values: npt.NDArray[np.float32]) -> str:
        if not self._int8:
            return self.constant(values)
        compact = quantize_rows(values)
        int8, scales = self.constant(compact.values, np.int8), self.constant(compact.scales)
        return str(self.add("DequantizeLinear", int8, scales, axis=0))

    def linear(self, x: str, weight: Tensor, bias: Tensor | None = None) -> str:
        """``x @ weight.T + bias``."""
        return self.product(x, self.matrix(weight), bias, transB=1)

    def product(self, x: str, matrix: str, bias: Tensor | None, **attributes: int) -> str:
        """The same with a matrix that is there."""
        biases = [] if bias is None else [self.constant(bias.detach().numpy())]
        return str(self.add("Gemm", x, matrix, *biases, **attributes))

    def split(self, x: str, sizes: Sequence[int]) -> list[str]:
        if len(sizes) == 1:
            return [x]
        pieces: list[str] = self.add("Split", x, self.constant(sizes, np.int64), outputs=len(sizes), axis=1)
        return pieces

    def slice(self, x: str, starts: Sequence[int], ends: Sequence[int], *, axis: int, name: str = "") -> str:
        """A stretch of each of the axes from *axis* on."""
        axes = range(axis, axis + len(starts))
        bounds = [self.constant([*numbers], np.int64) for numbers in (starts, ends, axes)]
        return str(self.add("Slice", x, *bounds, name=name))

    def reshape(self, x: str, *shape: int) -> str:
        return str(self.add("Reshape", x, self.constant(shape, np.int64)))
