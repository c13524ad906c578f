"""The page that a person reads."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.cli import main
from kws_app.training.svg import COLOURS, Axis, bars, deviate, document, dots, lines, logarithm
from tests.training.streams import write_streams


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A folder with ``out.json`` and, in ``page``, its page."""
    folder = tmp_path_factory.mktemp("evaluation")
    manifest = write_streams(folder, speakers={"v": ["tall & thin"]})
    arguments = ["--stream", manifest, "--model", tiny_model, "--json", folder / "out.json", "--page", folder / "page"]
    assert main(["evaluate", *map(str, arguments)]) == 0
    return folder


class Reader(HTMLParser):
    """Notes what a page holds, and that every tag is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {"src", "href"} & {name for name, _ in attributes}, "the page needs something beside itself"
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        self.texts.append(text)


def test_the_page_is_whole_and_needs_nothing_beside_itself(evaluation: Path) -> None:
    page = Reader((evaluation / "page" / "index.html").read_text())

    assert page.open == []
    assert any(f"stroke: {COLOURS[0]}" in text for text in page.texts)
    assert page.tags.count("svg") == 3  # "rise" has both pictures, "fall" was not said: no curve


def test_the_page_says_what_the_rates_rest_on_and_what_went_wrong(evaluation: Path) -> None:
    texts = Reader((evaluation / "page" / "index.html").read_text()).texts

    assert json.loads((evaluation / "out.json").read_text())["rests_on"]["sentence"] in texts
    assert {"rise", "All words", "tall & thin", "clean: w_3"} <= set(texts)


def test_the_page_can_be_made_again_from_the_json(evaluation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = evaluation / "again"

    assert main(["report", str(evaluation / "out.json"), "--page", str(again)]) == 0

    assert capsys.readouterr().out == f"{again / 'index.html'}\n"
    assert (again / "index.html").read_bytes() == (evaluation / "page" / "index.html").read_bytes()


def test_what_is_no_report_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.json").write_text('{"keywords": {}}')

    assert main(["report", str(tmp_path / "old.json"), "--page", str(tmp_path / "page")]) == 78
    assert "old.json: all_words: is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("axis", "value", "pixels"),
    [
        (Axis("score", (0.0, 2.0), {}), 0.5, 25),
        (logarithm("rate", (0.1, 10.0)), 1.0, 50),
        (logarithm("rate", (0.1, 10.0)), 0.0, 0),
        (deviate("missed"), 2.0, 100),
    ],
)
def test_values_have_their_place_on_an_axis_and_those_beyond_it_lie_at_its_end(
    axis: Axis, value: float, pixels: float
) -> None:
    assert axis.place(value, 100) == pytest.approx(pixels)


def test_lines_are_well_formed_whatever_the_names() -> None:
    x = Axis("a < b", (0, 1), {0.0: "0"})

    root = ElementTree.fromstring(lines({"x & y": [(0, 0), (1, 1)]}, x, x))

    assert [line.get("points") for line in root.iter("polyline")] == ["64.0,332.0 490.0,16.0"]


def test_dots_stand_at_their_values_with_their_labels() -> None:
    x = Axis("size", (0, 1), {})

    root = ElementTree.fromstring(dots({"cells": {"a & b": (0.5, 1)}}, x, x))

    assert [(dot.get("cx"), dot.get("cy")) for dot in root.iter("circle")] == [("277.0", "16.0"), ("512.0", "24.0")]
    assert [text.text for text in root.iter("text")] == ["size", "size", "a & b", "cells"]


def test_a_chart_as_a_file_brings_its_colours() -> None:
    x = Axis("a", (0, 1), {})

    root = ElementTree.fromstring(document(lines({"one": [(0, 0), (1, 1)]}, x, x)))

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert f".s0 {{ stroke: {COLOURS[0]}; }}" in str(root[0].text)


def test_bars_are_as_high_as_their_row_allows_and_none_is_drawn_for_nothing() -> None:
    x = Axis("score", (0, 4), {})

    root = ElementTree.fromstring(bars({"a": [0, 1, 2, 0]}, [0, 1, 2, 3, 4], x, verticals={"<here>": 0.5}))

    low, high = (float(bar.get("height", "")) for bar in root.iter("rect"))
    assert high == pytest.approx(2 * low, abs=0.1)
