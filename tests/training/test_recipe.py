"""Recipes: one that is not there is answered with those that are."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.training.cli import main


def test_a_recipe_that_does_not_exist_ends_with_a_sentence_and_78(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "compter", "--data", "nowhere", "--work", "nowhere"]) == 78

    assert "no such recipe; there are computer" in capsys.readouterr().err
