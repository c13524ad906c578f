"""``kws-train evaluate --clips``: a model file on a folder of clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE  # noqa: E402
from kws_app.model.stepper import Model  # noqa: E402
from kws_app.training.card import make_card  # noqa: E402
from kws_app.training.cli import main  # noqa: E402
from kws_app.training.export import step_graph  # noqa: E402
from kws_app.training.network import Network  # noqa: E402
from kws_app.training.speechcommands.clipreport import clips_of  # noqa: E402
from kws_app.training.speechcommands.clips import read_clips  # noqa: E402
from kws_app.training.speechcommands.course import Course  # noqa: E402
from kws_app.training.speechcommands.hearing import Ear, Hearing, hear, with_fillers  # noqa: E402
from kws_app.training.speechcommands.judge import clip_scores, step_features  # noqa: E402
from kws_app.training.speechcommands.rows import ROWS  # noqa: E402
from kws_app.training.speechcommands.table import Material, entrants, gather  # noqa: E402
from tests.conftest import spoken_words  # noqa: E402
from tests.training.speechcommands.corpus import recipe, write_corpus  # noqa: E402

FOLDER = Path("speech_commands") / "dev"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def material(data: Path) -> Material:
    return gather(recipe(), data, torch.device("cpu"))


@pytest.fixture(scope="module")
def network(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A network that has seen enough to tell some tones apart."""
    entrant = entrants(recipe(), {"x": ROWS["ghost2-100"]}, [0])[0]
    course = Course(entrant, material.examples, material.front, tmp_path_factory.mktemp("work"))
    course.advance(6)
    return course.finish()


@pytest.fixture(scope="module")
def model(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    card = make_card(recipe(), network, corpus={"hours": 1.0, "speakers": 2}, measured={})
    path = tmp_path_factory.mktemp("model") / "tones.onnx"
    path.write_bytes(step_graph(network, card, int8=False))
    return path


def test_the_runtime_finds_in_a_clip_what_the_network_finds(network: Network, model: Path, data: Path) -> None:
    keywords = tuple(recipe().keywords)
    clips = read_clips(sorted(clips_of(data / FOLDER)), keywords)

    heard = hear(Ear(model.read_bytes(), model), list(clips.samples), clips.words)

    scores = clip_scores(network, step_features(recipe(), clips.samples), recipe().scored_steps)
    np.testing.assert_array_equal(heard.found, scores.argmax(dim=1).numpy())
    np.testing.assert_array_equal(heard.truth, clips.labels)
    assert len(set(heard.found.tolist())) > 1


def test_fillers_are_shown_as_further_keywords(model: Path) -> None:
    shown = Model(model, with_fillers(model.read_bytes()))

    assert shown.card.keyword_ids == [*recipe().keywords, "_unknown_", "_silence_"]
    assert shown.stepper().step(np.zeros((1, shown.coefficients), np.float32)).sum() == pytest.approx(1, abs=1e-5)


def test_the_stream_carries_the_state_over_ten_minutes(model: Path) -> None:
    """Silence after a word is another thing to the network than silence by itself, or than after another word."""
    ear = Ear(model.read_bytes(), model)
    clip = np.zeros(RATE, np.int16)

    heard = hear(ear, [clip] * 7, ["yes"] * 7)

    assert len(heard.stream) == 602
    assert sorted(heard.stream[:7]) == list(range(7))


def test_a_model_without_fillers_is_asked_as_the_daemon_asks_it(tiny_model: Path) -> None:
    clips = [spoken_words(word, seed=seed) for seed, word in enumerate(("rise", "fall", "hum"))]

    heard = hear(Ear(tiny_model.read_bytes(), tiny_model), clips, ["rise", "fall", "hum"])

    assert heard.labels == ("rise", "fall", "_unknown_")
    assert heard.found.tolist() == [0, 1, 2]
    assert heard.accuracy_carried == 1


def test_the_command_writes_accuracy_confusion_and_counts(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "clips.json"

    assert main(["evaluate", "--clips", str(data / FOLDER), "--model", str(model), "--json", str(out)]) == 0

    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["clips"] == 24
    assert found["labels"]["_unknown_"]["clips"] == 4
    assert sum(found["confusion"]["yes"].values()) == 2
    right = sum(row["right"] for row in found["labels"].values())
    assert found["accuracy"] == pytest.approx(right / 24, abs=1e-5)
    assert 0 <= found["accuracy_carried"] <= 1
    assert "accuracy" in capsys.readouterr().out


def test_clips_that_cannot_be_used_are_named_and_counted(model: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "clips", tmp_path / "clips.json"
    (folder / "yes").mkdir(parents=True)
    soundfile.write(folder / "yes" / "good.wav", np.full(8000, 0.1), RATE)
    soundfile.write(folder / "yes" / "slow.flac", np.full(8000, 0.1), 8000)
    soundfile.write(folder / "yes" / "short.wav", np.full(800, 0.1), RATE)
    (folder / "yes" / "broken.ogg").write_bytes(b"OggS")
    (folder / "yes" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")

    main(["evaluate", "--clips", str(folder), "--model", str(model), "--json", str(out)])

    found = json.loads(out.read_text(encoding="utf-8"))
    assert (found["clips"], found["skipped_count"]) == (1, 4)
    named = [Path(reason.split(": ")[0]).name for reason in found["skipped"]]
    assert named == ["broken.ogg", "gone.wav", "short.wav", "slow.flac"]


@pytest.mark.parametrize("more", [["--negatives", "m"], ["--page", "p"], ["--drift"], ["--margin", "2"]])
def test_what_belongs_to_streams_is_refused_for_clips(
    model: Path, tmp_path: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "o.json")

    assert main(["evaluate", "--clips", str(tmp_path), "--model", str(model), "--json", out, *more]) == 78

    assert f"{more[0]}: goes with --stream" in capsys.readouterr().err


def test_a_folder_without_clips_is_refused_by_name(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["evaluate", "--clips", str(tmp_path / "no"), "--model", str(model), "--json", str(tmp_path / "o")]) == 78
    )

    assert "no: holds no clip that can be used" in capsys.readouterr().err


def test_a_clip_after_the_word_does_not_count_against_it() -> None:
    """The score of a word outlasts its clip."""
    peaks = np.array([[0.9], [0.8], [0.3], [0.2]], np.float32)
    order = np.arange(4)
    heard = Hearing(("yes", "_unknown_"), np.array([0, 1, 1, 1]), order, order, order, peaks)

    assert heard.others(0).tolist() == [False, False, True, True]
    assert 0.3 < heard.threshold(0, share=0) < 0.4
    assert 0.2 < heard.threshold(0, share=0.5) < 0.3
