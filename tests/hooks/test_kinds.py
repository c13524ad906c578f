"""Facts about how kinds of hook are found."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import kws_app.hooks
from kws_app.hooks import Kinds
from tests.conftest import modules_loaded_by


def test_every_module_of_the_package_but_the_runner_is_a_kind() -> None:
    modules = {path.stem for path in Path(kws_app.hooks.__file__).parent.glob("*.py")} - {"__init__", "runner"}

    assert set(Kinds()) == modules


@pytest.mark.parametrize("kind", Kinds())
def test_a_kind_has_a_field_of_its_name(kind: str) -> None:
    assert kind in {field.name for field in fields(Kinds()[kind])}


def test_a_third_kind_is_one_new_file(tmp_path: Path) -> None:
    (tmp_path / "shout.py").write_text(
        """
from dataclasses import dataclass
from kws_app.hooks.runner import HookSettings
from kws_app.schema import setting

@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(HookSettings):
    shout: str = setting(help="what is shouted")
""",
        encoding="utf-8",
    )
    program = f"""
import kws_app.hooks
kws_app.hooks.__path__.append({str(tmp_path)!r})
from kws_app.config import Config
from kws_app.schema import read
print(*read('hooks: [{{shout: hello, on: [state]}}]', Config, file='').value.hooks)
"""

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert said == "Settings(on=('state',), keywords=(), timeout_seconds=10.0, queue=8, shout='hello')\n"


def test_a_kind_that_is_not_configured_is_not_imported() -> None:
    loaded = modules_loaded_by("import kws_app.config")

    assert {name for name in loaded if name.startswith("kws_app.hooks.")} == {"kws_app.hooks.runner"}
