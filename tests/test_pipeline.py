"""The pipeline: what is heard in samples, and what happens at gaps and with models it cannot run."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_app.arrays import RATE, Samples
from kws_app.errors import ModelError
from kws_app.events import AudioLost, Detection, Event, ModelReset, NearMiss
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc
from kws_app.model.stepper import Model, load_model
from kws_app.pipeline import KeywordSettings, Pipeline, front_end
from tests.conftest import TINY_MODEL, ChangedModel, bytes_at_peak, bytes_grown, cut, spoken_words

BOTH = {"rise": KeywordSettings(), "fall": KeywordSettings()}
MODEL = load_model(TINY_MODEL)
SAMPLES = spoken_words("rise", "fall", "hum", "rise", gap=0.5)


def detections(events: list[Event]) -> list[str]:
    return [event.keyword for event in events if isinstance(event, Detection)]


def with_card(**changes: Any) -> Model:
    """The tiny model with another card."""
    model = load_model(TINY_MODEL)
    model.card = dataclasses.replace(model.card, **changes)
    return model


def with_features(**changes: Any) -> Model:
    return with_card(features={**MODEL.card.features, **changes})


def test_each_word_is_heard_when_it_was_spoken() -> None:
    events = Pipeline(MODEL, BOTH).push(spoken_words("rise", "fall", "hum", "rise"))

    assert detections(events) == ["rise", "fall", "rise"]
    assert [event.time for event in events] == pytest.approx([1.5, 3.0, 6.0], abs=0.25)


def test_only_the_keywords_asked_for_are_heard() -> None:
    assert detections(Pipeline(MODEL, {"fall": KeywordSettings()}).push(SAMPLES)) == ["fall"]


@given(cuts=st.lists(st.integers(0, 40_000), max_size=12))
@settings(deadline=None, max_examples=40)
def test_events_and_scores_do_not_depend_on_how_the_audio_is_cut(cuts: list[int]) -> None:
    def run(blocks: list[Samples]) -> tuple[list[Event], list[float]]:
        scores: list[float] = []
        pipeline = Pipeline(MODEL, BOTH, listener=lambda _end, raw, _smoothed: scores.extend(raw))
        events = [event for block in blocks for event in pipeline.push(block)]
        return events, scores

    events, scores = run(cut(SAMPLES, cuts))

    expected_events, expected_scores = run([SAMPLES])
    assert [event.as_dict() for event in events] == [event.as_dict() for event in expected_events]
    assert scores == pytest.approx(expected_scores, abs=1e-5)


def test_the_same_audio_gives_the_same_events_every_time() -> None:
    assert Pipeline(MODEL, BOTH).push(SAMPLES) == Pipeline(MODEL, BOTH).push(SAMPLES)


def test_digital_silence_gives_nothing() -> None:
    assert Pipeline(MODEL, BOTH).push(np.zeros(10 * RATE, np.int16)) == []


@pytest.mark.parametrize(("chosen", "threshold"), [({"sensitivity": "quiet"}, 0.9), ({"threshold": 0.77}, 0.77)])
def test_a_threshold_comes_from_the_settings_or_the_card(chosen: dict[str, Any], threshold: float) -> None:
    events = Pipeline(MODEL, {"rise": KeywordSettings(**chosen)}).push(spoken_words("rise"))

    assert {event.threshold for event in events if isinstance(event, Detection | NearMiss)} == {threshold}


def test_a_listener_is_told_every_frames_scores() -> None:
    told: list[tuple[int, list[float], list[float]]] = []
    pipeline = Pipeline(MODEL, {"fall": KeywordSettings()}, listener=lambda *scores: told.append(scores))

    pipeline.push(SAMPLES)

    ends = [end for end, _, _ in told]
    assert ends == list(range(480, len(SAMPLES) + 1, 320))
    assert pipeline.frames == len(told)
    assert {(len(raw), len(smoothed)) for _, raw, smoothed in told} == {(2, 1)}


@pytest.mark.parametrize("samples", [np.zeros(10, np.float32), np.zeros((10, 2), np.int16), np.zeros(10, np.int32)])
def test_samples_of_another_kind_are_refused(samples: Any) -> None:
    with pytest.raises(TypeError, match=r"samples must be int16 \(n,\) at 16000 Hz, got"):
        Pipeline(MODEL, BOTH).push(samples)


def test_lost_audio_is_an_event_and_counts_in_every_later_time() -> None:
    pipeline, samples = Pipeline(MODEL, BOTH), spoken_words("rise")
    pipeline.push(np.zeros(RATE, np.int16))

    lost = pipeline.lose(3 * RATE, "the microphone fell behind")

    assert lost == [AudioLost(time=4.0, seconds=3.0, reason="the microphone fell behind")]
    assert pipeline.push(samples)[0].time == pytest.approx(4 + 1.5, abs=0.25)
    assert pipeline.position == 4 * RATE + len(samples)


def test_a_word_spoken_across_a_lost_block_is_not_reported_as_two() -> None:
    once = spoken_words("rise")
    pipeline = Pipeline(MODEL, {"rise": KeywordSettings(threshold=0.3)})
    fired = pipeline.push(once)[0]
    assert isinstance(fired, Detection)

    pipeline = Pipeline(MODEL, {"rise": KeywordSettings(threshold=0.3)})
    events = pipeline.push(once[: fired.end])
    events += pipeline.lose(160, "overflow")
    events += pipeline.push(once[fired.end - RATE // 2 :])  # half a second of it comes again

    assert detections(events) == ["rise"]


def test_after_lost_audio_the_stream_begins_anew() -> None:
    scores: list[list[float]] = []
    pipeline = Pipeline(MODEL, BOTH, listener=lambda _end, raw, _smoothed: scores.append(raw))
    pipeline.push(SAMPLES)
    before = len(scores)

    pipeline.lose(123, "overflow")
    pipeline.push(SAMPLES)

    assert scores[before:] == scores[:before]


def test_nothing_is_detected_while_the_model_warms_up() -> None:
    pipeline = Pipeline(with_card(warmup_seconds=2.0), BOTH)

    assert detections(pipeline.push(spoken_words("rise", "fall"))) == ["fall"]


def test_a_score_that_is_no_number_resets_the_model_and_is_an_event(changed_model: ChangedModel) -> None:
    samples = spoken_words("rise", gap=2.0)
    samples[8000:8320] = np.random.default_rng(0).integers(-32768, 32768, 320)  # a bang

    events = Pipeline(load_model(changed_model(_no_number_when_loud)), BOTH).push(samples)

    assert isinstance(events[0], ModelReset)
    assert events[0].time == pytest.approx(0.5, abs=0.05)
    assert detections(events) == ["rise"]


def _no_number_when_loud(proto: Any) -> None:
    """A frame whose first coefficient is over 60 gives scores that are no numbers."""
    _rename(proto, "scores", "sound_scores")
    _constants(proto, loud=np.float32([[60.0]]), negative=np.float32([[-1.0]]), first=np.int64([0]))
    add = proto.graph.node.add
    add(op_type="Sqrt", input=["negative"], output=["nothing"])
    add(op_type="Gather", input=["features", "first"], output=["level"]).attribute.add(name="axis", type=2, i=1)
    add(op_type="Greater", input=["level", "loud"], output=["is_loud"])
    add(op_type="Where", input=["is_loud", "nothing", "sound_scores"], output=["scores"])


def _rename(proto: Any, old: str, new: str) -> None:
    for node in proto.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def _constants(proto: Any, **values: Any) -> None:
    from onnx import numpy_helper

    proto.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"winfunc": "kaiser"}, "its card: features.winfunc: unknown value 'kaiser'"),
        (
            {"samplerate": 8000, "highfreq": None},
            "its card: features.samplerate is 8000, this runtime hears at 16000 Hz",
        ),
        ({"numcep": 13}, "its card: 1 frame(s) of 13 coefficients, its graph takes 20"),
        ({"winstep": 0.01}, "its card: frame.hop_seconds is 0.02, features.winstep 0.01"),
        ({"highfreq": 9000}, "highfreq 9000 must rise within 8000 Hz"),
        ({"nfft": "big"}, "its card: features.nfft: must be a whole number, got 'big'"),
        ({"preemph": float("nan")}, "its card: features.preemph: must be a number"),
        ({"appendEnergy": 1}, "its card: features.appendEnergy: must be true or false"),
        ({"deltas": 2}, "its card: features.deltas: unknown key"),
    ],
)
def test_features_that_the_runtime_cannot_reproduce_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError) as refusal:
        Pipeline(with_features(**changes), BOTH)

    assert str(refusal.value).startswith(f"{TINY_MODEL}: ")
    assert sentence in str(refusal.value)


def test_a_feature_block_with_a_parameter_missing_is_refused() -> None:
    features = {name: value for name, value in MODEL.card.features.items() if name != "ceplifter"}

    with pytest.raises(ModelError, match=r"its card: features\.ceplifter is missing"):
        Pipeline(with_card(features=features), BOTH)


def test_a_word_the_model_does_not_know_is_refused_with_the_nearest() -> None:
    with pytest.raises(ModelError, match=r"tiny\.onnx: has no keyword 'rice'; did you mean 'rise'\?"):
        Pipeline(MODEL, {"rice": KeywordSettings()})


def test_memory_stays_flat_over_two_minutes() -> None:
    pipeline, block = Pipeline(MODEL, BOTH), SAMPLES[: RATE // 50]

    assert bytes_grown(lambda: pipeline.push(block), times=6000) < 24_000  # less than four bytes a call


def test_a_block_of_five_minutes_needs_a_few_megabytes() -> None:
    pipeline, block = Pipeline(MODEL, BOTH), np.zeros(300 * RATE, np.int16)

    assert bytes_at_peak(lambda: pipeline.push(block)) < 3_000_000


def _last_of_two(proto: Any) -> None:
    """The tiny model behind an input of two frames, of which it sees the later."""
    _rename(proto, "features", "later")
    _constants(proto, begin=np.int64([20]), end=np.int64([40]), axis=np.int64([1]))
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 40
    node = proto.graph.node.add(op_type="Slice", input=["features", "begin", "end", "axis"], output=["later"])
    proto.graph.node.insert(0, node)
    del proto.graph.node[-1]


def test_a_model_with_stacked_and_skipped_frames_sees_what_its_card_says(changed_model: ChangedModel) -> None:
    model = load_model(changed_model(_last_of_two))
    model.card = dataclasses.replace(model.card, frame=dataclasses.replace(model.card.frame, stack=2, skip=3))
    told: list[tuple[int, list[float]]] = []

    pipeline = Pipeline(model, BOTH, listener=lambda end, raw, _smoothed: told.append((end, raw)))
    for block in np.array_split(SAMPLES, 37):
        pipeline.push(block)

    mfcc = front_end(MODEL)
    rows = Mfcc(mfcc).compute(Framing(mfcc).push(SAMPLES))[1::3]
    stepper = MODEL.stepper()
    assert [end for end, _ in told] == [480 + 320 * (1 + 3 * number) for number in range(len(rows))]
    np.testing.assert_allclose(
        [raw for _, raw in told], [stepper.step(row[None])[0].tolist() for row in rows], atol=1e-5
    )
