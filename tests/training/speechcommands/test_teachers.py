"""Networks that learn what others of a finished run say, instead of labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError  # noqa: E402
from kws_app.training.cli import main  # noqa: E402
from kws_app.training.network import Front  # noqa: E402
from kws_app.training.recipe import recipe_text  # noqa: E402
from kws_app.training.speechcommands.course import Course  # noqa: E402
from kws_app.training.speechcommands.judge import clip_scores, step_features  # noqa: E402
from kws_app.training.speechcommands.recipe import ClipRecipe  # noqa: E402
from kws_app.training.speechcommands.rows import ROWS  # noqa: E402
from kws_app.training.speechcommands.table import Material, entrants, gather, start_of, teachers_of  # noqa: E402
from kws_app.training.speechcommands.teachers import taught  # noqa: E402
from tests.training.speechcommands.corpus import recipe, write_corpus  # noqa: E402


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return gather(recipe(), write_corpus(tmp_path_factory.mktemp("data"), clips=1), torch.device("cpu"))


def front(recipe: ClipRecipe, *, mean: float, deviation: float) -> Front:
    made = Front(recipe.features, recipe.network)
    made.mean.fill_(mean)
    made.deviation.fill_(deviation)
    return made


def test_a_target_is_the_mean_of_what_the_teachers_say_of_the_clip(material: Material) -> None:
    teachers = [entrants(recipe(), {"gru-77": ROWS["gru-77"]}, [seed])[0].network() for seed in (0, 1)]
    teachers[0].front.load_state_dict(front(recipe(), mean=1.0, deviation=2.0).state_dict())
    teachers[1].front.load_state_dict(front(recipe(), mean=0.0, deviation=3.0).state_dict())
    ours = front(recipe(), mean=-1.0, deviation=4.0)
    features = step_features(recipe(), material.dev.samples[:5])
    bands, _ = ours(features.transpose(0, 1), torch.zeros(5, 1))
    few = replace(material.examples, x=bands.transpose(0, 1), targets=material.examples.targets[:5])

    found = taught(few, ours, teachers, recipe().scored_steps).targets

    said = [clip_scores(teacher, features, recipe().scored_steps) for teacher in teachers]
    torch.testing.assert_close(found.float(), torch.stack(said).mean(dim=0), atol=2e-3, rtol=0)


def test_a_teacher_of_other_features_is_refused(material: Material) -> None:
    teacher = entrants(recipe(), {"gru-77": ROWS["gru-77"]}, [0])[0].network()
    teacher.front.bands *= 2

    with pytest.raises(ConfigError, match=r"course.teachers: were trained on other features"):
        taught(material.examples, material.front, [teacher], 1)


def test_the_command_learns_from_a_run_before_it(tmp_path: Path) -> None:
    data, page, short = write_corpus(tmp_path / "data"), tmp_path / "page.md", ["--examples", "64", "--updates", "2"]
    common = ["report", "speech-commands", "--data", str(data), "--page", str(page), "--seeds", "0", *short]
    comparison, _ = recipe_text("comparison", "kws_app.training.speechcommands")
    mine = tmp_path / "mine.yaml"
    mine.write_text(comparison + "  teachers: [gru-77.0]\n", encoding="utf-8")
    assert main([*common, "--rows", "gru-77", "--work", str(tmp_path / "first")]) == 0

    taught_by = ["--recipe", str(mine), "--teachers", str(tmp_path / "first")]
    assert main([*common, "--rows", "ghost4-100", "--work", str(tmp_path / "second"), *taught_by]) == 0

    assert (tmp_path / "second" / "ghost4-100.0.onnx").exists()


@pytest.mark.parametrize("name", ["gru-77.3", "gru-78.0", "gru-77"])
def test_a_teacher_that_is_not_trained_is_named_with_those_that_are(tmp_path: Path, name: str) -> None:
    for there in ("gru-77.0.pt", "gru-77.1.checkpoint.pt", "gru-78.0.pt"):
        (tmp_path / there).touch()

    with pytest.raises(ConfigError, match=rf"course.teachers: {name}: is not trained in .*; there are: gru-77.0"):
        teachers_of(replace(recipe(), course=replace(recipe().course, teachers=(name,))), tmp_path)


def starting_from(name: str) -> ClipRecipe:
    return replace(recipe(), course=replace(recipe().course, start_from=name))


def test_a_network_begins_as_another_ended(tmp_path: Path) -> None:
    trained = entrants(recipe(), {"gru-50": ROWS["gru-50"]}, [1])[0].network()
    trained.front.load_state_dict(front(recipe(), mean=-1.0, deviation=4.0).state_dict())
    pupil = entrants(recipe(), {"ghost2-100": ROWS["ghost2-100"]}, [0])[0]
    data = write_corpus(tmp_path / "data", clips=1)

    material = gather(recipe(), data, torch.device("cpu"), start=trained)
    begun = Course(pupil, material.examples, material.front, tmp_path, start=material.start).network

    features = step_features(recipe(), material.dev.samples[:5])
    scored = [clip_scores(network, features, recipe().scored_steps) for network in (trained, begun)]
    torch.testing.assert_close(scored[1], scored[0])


def test_a_beginning_of_other_features_is_refused(tmp_path: Path) -> None:
    trained = entrants(recipe(), {"gru-50": ROWS["gru-50"]}, [1])[0].network()
    trained.front.bands *= 2

    with pytest.raises(ConfigError, match=r"course.start_from: was trained on other features"):
        gather(recipe(), tmp_path, torch.device("cpu"), start=trained)


def test_the_command_goes_on_from_a_network_of_a_run_before_it(tmp_path: Path) -> None:
    data, page, short = write_corpus(tmp_path / "data"), tmp_path / "page.md", ["--examples", "64", "--updates", "1"]
    common = ["report", "speech-commands", "--data", str(data), "--page", str(page), "--seeds", "0", *short]
    comparison, _ = recipe_text("comparison", "kws_app.training.speechcommands")
    mine = tmp_path / "mine.yaml"
    mine.write_text(comparison + "  start_from: gru-50.0\n  rate: [0, 0]\n", encoding="utf-8")
    assert main([*common, "--rows", "gru-50", "--work", str(tmp_path / "first")]) == 0

    goes_on = ["--recipe", str(mine), "--teachers", str(tmp_path / "first"), "--work", str(tmp_path / "second")]
    assert main([*common, "--rows", "ghost2-100", *goes_on]) == 0

    begun, ended = (
        torch.load(tmp_path / run, weights_only=True)["network"]["cells.0.W"]
        for run in ("first/gru-50.0.pt", "second/ghost2-100.0.pt")
    )
    torch.testing.assert_close(ended, begun)


def test_a_network_of_other_units_is_no_beginning(tmp_path: Path) -> None:
    for there in ("gru-77.0.pt", "lstm-100.0.pt"):
        (tmp_path / there).touch()
    pupils = entrants(recipe(), {"ghost2-100": ROWS["ghost2-100"]}, [0])

    with pytest.raises(
        ConfigError, match=r"course.start_from: gru-77.0: has hidden 77, ghost2-100 without its ghosts 50$"
    ):
        start_of(starting_from("gru-77.0"), tmp_path, pupils)
    with pytest.raises(ConfigError) as refused:
        start_of(starting_from("lstm-100.0"), tmp_path, pupils)
    assert len(refused.value.faults) == 2, "its cell and its layers"
    with pytest.raises(ConfigError, match=r"course.start_from: gru-78.0: is not trained in .*; there are: gru-77.0, "):
        start_of(starting_from("gru-78.0"), tmp_path, pupils)
