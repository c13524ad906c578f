"""Learning what trained networks say together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError  # noqa: E402
from kws_app.training.checkpoint import new_network  # noqa: E402
from kws_app.training.ensemble import Ensemble, read_teachers  # noqa: E402
from kws_app.training.network import Network  # noqa: E402
from kws_app.training.recipe import Recipe, StageSettings  # noqa: E402
from kws_app.training.train import Trainer  # noqa: E402
from tests.training.bumps import RECIPE, shard  # noqa: E402


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Network:
    stages = (StageSettings(epochs=30, lanes=4, rate=(1e-2, 1e-3), mean_epochs=1),)
    longer = replace(RECIPE, schedule=replace(RECIPE.schedule, stages=stages))
    return Trainer(longer, shard(), tmp_path_factory.mktemp("teacher")).run()


def pupil(**stage: Any) -> Recipe:
    """A recipe that learns scores alone, and begins with other weights."""
    asked = {"word_weight": 0.0, "posterior_weight": (1.0, 1.0), "mean_epochs": 1} | stage
    stages = (StageSettings(epochs=30, lanes=4, rate=(1e-2, 1e-3), **asked),)
    return replace(RECIPE, seed=1, schedule=replace(RECIPE.schedule, stages=stages))


def scores(network: Network) -> Any:
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(shard().features).transpose(0, 1), network.start(8))
    return torch.sigmoid(logits)


def test_a_word_is_learnt_from_what_a_teacher_scores(tmp_path: Path, teacher: Network) -> None:
    before = (scores(new_network(pupil())) - scores(teacher)).abs().mean()

    network = Trainer(pupil(), shard(), tmp_path, teachers=[teacher]).run()

    assert (scores(network) - scores(teacher)).abs().mean() < before / 3


def test_several_teach_the_mean_of_their_scores_and_carry_their_states(teacher: Network) -> None:
    other, features = new_network(RECIPE).eval(), torch.from_numpy(shard().features).transpose(0, 1)
    ensemble = Ensemble([teacher, other], device=torch.device("cpu"))
    ensemble.begin(8)

    told = torch.cat([ensemble.tell(part).posteriors for part in features.split(50)])

    torch.testing.assert_close(told, (scores(teacher) + scores(other)) / 2)


def test_an_interrupted_run_with_a_teacher_ends_where_an_uninterrupted_one_does(
    tmp_path: Path, teacher: Network
) -> None:
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    expected = Trainer(pupil(), shard(), tmp_path / "whole", teachers=[teacher]).run(until=4)

    Trainer(pupil(), shard(), tmp_path / "parts", teachers=[teacher]).run(until=3)
    actual = Trainer(pupil(), shard(), tmp_path / "parts", teachers=[teacher]).run(until=4)

    torch.testing.assert_close(actual.state_dict(), expected.state_dict())


def test_a_recipe_that_learns_no_scores_takes_no_teachers() -> None:
    with pytest.raises(ConfigError, match=r"test: schedule\.stages: posterior_weight is 0 in every stage"):
        read_teachers([], RECIPE)


def test_softmax_scores_are_not_learnt() -> None:
    with pytest.raises(ConfigError, match="scores of a softmax are not learnt"):
        read_teachers([], replace(pupil(), network=replace(RECIPE.network, head="softmax")))


def test_a_run_goes_on_with_other_teachers_than_it_began_with(tmp_path: Path, teacher: Network) -> None:
    Trainer(pupil(), shard(), tmp_path).run(until=1)

    Trainer(pupil(), shard(), tmp_path, teachers=[teacher]).run(until=2)

    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (saved["epoch"], len(saved["teachers"])) == (2, 1)


def test_what_a_borrowed_ear_heard_and_teachers_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="embedding_weight needs what kws-train teacher heard"):
        read_teachers([], pupil(embedding_weight=(1.0, 1.0)))


def test_a_teacher_of_other_words_and_steps_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read_teachers([("wakewords-en", tmp_path)], pupil())

    keys = [fault.path for fault in refused.value.faults]
    assert (keys[0], *keys[-2:]) == ("keywords", "network.stack", "")
    assert "features.numcep" in keys
    assert "no such file; kws-train train writes it" in str(refused.value)
