"""The table of networks: trained whole or in pieces, each kept when it is done."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError, OutputError  # noqa: E402
from kws_app.training.cli import main  # noqa: E402
from kws_app.training.speechcommands.course import Course  # noqa: E402
from kws_app.training.speechcommands.recipe import read_clip_recipe  # noqa: E402
from kws_app.training.speechcommands.rows import ROWS  # noqa: E402
from kws_app.training.speechcommands.table import Material, entrants, gather, train_all  # noqa: E402
from tests.conftest import ROOT, disk_with_room_for  # noqa: E402
from tests.training.speechcommands.corpus import recipe, write_corpus, write_synthetic  # noqa: E402

ENDINGS = ("json", "onnx", "pt")
RECIPES = ROOT / "kws_app" / "training" / "speechcommands" / "recipes"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return gather(recipe(), write_corpus(tmp_path_factory.mktemp("data"), clips=1), torch.device("cpu"))


def test_the_command_trains_what_is_missing_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "docs" / "page.md"
    folders = ["--data", str(write_corpus(tmp_path / "data")), "--work", str(tmp_path / "w"), "--page", str(page)]
    short = ["--seeds", "0", "--examples", "64", "--updates", "2"]

    for rows in (["gru-77"], ["gru-77", "ghost4-100"]):
        assert main(["report", "speech-commands", *folders, *short, "--rows", *rows]) == 0

    assert sorted(path.name for path in (tmp_path / "w").glob("*.pt")) == ["ghost4-100.0.pt", "gru-77.0.pt"]
    printed = capsys.readouterr().out
    assert printed.count("gru-77.0: ") == 1
    assert "2 of 2 networks are trained" in printed
    assert {path.name for path in (tmp_path / "w").glob("gru-77.0.*")} == {f"gru-77.0.{end}" for end in ENDINGS}
    assert "| GRU of its m = 77 intrinsic units | `gru-77` | 1 |" in page.read_text()
    assert (page.parent / "page" / "energy.svg").exists()


def test_synthetic_words_are_drawn_as_often_as_the_recipe_says(tmp_path: Path) -> None:
    corpus, spoken = write_corpus(tmp_path / "data"), tmp_path / "synthetic"
    spoken.mkdir()
    folders = [write_synthetic(spoken)]
    settings = recipe()
    alone = replace(settings, course=replace(settings.course, synthetic_share=1.0))

    mixed = gather(settings, corpus, torch.device("cpu"), synthetic=folders).examples
    synthetic = gather(alone, corpus, torch.device("cpu"), synthetic=folders).examples

    assert set(synthetic.targets.argmax(dim=1).tolist()) == {0, 10}  # yes, _unknown_
    assert set(mixed.targets.argmax(dim=1).tolist()) == set(range(12))


def test_the_page_keeps_what_was_trained_in_another_folder(tmp_path: Path) -> None:
    page, data = tmp_path / "page.md", str(write_corpus(tmp_path / "data"))
    short = ["--data", data, "--page", str(page), "--examples", "64", "--updates", "2"]

    for work, row, seed in (("one", "gru-77", "0"), ("two", "gru-77", "1"), ("two", "ghost4-100", "0")):
        arguments = [*short, "--work", str(tmp_path / work), "--rows", row, "--seeds", seed]
        assert main(["report", "speech-commands", *arguments]) == 0

    assert "| GRU of its m = 77 intrinsic units | `gru-77` | 2 |" in page.read_text()
    assert "![energy](page/energy.svg)" in page.read_text()
    results = json.loads((tmp_path / "page" / "results.json").read_text())
    assert [(result["row"], result["seed"]) for result in results] == [("gru-77", 0), ("gru-77", 1), ("ghost4-100", 0)]


def test_damaged_results_are_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    results = tmp_path / "page" / "results.json"
    results.parent.mkdir()
    results.write_text('[{"row": "gru-77"')
    work = tmp_path / "w"
    folders = ["--data", str(write_corpus(tmp_path / "data")), "--work", str(work), "--page", str(page)]
    short = ["--seeds", "0", "--examples", "64", "--updates", "2"]

    assert main(["report", "speech-commands", *folders, *short, "--rows", "gru-77"]) == 78

    assert f"{results}: is damaged; delete it to begin anew" in capsys.readouterr().err
    assert not page.exists()
    assert not [*work.glob("*")]


def test_a_row_that_there_is_not_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "speech-commands", "--work", str(tmp_path), "--rows", "gru-78"]) == 78

    message = capsys.readouterr().err
    assert "gru-78: no such row; there are gru-154" in message
    assert "--data: is needed" in message


@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_a_course_in_two_pieces_ends_where_one_in_one_piece_does(
    tmp_path: Path, material: Material, dropout: float
) -> None:
    settings = recipe()
    settings = replace(settings, course=replace(settings.course, dropout=dropout))
    entrant = entrants(settings, {"x": ROWS["fastgrnn-100-ls"]}, [1])[0]
    whole = Course(entrant, material.examples, material.front, tmp_path)
    whole.advance(6)

    stopped = Course(entrant, material.examples, material.front, tmp_path)
    stopped.advance(3)
    stopped.save()
    resumed = Course(entrant, material.examples, material.front, tmp_path)
    resumed.advance(3)

    for one, two in zip(whole.network.state_dict().values(), resumed.network.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, material: Material) -> None:
    course = Course(entrants(recipe(), {"x": ROWS["gru-77"]}, [0])[0], material.examples, material.front, tmp_path)
    course.save()
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()
    course.advance(1)

    with disk_with_room_for(1000), pytest.raises(OutputError, match="File too large"):
        course.save()

    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == before


def test_a_full_disk_at_the_end_of_a_course_leaves_its_checkpoint(tmp_path: Path, material: Material) -> None:
    waiting = entrants(recipe(), {"gru-77": ROWS["gru-77"]}, [0])
    course = Course(waiting[0], material.examples, material.front, tmp_path)
    course.advance(6)
    course.save()

    with disk_with_room_for(1000), pytest.raises(OutputError, match=r"gru-77\.0\.pt: cannot be written"):
        train_all(waiting, material, tmp_path, side_by_side=1, deadline=math.inf)

    assert [path.name for path in tmp_path.iterdir()] == ["gru-77.0.checkpoint.pt"]
    assert not train_all(waiting, material, tmp_path, side_by_side=1, deadline=math.inf)
    assert {path.name for path in tmp_path.iterdir()} == {"gru-77.0.pt", "log.jsonl"}


def test_what_another_recipe_trained_is_not_gone_on_with(tmp_path: Path, material: Material) -> None:
    (entrant,) = entrants(recipe(), {"gru-77": ROWS["gru-77"]}, [0])
    Course(entrant, material.examples, material.front, tmp_path).save()
    faster = replace(entrant.recipe, course=replace(entrant.recipe.course, rate=(0.1, 0.1)))

    with pytest.raises(ConfigError, match="was trained by another recipe than comparison is now"):
        Course(replace(entrant, recipe=faster), material.examples, material.front, tmp_path)


def test_a_kept_network_of_another_recipe_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--data", str(write_corpus(tmp_path / "data")), "--work", str(tmp_path / "w")]
    command = ["report", "speech-commands", *folders, "--rows", "gru-77", "--seeds", "0", "--examples", "64"]
    assert main([*command, "--updates", "2"]) == 0

    assert main([*command, "--updates", "3"]) == 78

    assert "gru-77.0.pt: was trained by another recipe than comparison is now" in capsys.readouterr().err


def test_a_file_of_other_phases_is_judged_anew_without_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, own = tmp_path / "page.md", tmp_path / "own.yaml"
    text = (RECIPES / "commands.yaml").read_text(encoding="utf-8")
    text = text[: text.index("  teachers:")]
    folders = ["--data", str(write_corpus(tmp_path / "data")), "--work", str(tmp_path / "w"), "--page", str(page)]
    command = ["report", "speech-commands", *folders, "--rows", "commands", "--seeds", "0", "--recipe", str(own)]

    macs = []
    for phases in (1, 2):
        lines = [line for line in text.splitlines() if not line.startswith("  phases:")]
        lines.insert(lines.index("network:") + 1, f"  phases: {phases}")
        own.write_text("\n".join(lines), encoding="utf-8")
        assert main([*command, "--examples", "64", "--updates", "2"]) == 0
        (entry,) = json.loads((tmp_path / "page" / "results.json").read_text())
        macs.append(entry["macs"])

    assert macs[1] == 2 * macs[0]
    assert capsys.readouterr().out.count("commands.0: ") == 1, "trained once"


def test_a_trial_does_not_touch_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = ["--data", str(write_corpus(tmp_path / "data")), "--work", str(tmp_path / "w")]

    short = ["--rows", "gru-77", "--seeds", "0", "--examples", "64", "--updates", "2"]
    assert main(["report", "speech-commands", *folders, *short]) == 0

    assert not (tmp_path / "docs").exists()


def test_a_shipped_model_joins_the_page_by_its_own_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, own = tmp_path / "page.md", tmp_path / "commands.yaml"
    text = (RECIPES / "commands.yaml").read_text(encoding="utf-8")
    own.write_text(text[: text.index("  teachers:")], encoding="utf-8")
    folders = ["--data", str(write_corpus(tmp_path / "data")), "--work", str(tmp_path / "w"), "--page", str(page)]
    command = ["report", "speech-commands", *folders, "--rows", "gru-77", "commands", "--seeds", "0"]

    assert main([*command, "--examples", "64", "--updates", "2"]) == 78
    assert "commands: has a recipe of its own; add --recipe commands" in capsys.readouterr().err
    assert main([*command, "--examples", "64", "--updates", "2", "--recipe", str(own)]) == 0

    (entry,) = json.loads((tmp_path / "page" / "results.json").read_text())
    assert (entry["row"], entry["recipe"], entry["updates"], entry["examples"]) == ("commands", "commands", 2, 64)
    assert (entry["hours"], entry["speakers"]) == (0.01, 2), "24 clips of a second"
    assert "| `models/commands.onnx`: clips that are right, % | at least 95 |" in page.read_text()
    assert not (tmp_path / "page" / "energy.svg").exists()  # of networks trained alike


def test_noise_that_cannot_be_read_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_corpus(tmp_path)
    (data / "background" / "train" / "noise" / "bad.wav").write_bytes(b"no recording")
    (data / "speech_commands" / "train" / "_background_noise_" / "worse.wav").write_bytes(b"RIFF")

    material = gather(recipe(), data, torch.device("cpu"))

    assert "2 files were skipped" in capsys.readouterr().out
    assert [Path(why.split(": ")[0]).name for why in material.corpus["skipped"]] == ["bad.wav", "worse.wav"]


@pytest.mark.parametrize("name", list(ROWS))
def test_every_row_can_be_trained(tmp_path: Path, material: Material, name: str) -> None:
    waiting = entrants(recipe(), {name: ROWS[name]}, [0])

    assert not train_all(waiting, material, tmp_path, side_by_side=1, deadline=math.inf)

    assert (tmp_path / f"{name}.0.pt").exists()


def test_what_the_time_does_not_suffice_for_is_left(tmp_path: Path, material: Material) -> None:
    train_all(entrants(recipe(), ROWS, [0]), material, tmp_path, side_by_side=1, deadline=time.monotonic())

    assert not list(tmp_path.glob("*.pt"))


def test_a_recipe_with_an_unknown_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nkeywords: {yes: {}}\ncourse: {update: 3}\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"mine.yaml:3: course.update: unknown.*did you mean 'updates'"):
        read_clip_recipe(str(path))
