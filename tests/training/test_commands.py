"""``kws-train train`` and ``export``: the whole way from a folder of recordings to a model that hears its word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

pytest.importorskip("scipy", reason="the training extra is not installed")
pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("onnx", reason="the training extra is not installed")

from kws_app.arrays import RATE
from kws_app.model.stepper import load_model
from kws_app.training.card import UNMEASURED
from kws_app.training.cli import main
from tests.conftest import spoken_words
from tests.training.streams import evaluated, write_streams
from tests.training.test_data import COMMANDS, SEGMENTS, WAKEWORDS, table

RECIPE = """
name: {name}
keywords: {{rise: {{}}}}
features: {{appendEnergy: false}}
network: {{cell: GRU, hidden: 16, stack: 2{forms}}}
scenes:
  {{seconds: 10, word_share: 0.6, room_share: 0, bed_share: 0, coloured_share: 0, clipped_share: 0, coded_share: 0,
   changed_share: 0, simulated_rooms: 1, synthetic_share: 0, near_miss_share: 0, level_dbfs: [-24, -18]}}
schedule:
  hours: 0.06
  masked_lanes: 0
  stages: [{{epochs: {epochs}, lanes: 4, rate: [0.01, 0.001], mean_epochs: 1{stage}}}]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four speakers' "rise", one that nobody can read, two other words, and half a minute of each background."""
    root = tmp_path_factory.mktemp("data")
    said = [f"train/rise/s{n}.wav rise s{n} 2.5 1.0 1.5 0.5 2.0 -" for n in range(4)]
    table(root / "wakewords/manifest.tsv", WAKEWORDS, *said, "train/rise/lost.wav rise s9 2.5 1.0 1.5 0.5 2.0 -")
    others = [f"train/{word}.wav {word} c 2.5 1.0 1.5" for word in ("fall", "hum")]
    table(root / "speech_commands/manifest.tsv", COMMANDS, *others)
    background = root / "background/train"
    kinds = ("speech", "noise", "music")
    table(background / "segments.tsv", SEGMENTS, *(f"{kind}/x.wav 0 60 x" for kind in kinds))
    files = {background / kind / "x.wav": ["hum", "fall"] * 10 for kind in kinds}
    files |= {root / f"speech_commands/train/{word}.wav": [word] for word in ("fall", "hum")}
    files |= {root / f"wakewords/train/rise/s{n}.wav": ["rise"] for n in range(4)}
    for seed, (path, words) in enumerate(files.items()):
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, spoken_words(*words, seed=seed), RATE)
    return root


def recipe(folder: Path, name: str, *, epochs: int, forms: str = "", stage: str = "") -> str:
    path = folder / f"{name}.yaml"
    path.write_text(RECIPE.format(name=name, epochs=epochs, forms=forms, stage=stage), encoding="utf-8")
    return str(path)


def losses(work: Path) -> list[float]:
    return [json.loads(line)["word_loss"] for line in (work / "log.jsonl").read_text().splitlines()]


def taught(work: Path) -> int:
    """How many teachers a run listens to."""
    import torch

    return len(torch.load(work / "checkpoint.pt", weights_only=True)["teachers"])


def test_recordings_become_a_model_and_a_smaller_one(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work, model, streams = tmp_path / "run", tmp_path / "rise.onnx", write_streams(tmp_path)
    rise = recipe(tmp_path, "rise", epochs=30)

    assert main(["train", rise, "--data", str(data), "--work", str(work)]) == 0
    assert main(["export", rise, "--work", str(work), "--out", str(model)]) == 0
    dev = str(tmp_path / "dev.json")
    assert main(["evaluate", "--stream", str(streams), "--model", str(model), "--json", dev]) == 0
    assert main(["export", rise, "--work", str(work), "--out", str(model), "--measured", dev]) == 0

    assert "skipped 1 files" in capsys.readouterr().out
    assert "lost.wav" in json.loads((work / "corpus.json").read_text())["skipped"][0]
    heard = evaluated(streams, model)
    tally = heard.tally("rise", heard.threshold("rise", 0.5))
    assert [outcome.delay is not None for outcome in tally.outcomes["clean"]] == [True, True, False]
    assert load_model(model).card.keywords[0].thresholds != UNMEASURED

    forms, stage = ", U: {form: low_rank, rank: 6}", ", posterior_weight: [1, 1]"
    small = recipe(tmp_path, "small", epochs=2, forms=forms, stage=stage)
    begun = ["--start-from", rise, str(work), "--teacher", rise, str(work)]
    assert main(["train", small, "--data", str(data), "--work", str(tmp_path / "small"), *begun]) == 0
    assert losses(tmp_path / "small")[0] < losses(work)[0] / 2
    assert taught(tmp_path / "small") == 1


def test_a_word_that_nobody_says_is_named(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lamp = Path(recipe(tmp_path, "lamp", epochs=1))
    lamp.write_text(lamp.read_text().replace("rise: {}", "lamp: {}"))

    assert main(["train", str(lamp), "--data", str(data), "--work", str(tmp_path / "run")]) == 78

    assert "keywords: no recording of lamp" in capsys.readouterr().err
