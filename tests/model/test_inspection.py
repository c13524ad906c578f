"""Hostile models: whatever would take another file, code, memory or time is refused before ONNX Runtime sees it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_app.errors import ModelError
from kws_app.model import inspection
from kws_app.model.inspection import MOST_PARTS, inspect
from kws_app.model.runtime import session
from kws_app.model.shapes import RULES
from kws_app.model.stepper import LARGEST_BYTES
from tests.conftest import ROOT, TINY_MODEL, modules_loaded_by

onnx = pytest.importorskip("onnx", reason="the training extra is not installed")

Build = Callable[[], Any]


def graph_of(
    *nodes: Any, weights: Sequence[Any] = (), inputs: Sequence[Any] = (("features", ["batch", 20]),), **fields: Any
) -> Any:
    """A model of these nodes; ``fields`` are those of the model."""
    helper = onnx.helper
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in inputs]
    last = helper.make_tensor_value_info(nodes[-1].output[0], onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "step", values, [last], weights)
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, ir_version=9, opset_imports=opset, **fields)


def node(operator: str, *inputs: str, outputs: Sequence[str] = ("out",), **attributes: Any) -> Any:
    return onnx.helper.make_node(operator, [*inputs], [*outputs], **attributes)


def weight(name: str, values: Any, dtype: Any = np.float32) -> Any:
    return onnx.numpy_helper.from_array(np.asarray(values, dtype), name)


def refusal(model: Any) -> str:
    with pytest.raises(ModelError) as refused:
        inspect(model.SerializeToString())
    sentence = str(refused.value)
    assert sentence.isprintable()
    return sentence


@pytest.mark.parametrize("path", [TINY_MODEL, *sorted((ROOT / "models").glob("*.onnx"))], ids=lambda path: path.name)
def test_models_of_ours_pass(path: Path) -> None:
    inspect(path.read_bytes())


def test_inspecting_loads_nothing_but_numpy() -> None:
    loaded = modules_loaded_by("import kws_app.model.inspection")

    assert not loaded & {"onnx", "onnxruntime", "google", "yaml"}


def if_within() -> Any:
    branch = onnx.helper.make_graph([node("Relu", "features")], "branch", [], [])
    return graph_of(node("If", "yes", then_branch=branch, else_branch=branch), weights=[weight("yes", True, np.bool_)])


def loop_within() -> Any:
    body = onnx.helper.make_graph([node("Relu", "features")], "body", [], [])
    return graph_of(node("Loop", "often", body=body), weights=[weight("often", 2**62, np.int64)])


def deeply_nested() -> Any:
    inner = onnx.helper.make_graph([node("Relu", "features")], "inner", [], [])
    for _ in range(30):
        inner = onnx.helper.make_graph([node("Scan", "features", body=inner)], "inner", [], [])
    return graph_of(node("Scan", "features", body=inner))


def subgraph_in_an_innocent_operator() -> Any:
    inner = onnx.helper.make_graph([node("Relu", "features")], "inner", [], [])
    return graph_of(node("Relu", "features", body=inner))


def own_function() -> Any:
    body = onnx.helper.make_function(
        "ai.onnx", "Relu", ["x"], ["y"], [node("Tanh", "x", outputs=["y"])], [onnx.helper.make_opsetid("", 18)]
    )
    return graph_of(node("Relu", "features"), functions=[body])


def huge_constant() -> Any:
    value = weight("fill", [0.0])
    return graph_of(node("ConstantOfShape", "size", value=value), weights=[weight("size", [2**40], np.int64)])


def huge_operator(operator: str) -> Build:
    return lambda: graph_of(node(operator, "features", "size"), weights=[weight("size", [2**20, 2**20], np.int64)])


def claimed_size(*dims: int) -> Build:
    def build() -> Any:
        tensor = weight("big", [1.0])
        tensor.dims[:] = dims
        return graph_of(node("Relu", "big"), weights=[tensor])

    return build


def outer_product() -> Any:
    column, row = weight("column", np.ones((50_000, 1))), weight("row", np.ones((1, 50_000)))
    return graph_of(node("Mul", "column", "row"), weights=[column, row])


def doubled_again_and_again() -> Any:
    names = ["features", *(f"x{i}" for i in range(200))]
    return graph_of(*(node("Concat", a, a, outputs=[b], axis=1) for a, b in pairwise(names)))


def row_repeated() -> Any:
    rows, index = weight("rows", np.ones((1, 50_000))), weight("index", np.zeros(50_000), np.int64)
    return graph_of(node("Gather", "rows", "index"), weights=[rows, index])


def multiplied_again_and_again() -> Any:
    names = ["start", *(f"x{i}" for i in range(100))]
    square = weight("square", np.zeros((1000, 1000)), np.int8)
    nodes = [node("Gemm", a, "square", outputs=[b]) for a, b in pairwise(names)]
    return graph_of(*nodes, weights=[square], inputs=[("start", ["batch", 1000])])


def weight_that_is_no_number(value: float) -> Build:
    return lambda: graph_of(node("Add", "features", "w"), weights=[weight("w", [value])])


def weights_as_text() -> Any:
    return graph_of(node("Relu", "w"), weights=[onnx.helper.make_tensor("w", onnx.TensorProto.STRING, [1], [b"x"])])


def sparse_weights() -> Any:
    model = graph_of(node("Relu", "features"))
    model.graph.sparse_initializer.add().dims[:] = [2**40]
    return model


def file_outside(path: str) -> Build:
    def build() -> Any:
        tensor = weight("w", [1.0])
        tensor.ClearField("raw_data")
        tensor.data_location = 1
        tensor.external_data.add(key="location", value=path)
        return graph_of(node("Add", "features", "w"), weights=[tensor])

    return build


def custom_operator() -> Any:
    return graph_of(node("Relu", "features", domain="com.example"))


def escape_codes() -> Any:
    return graph_of(node("Relu", "features", outputs=["\x1b[2J"]))


def computed_size() -> Any:
    size = weight("size", [1.0])
    return graph_of(
        node("Cast", "size", outputs=["integers"], to=7), node("Reshape", "features", "integers"), weights=[size]
    )


def one_name_twice() -> Any:
    return graph_of(node("Relu", "features", outputs=["a"]), node("Tanh", "features", outputs=["a"]))


HOSTILE: dict[str, tuple[Build, str]] = {
    "a branch": (if_within, "its node 'out' (If) is not an operator of step graphs"),
    "a loop without end": (loop_within, "its node 'out' (Loop) is not an operator of step graphs"),
    "graphs in graphs": (deeply_nested, "its node 'out' (Scan) is not an operator of step graphs"),
    "a hidden graph": (
        subgraph_in_an_innocent_operator,
        "its node 'out' (Relu) its attribute has a field 6, which no step graph needs",
    ),
    "functions": (own_function, "its model has a field 25, which no step graph needs"),
    "a constant of a terabyte": (huge_constant, "its node 'out' (ConstantOfShape) is not an operator of step graphs"),
    **{
        operator: (huge_operator(operator), f"its node 'out' ({operator}) is not an operator of step graphs")
        for operator in ("Expand", "Tile", "Range", "Resize", "Pad", "OneHot", "NonZero", "Upsample", "EyeLike")
    },
    "a weight that claims to be huge": (
        claimed_size(2**31, 2**31),
        "its weight 'big' has 4 bytes for a shape of (2147483648, 2147483648)",
    ),
    "a weight of negative size": (
        claimed_size(-1),
        "its weight 'big' has 4 bytes for a shape of (18446744073709551615)",
    ),
    "a weight with a hundred axes": (claimed_size(*[1] * 100), "its 'big' has 100 axes, which no step graph needs"),
    "an outer product": (
        outer_product,
        "needs more than 10000000 numbers at 'out', which no model of this kind does",
    ),
    "a value doubled": (
        doubled_again_and_again,
        "needs more than 10000000 numbers at 'x16', which no model of this kind does",
    ),
    "a row repeated": (row_repeated, "needs more than 10000000 numbers at 'out', which no model of this kind does"),
    "many products": (
        multiplied_again_and_again,
        "takes more than 10000000 multiplications a step, which no model of this kind does",
    ),
    "not a number": (
        weight_that_is_no_number(np.nan),
        "its weight 'w' holds values that are no numbers; the file is damaged",
    ),
    "infinity": (
        weight_that_is_no_number(-np.inf),
        "its weight 'w' holds values that are no numbers; the file is damaged",
    ),
    "text for weights": (weights_as_text, "its tensor has a field 6, which no step graph needs"),
    "doubles for weights": (
        lambda: graph_of(node("Relu", "w"), weights=[weight("w", [1.0], np.float64)]),
        "its weight 'w' is of ONNX's type 11, which no step graph needs",
    ),
    "sparse weights": (sparse_weights, "its graph has a field 15, which no step graph needs"),
    "a file elsewhere": (file_outside("../../etc/shadow"), inspection.ELSEWHERE),
    "a file by its root": (file_outside("/etc/shadow"), inspection.ELSEWHERE),
    "an operator of another library": (
        custom_operator,
        "its node 'out' (Relu) is of another library, 'com.example', which is refused",
    ),
    "codes for a terminal": (escape_codes, "has a name that cannot be printed, or is longer than 200 characters"),
    "a size that is computed": (computed_size, "its node 'out' (Reshape) its input 1 must be integers in the file"),
    "one name twice": (one_name_twice, "has two values with the name 'a'"),
    "a name that nothing has": (
        lambda: graph_of(node("Relu", "nowhere")),
        "its node 'out' (Relu) takes 'nowhere', which nothing before it gives",
    ),
}


@pytest.mark.parametrize(("build", "sentence"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_model_is_refused_with_one_sentence(build: Build, sentence: str) -> None:
    assert refusal(build()) == sentence


def parts_without_end(tag: bytes) -> bytes:
    return tag * (LARGEST_BYTES // len(tag))


def enclosed(number: int, content: bytes) -> bytes:
    """The field *number* that holds *content*."""
    length = bytearray()
    rest = len(content)
    while rest >= 0x80:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([number << 3 | 2, *length, rest]) + content


@pytest.mark.parametrize(
    "content",
    [
        parts_without_end(b"\x42\x00"),  # opset_import, empty, two million times
        enclosed(7, parts_without_end(b"\x0a\x00")[:-10]),  # nodes
        enclosed(7, enclosed(1, parts_without_end(b"\x0a\x00")[:-20])),  # inputs of one node
        enclosed(7, enclosed(5, parts_without_end(b"\x08\x01")[:-20])),  # axes of one weight
        enclosed(7, enclosed(5, enclosed(1, parts_without_end(b"\x01")[:-20]))),  # the same, packed
    ],
    ids=["opsets", "nodes", "inputs", "axes", "packed axes"],
)
def test_a_file_of_millions_of_parts_is_refused_at_once(content: bytes) -> None:
    begin = time.process_time()

    with pytest.raises(ModelError, match=f"has more than {MOST_PARTS} parts, which no model of this kind has"):
        inspect(content)

    assert time.process_time() - begin < 1


LOAD = """
import resource, sys
from pathlib import Path
from kws_app.errors import ModelError
from kws_app.model.stepper import load_model
load_model(Path(sys.argv[1]))
with open("/proc/self/statm") as statm:
    now = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 100_000_000,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
for path in sys.argv[2:]:
    try:
        load_model(Path(path))
    except ModelError as error:
        print(error)
"""


def test_no_hostile_model_takes_a_hundred_megabytes_or_hangs(tmp_path: Path) -> None:
    paths = []
    for number, (build, _) in enumerate(HOSTILE.values()):
        paths.append(tmp_path / f"{number}.onnx")
        paths[-1].write_bytes(build().SerializeToString())

    ended = subprocess.run(
        [sys.executable, "-c", LOAD, TINY_MODEL, *paths], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) == len(HOSTILE)


def largest_that_passes() -> Any:
    """As many weights, numbers and products as a file may have."""
    names = ["start", "a", "b"]
    square = weight("square", np.full((1990, 1990), 1), np.int8)
    nodes = [
        node("DequantizeLinear", "square", "scale", outputs=["floats"]),
        *(node("Gemm", x, "floats", outputs=[y]) for x, y in pairwise(names)),
        node("Identity", "b"),
    ]
    return graph_of(*nodes, weights=[square, weight("scale", 1.0)], inputs=[("start", ["batch", 1990])])


def test_the_largest_model_that_is_let_through_fits_a_small_board() -> None:
    model = largest_that_passes().SerializeToString()
    inspect(model)
    program = """
import resource, sys
from kws_app.model.runtime import session
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
session(sys.stdin.buffer.read())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""

    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, input=model, capture_output=True, check=True)

    assert int(ended.stdout) < 150_000  # kilobytes


CASES: list[tuple[str, list[Any], dict[str, Any], int]] = [
    ("Sigmoid", [(2, 3)], {}, 1),
    ("Softmax", [(2, 3)], {"axis": 1}, 1),
    ("Clip", [(2, 3)], {}, 1),
    ("Add", [(2, 3), (3,)], {}, 1),
    ("Mul", [(2, 1), (1, 3)], {}, 1),
    ("Max", [(2, 1), (3,), (2, 3)], {}, 1),
    ("Gemm", [(2, 3), (3, 4)], {}, 1),
    ("Gemm", [(2, 3), (4, 3), (4,)], {"transB": 1}, 1),
    ("Gemm", [(3, 2), (3, 4)], {"transA": 1}, 1),
    ("MatMul", [(2, 3), (3, 4)], {}, 1),
    ("MatMul", [(5, 2, 3), (3, 4)], {}, 1),
    ("Concat", [(2, 3), (2, 4)], {"axis": 1}, 1),
    ("Concat", [(2, 3), (2, 4)], {"axis": -1}, 1),
    ("Split", [(2, 6), [1, 2, 3]], {"axis": 1}, 3),
    ("Slice", [(4, 6), [1], [5], [1]], {}, 1),
    ("Slice", [(4, 6), [-1], [-9], [1], [-2]], {}, 1),
    ("Slice", [(4, 6), [1, 0], [99, 3]], {}, 1),
    ("Transpose", [(2, 3, 4)], {"perm": [2, 0, 1]}, 1),
    ("Transpose", [(2, 3)], {}, 1),
    ("Reshape", [(2, 6), [0, 3, -1]], {}, 1),
    ("Reshape", [(2, 6), [12]], {}, 1),
    ("Squeeze", [(2, 1, 3, 1)], {}, 1),
    ("Squeeze", [(2, 1, 3, 1), [1]], {}, 1),
    ("Unsqueeze", [(2, 3), [0, -1]], {}, 1),
    ("Gather", [(4, 6), [0, 0, 3]], {"axis": 1}, 1),
    ("ReduceMean", [(2, 3), [1]], {}, 1),
    ("ReduceMean", [(2, 3), [-1]], {"keepdims": 0}, 1),
    ("ReduceMean", [(2, 3)], {}, 1),
    ("ReduceSum", [(2, 3)], {"noop_with_empty_axes": 1}, 1),
]


@pytest.mark.parametrize(("operator", "inputs", "attributes", "outputs"), CASES)
def test_the_size_of_what_an_operator_gives_is_known_before_it_runs(
    operator: str, inputs: list[Any], attributes: dict[str, Any], outputs: int
) -> None:
    names = [f"in{i}" for i in range(len(inputs))]
    weights = [
        weight(name, given, np.int64) if isinstance(given, list) else weight(name, np.ones(given))
        for name, given in zip(names, inputs, strict=True)
    ]
    results = [f"out{i}" for i in range(outputs)]
    model = graph_of(node(operator, *names, outputs=results, **attributes), weights=weights, inputs=[])
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, 1, None) for name in results[1:])
    walk = inspection._Inspection()
    walk.model(memoryview(model.SerializeToString()))

    ran = session(model.SerializeToString()).run(None, {})

    assert [walk._values[name].shape for name in results] == [value.shape for value in ran]


def test_every_operator_of_ours_has_a_rule() -> None:
    ours = (TINY_MODEL, ROOT / "models" / "wakewords-en.onnx")
    used = {node.op_type for path in ours for node in onnx.load(path).graph.node}

    assert used <= RULES.keys()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_whatever_the_bytes_they_are_refused_or_pass(content: bytes) -> None:
    with contextlib.suppress(ModelError):
        inspect(content)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_is_changed_in_a_model_it_is_refused_or_loads(data: st.DataObject) -> None:
    model = bytearray(TINY_MODEL.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        first = data.draw(st.integers(0, len(model) - 1))
        model[first : first + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=8))

    with contextlib.suppress(ModelError):
        inspect(bytes(model))
