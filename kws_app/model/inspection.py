"""Judges a model file before ONNX Runtime sees it: what is no small step graph is refused, whatever it would do.

A model may come from anywhere. It holds no code, but ONNX Runtime would follow it to other files, to operators of other
libraries, into graphs within graphs, and to as much memory and time as it asks for. The walk here takes milliseconds
and no package but numpy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from kws_app.errors import ModelError
from kws_app.model.protobuf import DAMAGED, Field, Kind, Reader, Table, signed
from kws_app.model.shapes import RULES, Attribute, Node, Shape, Value, outcome

MOST_PARTS = 10_000
"""Twenty times what our largest model has."""

MOST_NUMBERS = 10_000_000
"""In all tensors together, weights and what a step computes: 40 MB at most. A shipped model has a hundred thousand."""

MOST_PRODUCTS = 10_000_000
"""Multiplications that a step of one stream may take, a hundred times those of a shipped model: fifty such steps a
second are a good part of a small board's core."""

MOST_AXES = 8
LONGEST_NAME = 200
MOST_INTEGERS = 64
"""Of a list that says axes, sizes or an order."""

BATCH = 2
"""Streams side by side that the sizes are judged for; as many as are tried when a model is loaded."""

FLOAT32 = 1
WIDTHS = {FLOAT32: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1}
"""Bytes of a number, by ONNX's code: float32, uint8, int8, int32, int64, bool."""
INT64 = 7

ELSEWHERE = "keeps weights in another file, which is refused"

MODEL = Table(
    "model",
    {
        1: Field("ir_version", Kind.INTEGER),
        2: Field("producer_name"),
        3: Field("producer_version"),
        4: Field("domain"),
        5: Field("model_version", Kind.INTEGER),
        6: Field("doc_string"),
        7: Field("graph"),
        8: Field("opset_import", repeated=True),
        14: Field("metadata_props", repeated=True),
    },
)
GRAPH = Table(
    "graph",
    {
        1: Field("node", repeated=True),
        2: Field("name"),
        5: Field("initializer", repeated=True),
        10: Field("doc_string"),
        11: Field("input", repeated=True),
        12: Field("output", repeated=True),
    },
)
NODE = Table(
    "node",
    {
        1: Field("input", repeated=True),
        2: Field("output", repeated=True),
        3: Field("name"),
        4: Field("op_type"),
        5: Field("attribute", repeated=True),
        6: Field("doc_string"),
        7: Field("domain"),
    },
)
ATTRIBUTE = Table(
    "attribute",
    {
        1: Field("name"),
        2: Field("f", Kind.FLOAT),
        3: Field("i", Kind.INTEGER),
        8: Field("ints", Kind.INTEGER, repeated=True),
        13: Field("doc_string"),
        20: Field("type", Kind.INTEGER),
    },
)
TENSOR = Table(
    "tensor",
    {
        1: Field("dims", Kind.INTEGER, repeated=True),
        2: Field("data_type", Kind.INTEGER),
        8: Field("name"),
        9: Field("raw_data"),
        12: Field("doc_string"),
        13: Field("external_data", refusal=ELSEWHERE),
        14: Field("data_location", refusal=ELSEWHERE),
    },
)
INPUT = Table("input", {1: Field("name"), 2: Field("type"), 3: Field("doc_string")})
TYPE = Table("input's type", {1: Field("tensor_type")})
TENSOR_TYPE = Table("input's type", {1: Field("elem_type", Kind.INTEGER), 2: Field("shape")})
SHAPE = Table("input's shape", {1: Field("dim", repeated=True)})
DIMENSION = Table("input's shape", {1: Field("dim_value", Kind.INTEGER), 2: Field("dim_param"), 3: Field("denotation")})

NOTHING = memoryview(b"")


def inspect(model: bytes) -> None:
    """Walk through *model*.

    Raises:
        ModelError: damaged, or nothing that a step graph may be; one sentence.
    """
    _Inspection().model(memoryview(model))


class _Inspection:
    def __init__(self) -> None:
        self._reader = Reader(MOST_PARTS)
        self._values: dict[str, Value] = {}
        self._numbers = self._products = 0

    def model(self, message: memoryview) -> None:
        model = self._reader.read(message, MODEL)
        graph = self._reader.read(model.get("graph", NOTHING), GRAPH)
        for tensor in graph["initializer"]:
            self._tensor(self._reader.read(tensor, TENSOR))
        for value in graph["input"]:
            self._input(self._reader.read(value, INPUT))
        for node in graph["node"]:
            self._node(self._reader.read(node, NODE))

    def _tensor(self, tensor: Mapping[str, Any]) -> None:
        """Its values are all in the file, so that it is no larger than what was read."""
        name, code = _text(tensor, "name"), tensor.get("data_type", 0)
        if code not in WIDTHS:
            raise ModelError(f"its weight {name!r} is of ONNX's type {code}, which no step graph needs")
        shape, raw = tuple(tensor["dims"]), tensor.get("raw_data", NOTHING)
        if math.prod(shape) * WIDTHS[code] != len(raw):
            raise ModelError(f"its weight {name!r} has {len(raw)} bytes for a shape of {_shown(shape)}")
        if code == FLOAT32 and not np.isfinite(np.frombuffer(raw, "<f4")).all():
            raise ModelError(f"its weight {name!r} holds values that are no numbers; the file is damaged")
        integers = None
        if code == INT64 and len(raw) <= MOST_INTEGERS * WIDTHS[INT64]:
            integers = tuple(np.frombuffer(raw, "<i8").tolist())
        self._add(name, Value(shape, integers))

    def _input(self, value: Mapping[str, Any]) -> None:
        """A size that is left open is that of the batch; ``Model`` sees that no other one is."""
        kind = self._reader.read(value.get("type", NOTHING), TYPE)
        tensor = self._reader.read(kind.get("tensor_type", NOTHING), TENSOR_TYPE)
        shape = self._reader.read(tensor.get("shape", NOTHING), SHAPE)
        sizes = (self._reader.read(dimension, DIMENSION).get("dim_value", BATCH) for dimension in shape["dim"])
        self._add(_text(value, "name"), Value(tuple(sizes)))

    def _node(self, node: Mapping[str, Any]) -> None:
        operator, outputs = _text(node, "op_type"), [_name(output) for output in node["output"]]
        label = f"node {_text(node, 'name') or ', '.join(outputs)[:60]!r} ({operator})"
        if _text(node, "domain") not in ("", "ai.onnx"):
            raise ModelError(f"its {label} is of another library, {_text(node, 'domain')!r}, which is refused")
        if operator not in RULES:
            raise ModelError(f"its {label} is not an operator of step graphs")
        try:
            inputs = [self._value(_name(name)) for name in node["input"]]
            attributes = dict(map(self._attribute, node["attribute"]))
            found = outcome(Node(operator, inputs, len(outputs), attributes))
        except ValueError as error:
            raise ModelError(f"its {label} {error}") from error
        self._products += found.products
        if self._products > MOST_PRODUCTS * BATCH:
            raise ModelError(
                f"takes more than {MOST_PRODUCTS} multiplications a step, which no model of this kind does"
            )
        for output, shape in zip(outputs, found.shapes, strict=True):
            self._add(output, Value(shape))

    def _value(self, name: str) -> Value | None:
        if not name:  # an optional input that is left out
            return None
        if name not in self._values:
            raise ValueError(f"takes {name!r}, which nothing before it gives")
        return self._values[name]

    def _attribute(self, message: memoryview) -> tuple[str, Attribute]:
        attribute = self._reader.read(message, ATTRIBUTE)
        match attribute.get("type"):
            case 1:
                value: Attribute = None
            case 2:
                value = signed(attribute.get("i", 0))
            case 7:
                value = [signed(number) for number in attribute["ints"]]
            case other:
                raise ValueError(f"has an attribute of type {other}, which no step graph needs")
        return _text(attribute, "name"), value

    def _add(self, name: str, value: Value) -> None:
        if name in self._values:
            raise ModelError(f"has two values with the name {name!r}")
        if len(value.shape) > MOST_AXES:
            raise ModelError(f"its {name!r} has {len(value.shape)} axes, which no step graph needs")
        self._values[name] = value
        self._numbers += math.prod(value.shape)
        if self._numbers > MOST_NUMBERS:
            raise ModelError(f"needs more than {MOST_NUMBERS} numbers at {name!r}, which no model of this kind does")


def _text(message: Mapping[str, Any], field: str) -> str:
    return _name(message.get(field, NOTHING))


def _name(content: memoryview) -> str:
    """A name that can be printed."""
    try:
        name = str(content, "utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(DAMAGED) from error
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise ModelError(f"has a name that cannot be printed, or is longer than {LONGEST_NAME} characters")
    return name


def _shown(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
