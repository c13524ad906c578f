"""The shards of a run are the same by however many processes they are composed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("scipy", reason="the training extra is not installed")
pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import KwsError, OutputError
from kws_app.features.mfcc import MfccSettings
from kws_app.training import shards
from kws_app.training.recipe import KeywordRecipe, Recipe, ScheduleSettings
from kws_app.training.scenes import SceneBuilder, SceneSettings
from tests.training.test_scenes import QUIET, builder

SCENES = SceneSettings(**(QUIET | {"room_share": 0.5, "bed_share": 0.5, "seconds": 10.0}))
RECIPE = Recipe(
    name="tones",
    keywords={"word": KeywordRecipe()},
    features=MfccSettings(appendEnergy=False),
    scenes=SCENES,
    schedule=ScheduleSettings(hours=100 / 3600),
)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_SECONDS", 30)


def composer() -> SceneBuilder:
    return builder(room_share=0.5, bed_share=0.5, seconds=10.0)


def test_two_processes_compose_what_one_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone, together = (shards.compose(RECIPE, tmp_path / str(jobs), composer, jobs=jobs) for jobs in (1, 2))

    assert [path.name for path in together] == ["0000.npz", "0001.npz", "0002.npz", "0003.npz"]
    assert [path.read_bytes() for path in together] == [path.read_bytes() for path in alone]
    assert capsys.readouterr().out.splitlines()[4:] == [f"scenes: {n} of 4 shards" for n in range(1, 5)]


def test_only_what_is_missing_is_composed(tmp_path: Path) -> None:
    paths = shards.compose(RECIPE, tmp_path, composer)
    written = paths[1].read_bytes()
    paths[1].unlink()
    paths[2].write_bytes(b"ours")

    shards.compose(RECIPE, tmp_path, composer, jobs=2)

    assert paths[1].read_bytes() == written
    assert paths[2].read_bytes() == b"ours"
    assert shards.compose(RECIPE, tmp_path, lambda: pytest.fail("all are there"), jobs=2) == paths


def test_a_process_that_dies_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any, **__: Any) -> None:
        os._exit(9)

    monkeypatch.setattr(shards, "write_shard", dies)

    with pytest.raises(KwsError, match="a process died, often for want of memory; try fewer --jobs"):
        shards.compose(RECIPE, tmp_path, composer, jobs=2)


def test_a_shard_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "scenes" / "0001.npz.partial").mkdir(parents=True)

    with pytest.raises(OutputError, match=r"0001\.npz: cannot be written: Is a directory"):
        shards.compose(RECIPE, tmp_path, composer, jobs=2)
