"""Training: it learns, goes on where it stopped, and keeps its last good checkpoint."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError, OutputError  # noqa: E402
from kws_app.training.checkpoint import new_network, read_checkpoint, to_start_from  # noqa: E402
from kws_app.training.compression import MatrixSettings, form_of  # noqa: E402
from kws_app.training.network import NetworkSettings  # noqa: E402
from kws_app.training.recipe import Recipe, StageSettings  # noqa: E402
from kws_app.training.train import Trainer  # noqa: E402
from tests.conftest import disk_with_room_for  # noqa: E402
from tests.training.bumps import RECIPE, shard  # noqa: E402


def losses(work: Path) -> list[float]:
    return [json.loads(line)["word_loss"] for line in (work / "log.jsonl").read_text().splitlines()]


def test_a_minute_of_scenes_is_learnt_in_seconds(tmp_path: Path) -> None:
    stages = (StageSettings(epochs=30, lanes=4, rate=(1e-2, 1e-3), mean_epochs=1),)
    longer = replace(RECIPE, schedule=replace(RECIPE.schedule, stages=stages))

    network = Trainer(longer, shard(), tmp_path).run()

    assert losses(tmp_path)[-1] < losses(tmp_path)[0] / 3
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(shard().features[:1]).transpose(0, 1), network.start(1))
    scores = torch.sigmoid(logits[:, 0, 0])
    assert scores[50 + 25 : 50 + 40].max() > 2 * scores[110:135].max()


@pytest.mark.parametrize("epochs", [3, 4, 5])
def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(tmp_path: Path, epochs: int) -> None:
    """Stopped inside the first stage, between both, or inside the second, a run ends with the same network."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    expected = Trainer(RECIPE, shard(), whole).run()

    stopped = Trainer(RECIPE, shard(), parts)
    stopped.run(until=epochs)
    actual = Trainer(RECIPE, shard(), parts).run()

    for one, two in zip(expected.state_dict().values(), actual.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two)
    assert len(losses(parts)) == 6


def test_a_run_with_sparse_matrices_ends_sparse_interrupted_or_not(tmp_path: Path) -> None:
    sparse = replace(RECIPE, network=replace(RECIPE.network, U=MatrixSettings("low_rank", 2, kept=0.25)))
    Trainer(sparse, shard(), tmp_path).run(until=4)

    network = Trainer(sparse, shard(), tmp_path).run()

    shares = [(factor != 0).float().mean().item() for factor in form_of(network.cells[0], "U")[1]]
    assert shares == pytest.approx([0.25, 0.25], abs=0.03)


def test_a_checkpoint_half_written_leaves_the_one_before(tmp_path: Path) -> None:
    trainer = Trainer(RECIPE, shard(), tmp_path)
    trainer.run(until=1)
    (tmp_path / "checkpoint.pt.partial").write_bytes(b"the disk was full")

    network = read_checkpoint(tmp_path / "checkpoint.pt", RECIPE)

    assert network.parameters_trained == trainer.network.parameters_trained
    assert Trainer(RECIPE, shard(), tmp_path).epoch == 1


def test_a_full_disk_ends_training_in_one_sentence_and_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    large = replace(RECIPE, network=NetworkSettings(hidden=160))  # or all of it fits the buffers before the disk
    trainer = Trainer(large, shard(), tmp_path)
    trainer.run(until=1)
    half = (tmp_path / "checkpoint.pt").stat().st_size // 2

    with disk_with_room_for(half), pytest.raises(OutputError, match=r"/checkpoint\.pt: cannot be written: [\w ]+$"):
        trainer.run(until=2)

    assert Trainer(large, shard(), tmp_path).epoch == 1
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.pt", "log.jsonl"}


def test_a_finished_run_gives_the_mean_over_the_ends_of_its_last_stages(tmp_path: Path) -> None:
    recipe = replace(RECIPE, schedule=replace(RECIPE.schedule, mean_of=2))
    ends = []
    for epochs in (4, 6):
        Trainer(recipe, shard(), tmp_path).run(until=epochs)
        ends.append(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["average"]["module.head.weight"])

    network = read_checkpoint(tmp_path / "checkpoint.pt", recipe)

    torch.testing.assert_close(network.head.weight, (ends[0] + ends[1]) / 2)
    torch.testing.assert_close(Trainer(recipe, shard(), tmp_path).run().head.weight, network.head.weight)


def test_what_a_run_began_with_counts_as_the_end_of_a_stage(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    begun = Trainer(RECIPE, shard(), before).run()
    one_stage = replace(RECIPE, schedule=replace(RECIPE.schedule, stages=RECIPE.schedule.stages[:1], mean_of=2))

    for until in (2, 4):  # stopped, and gone on with
        run = Trainer(one_stage, shard(), after, trained=begun)
        network = run.run(until=until)

    end = torch.load(after / "checkpoint.pt", weights_only=True)["average"]["module.head.weight"]
    torch.testing.assert_close(network.head.weight, (begun.head.weight + end) / 2)
    kept = read_checkpoint(after / "checkpoint.pt", one_stage)
    torch.testing.assert_close(kept.head.weight, network.head.weight)


def test_a_smaller_form_goes_on_from_what_the_dense_network_learnt(tmp_path: Path) -> None:
    dense, small = tmp_path / "dense", tmp_path / "small"
    dense.mkdir()
    small.mkdir()
    network = Trainer(with_phones(1.0), shard(), dense).run()
    low_rank = replace(RECIPE, network=replace(RECIPE.network, U=MatrixSettings("low_rank", 2), pause_bonus=1.0))

    trained = to_start_from(dense / "checkpoint.pt", with_phones(1.0), low_rank)
    run = Trainer(low_rank, shard(), small, trained=trained)

    for begun in (run.network, run.average.module):
        torch.testing.assert_close(begun.cells[0].W, network.cells[0].W)
        torch.testing.assert_close(begun.front.mean, network.front.mean)
    run.run(until=1)
    assert losses(small)[0] < losses(dense)[0] / 2
    goes_on = Trainer(low_rank, shard(), small, trained=trained)
    torch.testing.assert_close(goes_on.network.state_dict(), run.network.state_dict())


def test_a_network_of_other_units_is_nothing_to_start_from(tmp_path: Path) -> None:
    Trainer(RECIPE, shard(), tmp_path).run(until=1)
    wider = replace(RECIPE, name="wider", network=replace(RECIPE.network, hidden=99, cell="LSTM"))

    with pytest.raises(ConfigError) as refused:
        to_start_from(tmp_path / "checkpoint.pt", RECIPE, wider)

    cell, hidden = str(refused.value).splitlines()
    assert cell == f"{RECIPE.name}: network.cell: is {RECIPE.network.cell}, where wider has LSTM; they must be the same"
    assert hidden.endswith("where wider has 99; they must be the same")
    with pytest.raises(ConfigError, match=r"checkpoint\.pt: no such file; kws-train train writes it"):
        to_start_from(tmp_path / "nowhere" / "checkpoint.pt", RECIPE, RECIPE)


def test_ghosts_can_be_given_to_a_trained_network_of_as_many_intrinsic_units(tmp_path: Path) -> None:
    plain = replace(RECIPE, network=replace(RECIPE.network, cell="GRU"))
    Trainer(plain, shard(), tmp_path).run(until=1)
    ghosts = replace(RECIPE, network=replace(RECIPE.network, hidden=16, phi="diagonal", U=MatrixSettings("shared", 8)))

    trained = to_start_from(tmp_path / "checkpoint.pt", plain, ghosts)

    assert trained.cells[0].outputs == 8
    with pytest.raises(ConfigError) as refused:
        to_start_from(tmp_path / "checkpoint.pt", plain, replace(ghosts, network=replace(ghosts.network, hidden=24)))
    assert str(refused.value) == "test: network.hidden: is 8, where test without ghosts has 12; they must be the same"


def test_context_may_be_added_to_a_trained_network_and_not_taken_away(tmp_path: Path) -> None:
    Trainer(RECIPE, shard(), tmp_path).run(until=1)
    more = replace(RECIPE, name="more", network=replace(RECIPE.network, context=2))

    run = Trainer(more, shard(), tmp_path / "more", trained=to_start_from(tmp_path / "checkpoint.pt", RECIPE, more))

    assert run.network.cells[0].W.shape[1] == 3 * RECIPE.network.stack * RECIPE.features.nfilt
    ranks = replace(more, network=replace(more.network, W=MatrixSettings("shared", 99)))
    with pytest.raises(ConfigError, match=r"more: network\.W\.rank: is more than the \d+ bands that test reads"):
        to_start_from(tmp_path / "checkpoint.pt", RECIPE, ranks)
    less = replace(more, name="less", network=replace(RECIPE.network, context=1))
    with pytest.raises(ConfigError, match=r"more: network\.context: is 2, where less has 1; they must be the same"):
        to_start_from(tmp_path / "checkpoint.pt", more, less)


def test_fewer_scenes_than_lanes_still_train(tmp_path: Path) -> None:
    small = replace(RECIPE, schedule=replace(RECIPE.schedule, stages=(StageSettings(lanes=64, epochs=1),)))

    Trainer(small, shard(), tmp_path).run()

    assert len(losses(tmp_path)) == 1


def test_hours_that_were_not_composed_are_refused(tmp_path: Path) -> None:
    beyond = replace(RECIPE, schedule=replace(RECIPE.schedule, stages=(StageSettings(hours=(5, 6)),)))

    with pytest.raises(ConfigError, match=r"hours \[5, 6\] are outside"):
        Trainer(beyond, shard(), tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04half"])
def test_a_damaged_checkpoint_is_answered_with_what_would_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)

    with pytest.raises(ConfigError, match=r"checkpoint\.pt: is damaged, or no run of the recipe test"):
        read_checkpoint(tmp_path / "checkpoint.pt", RECIPE)
    with pytest.raises(ConfigError, match=r"checkpoint\.pt: is damaged, or another recipe's; delete it"):
        Trainer(RECIPE, shard(), tmp_path)


def with_phones(word_weight: float) -> Recipe:
    stage = StageSettings(
        epochs=12, lanes=4, rate=(1e-2, 1e-3), word_weight=word_weight, phone_weight=(1.0, 1.0), mean_epochs=1
    )
    return replace(RECIPE, schedule=replace(RECIPE.schedule, stages=(stage,)))


def test_phones_are_learnt_before_words(tmp_path: Path) -> None:
    before = new_network(with_phones(0.0)).head.weight

    network = Trainer(with_phones(0.0), shard(), tmp_path).run()

    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log[-1]["phone_accuracy"] > 0.9 > log[0]["phone_accuracy"]
    torch.testing.assert_close(network.head.weight, before, atol=1e-2, rtol=0.1)


def test_a_run_without_a_phone_head_goes_on_with_one(tmp_path: Path) -> None:
    Trainer(RECIPE, shard(), tmp_path).run(until=4)
    plain = read_checkpoint(tmp_path / "checkpoint.pt", RECIPE)

    learner = read_checkpoint(tmp_path / "checkpoint.pt", with_phones(1.0))

    assert learner.phones is not None
    torch.testing.assert_close(learner.head.weight, plain.head.weight)
