"""What each operator of a step graph makes of its inputs' shapes, and how much work that is.

A file of a few kilobytes can ask for gigabytes: by an outer product, by joining a value with itself a hundred times,
by an index that repeats a row. So every size is known before ONNX Runtime sees the file, which computes what is
constant as soon as it loads. An operator without a rule here is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Shape = tuple[int, ...]

Attribute = int | list[int] | None
"""None stands for a number with a fraction, which no shape depends on."""


@dataclass(frozen=True, slots=True)
class Value:
    """One tensor: its shape and, if it is a short list of integers in the file, these."""

    shape: Shape
    integers: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One use of an operator. An optional input that is left out is None."""

    operator: str
    inputs: Sequence[Value | None]
    outputs: int
    attributes: Mapping[str, Attribute]

    def shape(self, index: int) -> Shape:
        """The shape of an input.

        Raises:
            ValueError: it has no such input.
        """
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise ValueError(f"has no input {index}")
        return value.shape

    def integers(self, index: int, default: Sequence[int]) -> Sequence[int]:
        """The integers of an input, which must be in the file.

        Raises:
            ValueError: they are computed, or not integers.
        """
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            return default
        if value.integers is None:
            raise ValueError(f"its input {index} must be integers in the file")
        return value.integers

    def integer(self, name: str, default: int) -> int:
        """An attribute that is one integer."""
        number = self.attributes.get(name, default)
        if not isinstance(number, int):
            raise ValueError(f"its {name} must be an integer")
        return number

    def axis(self, default: int, rank: int) -> int:
        """The attribute ``axis``, counted from the front."""
        return _axis(self.integer("axis", default), rank)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The shapes of a node's outputs, and how many products they take."""

    shapes: Sequence[Shape]
    products: int = 0


Rule = Callable[[Node], Outcome]


def outcome(node: Node) -> Outcome:
    """What *node* gives, the operator of which has a rule.

    Raises:
        ValueError: its inputs or attributes do not fit; the text ends a sentence about the node.
    """
    strange = node.attributes.keys() - ATTRIBUTES.get(node.operator, frozenset())
    if strange:
        raise ValueError(f"has an attribute {min(strange)!r}, which no step graph needs")
    found = RULES[node.operator](node)
    if len(found.shapes) != node.outputs:
        raise ValueError(f"gives {len(found.shapes)} outputs and names {node.outputs}")
    return found


def _same(node: Node) -> Outcome:
    return Outcome([node.shape(0)])


def _broadcast(node: Node) -> Outcome:
    return Outcome([np.broadcast_shapes(*(node.shape(index) for index in range(len(node.inputs))))])


def _gemm(node: Node) -> Outcome:
    (rows, inner), (also_inner, columns) = (
        _matrix(node.shape(index))[:: -1 if node.integer(name, 0) else 1]
        for index, name in enumerate(("transA", "transB"))
    )
    return _product((), rows, (inner, also_inner), columns)


def _matmul(node: Node) -> Outcome:
    left, right = node.shape(0), node.shape(1)
    rows, inner = _matrix(left[-2:])
    also_inner, columns = _matrix(right[-2:])
    return _product(np.broadcast_shapes(left[:-2], right[:-2]), rows, (inner, also_inner), columns)


def _product(outer: Shape, rows: int, inner: tuple[int, int], columns: int) -> Outcome:
    if inner[0] != inner[1]:
        raise ValueError(f"multiplies rows of {inner[0]} by columns of {inner[1]}")
    shape = (*outer, rows, columns)
    return Outcome([shape], products=math.prod(shape) * inner[0])


def _concat(node: Node) -> Outcome:
    shapes = [node.shape(index) for index in range(len(node.inputs))]
    axis = node.axis(0, len(node.shape(0)))
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) != 1 or len({len(shape) for shape in shapes}) != 1:
        raise ValueError(f"joins {shapes}")
    return Outcome([_with(shapes[0], axis, sum(shape[axis] for shape in shapes))])


def _split(node: Node) -> Outcome:
    shape, sizes = node.shape(0), node.integers(1, ())
    axis = node.axis(0, len(shape))
    if sum(sizes) != shape[axis] or any(size < 0 for size in sizes):
        raise ValueError(f"splits {shape[axis]} into {list(sizes)}")
    return Outcome([_with(shape, axis, size) for size in sizes])


def _slice(node: Node) -> Outcome:
    shape = node.shape(0)
    starts, ends = node.integers(1, ()), node.integers(2, ())
    axes = node.integers(3, range(len(starts)))
    steps = node.integers(4, [1] * len(starts))
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        at = _axis(axis, len(shape))
        shape = _with(shape, at, len(range(shape[at])[start:end:step]))
    return Outcome([shape])


def _transpose(node: Node) -> Outcome:
    shape = node.shape(0)
    order = node.attributes.get("perm", [*range(len(shape))][::-1])
    if not isinstance(order, list) or sorted(order) != [*range(len(shape))]:
        raise ValueError(f"reorders {shape} by {order}")
    return Outcome([tuple(shape[axis] for axis in order)])


def _reshape(node: Node) -> Outcome:
    shape, wanted = node.shape(0), node.integers(1, ())
    sizes = [shape[at] if size == 0 and at < len(shape) else size for at, size in enumerate(wanted)]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = math.prod(shape) // max(1, -math.prod(sizes))
    if math.prod(sizes) != math.prod(shape) or any(size < 0 for size in sizes):
        raise ValueError(f"reshapes {shape} to {list(wanted)}")
    return Outcome([tuple(sizes)])


def _squeeze(node: Node) -> Outcome:
    shape = node.shape(0)
    axes = {_axis(axis, len(shape)) for axis in node.integers(1, [at for at, size in enumerate(shape) if size == 1])}
    if any(shape[axis] != 1 for axis in axes):
        raise ValueError(f"takes the axes {sorted(axes)} out of {shape}")
    return Outcome([tuple(size for at, size in enumerate(shape) if at not in axes)])


def _unsqueeze(node: Node) -> Outcome:
    shape, added = node.shape(0), node.integers(1, ())
    rank = len(shape) + len(added)
    axes, sizes = {_axis(axis, rank) for axis in added}, iter(shape)
    if len(axes) != len(added):
        raise ValueError(f"adds an axis of {list(added)} twice")
    return Outcome([tuple(1 if at in axes else next(sizes) for at in range(rank))])


def _gather(node: Node) -> Outcome:
    shape, indices = node.shape(0), node.shape(1)
    axis = node.axis(0, len(shape))
    return Outcome([(*shape[:axis], *indices, *shape[axis + 1 :])])


def _reduce(node: Node) -> Outcome:
    shape = node.shape(0)
    named = node.integers(1, ())
    if not named and node.integer("noop_with_empty_axes", 0):
        return Outcome([shape])
    axes = {_axis(axis, len(shape)) for axis in named or range(len(shape))}
    keeps = node.integer("keepdims", 1)
    return Outcome([tuple(1 if at in axes else size for at, size in enumerate(shape) if keeps or at not in axes)])


def _matrix(shape: Shape) -> Shape:
    if len(shape) != 2:
        raise ValueError(f"multiplies {shape}, which is no matrix")
    return shape


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"has an axis {axis} of {rank}")
    return axis % rank


def _with(shape: Shape, axis: int, size: int) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1 :])


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("Sigmoid", "Tanh", "Relu", "HardSigmoid", "Softplus", "Softmax", "Clip", "CumSum"), _same),
    **dict.fromkeys(("Neg", "Exp", "Log", "Sqrt", "Not", "Cast", "Identity", "DequantizeLinear"), _same),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Greater", "Less", "And", "Where"), _broadcast),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"), _reduce),
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Gather": _gather,
}

ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "HardSigmoid": frozenset({"alpha", "beta"}),
    "Softmax": frozenset({"axis"}),
    "CumSum": frozenset({"exclusive", "reverse"}),
    "Cast": frozenset({"to"}),
    "DequantizeLinear": frozenset({"axis"}),
    **dict.fromkeys(
        ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"), frozenset({"keepdims", "noop_with_empty_axes"})
    ),
    "Gemm": frozenset({"alpha", "beta", "transA", "transB"}),
    "Concat": frozenset({"axis"}),
    "Split": frozenset({"axis"}),
    "Transpose": frozenset({"perm"}),
    "Gather": frozenset({"axis"}),
}
"""Those that an operator may have. Others could change its shape, as older versions of ONNX meant them."""
