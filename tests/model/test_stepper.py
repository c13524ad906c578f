"""Model files and their steps: state is carried, and whatever is no model of ours is refused."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_app.errors import EX_CONFIG, ModelError, NoPermissionError
from kws_app.model.card import CARD_KEY
from kws_app.model.stepper import LARGEST_BYTES, Model, NoNumberError, load_model
from tests.conftest import ChangedModel, bytes_grown


@pytest.fixture
def model(tiny_model: Path) -> Model:
    return load_model(tiny_model)


@pytest.fixture
def rows(model: Model) -> np.ndarray:
    """Five hundred frames that look like MFCCs."""
    return np.random.default_rng(0).normal(scale=5, size=(500, 1, model.coefficients)).astype(np.float32)


def with_card(**changes: Any) -> Callable[[Any], None]:
    def change(proto: Any) -> None:
        for entry in proto.metadata_props:
            if entry.key == CARD_KEY:
                entry.value = json.dumps(json.loads(entry.value) | changes)

    return change


def test_state_is_carried_from_step_to_step(model: Model, rows: np.ndarray) -> None:
    stepper = model.stepper()
    first = stepper.step(rows[0]).copy()
    for row in rows:
        stepper.step(row)

    assert not np.array_equal(stepper.step(rows[0]), first)


def test_after_a_reset_a_stepper_is_as_new(model: Model, rows: np.ndarray) -> None:
    stepper = model.stepper()
    first = [stepper.step(row).copy() for row in rows]

    stepper.reset()

    assert np.array_equal([stepper.step(row).copy() for row in rows], first)


def test_steppers_of_one_model_do_not_know_each_other(model: Model, rows: np.ndarray) -> None:
    alone = model.stepper()
    expected = [alone.step(row).copy() for row in rows]
    left, right = model.stepper(), model.stepper()

    together = []
    for row, other in zip(rows, rows[::-1], strict=True):
        together.append(left.step(row).copy())
        right.step(other)

    assert np.array_equal(together, expected)


def test_streams_side_by_side_give_the_scores_of_each_alone(model: Model, rows: np.ndarray) -> None:
    alone, together = model.stepper(), model.stepper(batch=3)

    for row in rows:
        expected = alone.step(row)
        scores = together.step(np.repeat(row, 3, axis=0))
        np.testing.assert_allclose(scores, np.repeat(expected, 3, axis=0), atol=1e-5)


def test_float32_goes_in_and_float32_comes_out(model: Model, rows: np.ndarray) -> None:
    stepper = model.stepper()

    scores = stepper.step(rows[0])

    assert (rows.dtype, scores.dtype, stepper.state.dtype) == (np.float32, np.float32, np.float32)


def test_a_value_that_is_no_number_is_told_and_a_reset_heals_it(model: Model, rows: np.ndarray) -> None:
    stepper = model.stepper()

    with pytest.raises(NoNumberError):
        stepper.step(np.full_like(rows[0], np.nan))

    stepper.reset()
    assert np.isfinite(stepper.step(rows[0])).all()


def test_a_card_may_give_the_state_that_a_stream_begins_with(model: Model, changed_model: ChangedModel) -> None:
    start = [0.25] * model.state_size

    begun = load_model(changed_model(with_card(initial_state=start))).stepper()

    assert begun.state.tolist() == [start]


def test_memory_stays_flat_over_ten_thousand_steps(model: Model, rows: np.ndarray) -> None:
    stepper = model.stepper()

    assert bytes_grown(lambda: stepper.step(rows[0]), times=10_000) < 40_000  # less than four bytes a call


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as refused:
        load_model(path)
    assert refused.value.exit_code == EX_CONFIG
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"Not a model, a letter.\n" * 20, "no ONNX model, or only a part of one"),
        (bytes(1000), "no ONNX model, or only a part of one"),
        (bytes(LARGEST_BYTES + 1), "larger than 4000000 bytes, which no model of this kind is"),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)

    assert refusal(path) == sentence


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_a_model_cut_short_is_refused(tiny_model: Path, tmp_path: Path, share: float) -> None:
    whole = tiny_model.read_bytes()
    path = tmp_path / "short.onnx"
    path.write_bytes(whole[: int(len(whole) * share)])

    assert refusal(path) == "no ONNX model, or only a part of one"


def test_a_model_with_a_byte_changed_is_refused_or_runs(tiny_model: Path, tmp_path: Path) -> None:
    whole, path = bytearray(tiny_model.read_bytes()), tmp_path / "flipped.onnx"
    for place in np.random.default_rng(0).integers(0, len(whole), 300).tolist():
        damaged = whole.copy()
        damaged[place] ^= 0x41
        path.write_bytes(damaged)

        with contextlib.suppress(ModelError):
            load_model(path)


def test_a_missing_model_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert refusal(tmp_path / "absent.onnx") == "no such file"
    (tmp_path / "commands.onnx").touch()
    assert refusal(tmp_path / "comands.onnx") == "no such file; did you mean 'commands.onnx'?"
    assert refusal(tmp_path) == "not a file"
    assert refusal(tmp_path / "pipe") == "not a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_model_that_may_not_be_read_is_a_matter_of_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.onnx"
    path.touch(mode=0)

    with pytest.raises(NoPermissionError, match="may not be read"):
        load_model(path)


def test_a_refusal_leaves_nothing_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x08\x09 no model")

    refusal(path)

    assert capfd.readouterr() == ("", "")


def no_card(proto: Any) -> None:
    del proto.metadata_props[:]


def other_names(proto: Any) -> None:
    proto.graph.input[0].name = "audio"
    for node in proto.graph.node:
        node.input[:] = ["audio" if name == "features" else name for name in node.input]


def one_stream_only(proto: Any) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def weights_elsewhere(proto: Any) -> None:
    weight = proto.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = 1
    for key, value in (("location", "tiny.weights"), ("offset", "0"), ("length", "4096")):
        weight.external_data.add(key=key, value=value)


def operator_of_another_domain(proto: Any) -> None:
    proto.opset_import.add(domain="elsewhere", version=1)
    proto.graph.node[-1].domain = "elsewhere"


def later_operators(proto: Any) -> None:
    proto.opset_import[0].version = 99


def logarithms_for_scores(proto: Any) -> None:
    proto.graph.node[-1].op_type = "Log"


def state_that_grows_without_end(proto: Any) -> None:
    [_, second, *_] = [node for node in proto.graph.node if node.op_type == "Tanh"]
    second.op_type = "Exp"


def scores_beyond_one(proto: Any) -> None:
    proto.graph.node[-1].op_type = "Identity"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (no_card, "has no card (metadata 'kws_app.card'); models come from kws-train export"),
        (with_card(schema=2), "its card has schema 2, this version reads schema 1"),
        (with_card(initial_state=[0.0]), "graph and card are from different exports"),
        (with_card(keywords=[]), "its card must name at least one keyword"),
        (other_names, "not a step graph: it has audio, state, scores, next_state"),
        (one_stream_only, "its features is tensor(float) [1, 20]; must be float32, any batch by a fixed width"),
        (weights_elsewhere, "keeps weights in another file, which is refused"),
        (
            operator_of_another_domain,
            "its node 'scores' (Sigmoid) is of another library, 'elsewhere', which is refused",
        ),
        (later_operators, "ONNX Runtime refuses it"),
        (state_that_grows_without_end, "gives scores that are no numbers; its weights are damaged"),
        (scores_beyond_one, "; scores must lie between 0 and 1"),
        (logarithms_for_scores, "gives scores that are no numbers; its weights are damaged"),
    ],
)
def test_a_model_that_is_not_ours_is_refused(
    changed_model: ChangedModel, change: Callable[[Any], object], sentence: str
) -> None:
    assert sentence in refusal(changed_model(change))


def test_a_card_with_a_keyword_too_many_is_refused(tiny_model: Path, changed_model: ChangedModel) -> None:
    def one_more(proto: Any) -> None:
        keywords = json.loads(load_model(tiny_model).card.to_json())["keywords"]
        with_card(keywords=[*keywords, keywords[0] | {"id": "third"}])(proto)

    assert "gives 2 scores, its card names 3 keywords" in refusal(changed_model(one_more))


def test_weights_in_a_file_of_the_working_directory_are_not_read(
    changed_model: ChangedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.weights").write_bytes(bytes(4096))
    monkeypatch.chdir(tmp_path)

    assert refusal(changed_model(weights_elsewhere)) == "keeps weights in another file, which is refused"
