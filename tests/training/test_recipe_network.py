"""What a recipe's settings come to together: a network, or a sentence before anything is composed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.errors import ConfigError
from kws_app.training.recipe import FEATURES, read_recipe

ROOT = Path(__file__).parents[2]


def documented() -> list[object]:
    """The recipes in the documentation, by page."""
    return [
        pytest.param(recipe, id=f"{page.stem}-{number}")
        for page in sorted((ROOT / "docs" / "how-to").glob("*.md"))
        for number, recipe in enumerate(re.findall(r"```yaml\n(name: .*?)```", page.read_text("utf-8"), re.DOTALL))
    ]


@pytest.mark.parametrize("text", documented())
def test_every_recipe_in_the_documentation_makes_a_network(text: str, tmp_path: Path) -> None:
    recipe = tmp_path / "lamp.yaml"
    recipe.write_text(text, encoding="utf-8")

    assert read_recipe(str(recipe)).name == "lamp"


def test_a_recipe_that_names_no_features_has_those_of_the_shipped_model() -> None:
    assert read_recipe("wakewords-en").features == FEATURES


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ("features: {winlen: 0.03}", "network: features.appendEnergy must be off"),
        ("network: {hidden: 50, ratio: 4}", "network: the ratio must divide the hidden size: 50 is no multiple of 4"),
        ("network: {U: {form: low_rank, rank: 70}}", "network: U: low_rank of rank 70 takes 50400 numbers, more than"),
    ],
)
def test_settings_that_fit_no_network_together_are_refused_when_they_are_read(
    settings: str, fault: str, tmp_path: Path
) -> None:
    recipe = tmp_path / "lamp.yaml"
    recipe.write_text(f"name: lamp\nkeywords: {{lamp: }}\n{settings}\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=re.escape(f"lamp.yaml: {fault}")):
        read_recipe(str(recipe))


def test_the_reference_of_recipes_is_what_the_code_says() -> None:
    script = ROOT / "scripts" / "make_recipe_reference.py"

    result = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)

    assert (result.stdout, result.returncode) == ("", 0)
