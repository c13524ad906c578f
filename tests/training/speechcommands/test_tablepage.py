"""The page of the comparison: tables and pictures of what is trained so far."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError
from kws_app.training.speechcommands.redundancy import energy, likeness
from kws_app.training.speechcommands.results import Result
from kws_app.training.speechcommands.rows import ROWS
from kws_app.training.speechcommands.tablepage import BEGIN, END, table, targets, write


def result(row: str, seed: int = 0, *, accuracy: float = 0.9, int8: float = 0.9, parameters: int = 1000) -> Result:
    return Result(row, seed, accuracy, int8, int8 - 0.01, parameters, parameters, 2000, 4096, 1024, 5000, 12.3)


def test_a_row_has_its_mean_and_the_ends_of_its_seeds() -> None:
    rows = {"gru-154": ROWS["gru-154"]}

    *_, line = table(rows, {"gru-154": [result("gru-154", seed, accuracy=0.9 + seed / 100) for seed in range(3)]})

    assert line.startswith(
        "| GRU, n = 154 | `gru-154` | 3 | 0.0 h, 0 "
        "| 91.0 (90.0-92.0) | 90.0 (90.0-90.0) | 89.0 (89.0-89.0) | 1,000 |  |"
    )


def test_a_row_tells_seeds_that_learnt_from_fewer_clips_or_for_a_shorter_time() -> None:
    found = [replace(result("gru-154", seed), hours=hours, updates=2500) for seed, hours in enumerate((10.1, 2, 10.1))]

    *_, line = table({"gru-154": ROWS["gru-154"]}, {"gru-154": found})

    assert "| `gru-154` | 3 | 10.1 h, 2,500; 2.0 h, 2,500 | 90.0" in line


def test_a_row_that_is_not_trained_says_so() -> None:
    *_, line = table({"fastrnn-100": ROWS["fastrnn-100"]}, {})

    assert line.startswith("| FastRNN, n = 100 | `fastrnn-100` | 0 |")
    assert line.endswith("| 92.2, 56 |")


def test_every_line_of_the_table_has_as_many_cells() -> None:
    lines = [*table(ROWS, {"gru-154": [result("gru-154")], "rival": [result("rival"), result("rival", 1)]})]

    assert len({line.count("|") for line in lines}) == 1


def test_an_aim_is_reached_or_missed_by_so_much() -> None:
    found = {"gru-154": [result("gru-154", accuracy=0.95)], "ghost2-154": [result("ghost2-154", parameters=590)]}

    lines = "\n".join(targets(found))

    assert "n = 154: points lost (1 and 1 seeds) | at most 0.2 | 5.00 | missed by 4.80 |" in lines
    assert "n = 154: parameters saved, % | at least 40 | 41.00 | reached |" in lines
    assert "LSTM, hybrid for dense: points lost (0 and 0 seeds) | at most 0.5 | not trained |" in lines


def test_the_tables_are_written_anew_and_the_text_around_them_stays(tmp_path: Path) -> None:
    page, found = tmp_path / "page.md", {"gru-154": [result("gru-154")]}
    page.write_text(f"# Ours\n\n{BEGIN}\nold\n{END}\n\nMore.\n", encoding="utf-8")

    write(page, ROWS, found, {"gru-154": np.random.default_rng(0).normal(size=(50, 8))})

    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# Ours\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nMore.\n")
    assert "old" not in text
    pictures = sorted((tmp_path / "page").iterdir())
    assert [path.stem for path in pictures] == ["accuracy-over-bytes", "accuracy-over-macs", "energy", "likeness"]
    for picture in pictures:
        ElementTree.fromstring(picture.read_text(encoding="utf-8"))
        assert f"page/{picture.name}" in text


def test_a_page_without_a_place_for_the_tables_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Ours\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="has not the two lines between which to write"):
        write(page, ROWS, {}, {})


def test_units_that_say_the_same_are_alike_and_hold_no_more_variance_than_one() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 1000))
    states = np.stack([one, -2 * one, other], axis=1)

    assert likeness(states)[:2] == pytest.approx([1, 1])
    assert likeness(states)[2] < 0.1
    assert energy(states)[1] == pytest.approx(1)
