"""The house as a whole: its floors, its weight, its files, and what its documents promise."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import soundfile

import kws_app
from kws_app.cli import main as app
from kws_app.config import Config
from kws_app.schema import read
from kws_app.training import cli as train
from tests.conftest import ROOT, modules_loaded_by

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
# Weighs too much for a board, or is off unless a recording is read.
HEAVY = {"torch", "scipy", "onnx", "matplotlib", "python_speech_features", "pyroomacoustics", "tqdm"}


def imports_that_break_a_contract(tree: Path) -> str:
    """What import-linter says of the contracts in the tree's setup.cfg; empty if all are kept."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    result = subprocess.run([*command, "--no-cache", "--no-logo"], cwd=tree, capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_imports_fall_downhill() -> None:
    assert imports_that_break_a_contract(ROOT) == ""


def test_every_import_that_points_up_or_weighs_too_much_is_named(tmp_path: Path) -> None:
    planted = {
        "features/mfcc.py": "import kws_app.model.card",
        "hooks/command.py": "import kws_app.audio.ring",
        "pipeline.py": "import torch",
        "cli/main.py": "import kws_app.training.cells",
        "decision.py": "import onnxruntime",
    }
    shutil.copytree(ROOT / "kws_app", tmp_path / "kws_app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for module, line in planted.items():
        with (tmp_path / "kws_app" / module).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")

    said = imports_that_break_a_contract(tmp_path)

    for module, line in planted.items():
        importer = "kws_app." + module.removesuffix(".py").replace("/", ".")
        assert re.search(rf"{importer} -> {line.removeprefix('import ')} \(l\.", said), said


def test_importing_the_package_loads_neither_onnxruntime_nor_the_audio_libraries() -> None:
    assert not modules_loaded_by("import kws_app") & (HEAVY | {"onnxruntime", "pyaudio", "soundfile", "soxr", "yaml"})


def test_replay_loads_none_of_trainings_packages() -> None:
    loaded = modules_loaded_by(
        "from kws_app.cli.main import main\nassert main(['replay', 'examples/computer.flac']) == 0"
    )
    assert "onnxruntime" in loaded
    assert not loaded & HEAVY


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing says which files are tracked")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_is_larger_than_a_megabyte() -> None:
    assert [path for path in tracked_files() if path.stat().st_size > 1_000_000] == []


def test_no_tracked_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    # In brackets so that this line does not name one.
    folder = re.compile(rb"(?<![\w.])/(?:[w]ork|[f]arm|[r]oot|home/(?!pi\b)\w+)/")
    assert [path for path in tracked_files() if folder.search(path.read_bytes())] == []


def test_the_newest_changelog_entry_is_the_version() -> None:
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == kws_app.__version__


def test_the_sample_recording_is_short_and_small() -> None:
    sample = soundfile.info(ROOT / "examples" / "computer.flac")
    assert 8 <= sample.duration <= 12
    assert (sample.samplerate, sample.channels) == (16_000, 1)


def test_every_installed_package_has_one_exact_pin() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = setup["options"]["install_requires"] + "".join(setup["options.extras_require"].values())
    names = set(re.findall(r"^([\w-]+)[<>=]", wanted.lower(), re.MULTILINE))
    pins = re.findall(r"^([\w-]+)==\S+$", (ROOT / "scripts" / "constraints.txt").read_text().lower(), re.MULTILINE)
    assert names - set(pins) == set()
    assert len(pins) == len(set(pins))


def fenced(document: Path, language: str) -> list[str]:
    """The document's code blocks in *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_readmes_first_commands_are_verbs_of_the_makefile() -> None:
    first = fenced(ROOT / "README.md", "sh")[0]
    verbs = re.findall(r"^make (\w+)", first, re.MULTILINE)
    assert verbs == ["run", "test"]
    assert set(verbs) <= verbs_of_the_makefile()


def test_make_alone_prints_every_verb() -> None:
    command = ["make", "--silent", "--no-print-directory"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in said.splitlines()} == verbs_of_the_makefile()


def verbs_of_the_makefile() -> set[str]:
    return set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_document_is_one_that_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    real = {("kws-app", name) for name in app.COMMANDS} | {("kws-train", name) for name in train.COMMANDS}
    real |= {("make", verb) for verb in verbs_of_the_makefile()}
    named = set(re.findall(r"(?:^|[`$&|/]|sudo) ?(kws-app|kws-train|make) ([a-z][a-z-]*)", code, re.MULTILINE))
    assert named - real == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_commands_output_in_a_document_is_what_it_prints(document: Path, tmp_path: Path) -> None:
    """Every ``$ kws-app`` of a console block runs; numbers may differ, words may not."""
    for name in ("examples", "models", "config.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    for block in fenced(document, "console"):
        for command, expected in re.findall(
            r"^\$ (?:\.venv/bin/)?kws-app (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE
        ):
            words = [sys.executable, "-m", "kws_app", *shlex.split(command)]
            done = subprocess.run(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert without_numbers(done.stdout) == without_numbers(expected), f"{document}: kws-app {command}"


def without_numbers(text: str) -> list[str]:
    """The lines, every number an ``N``, and columns that numbers widen closed up."""
    return [re.sub(r"\d+(\.\d+)?", "N", " ".join(line.split())) for line in text.splitlines()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_configuration_in_a_document_is_valid(document: Path) -> None:
    for block in fenced(document, "yaml"):
        kind = Config
        if document.name in {"train-a-model.md", "borrow-an-ear.md"} and "\nnetwork:" in block:
            pytest.importorskip("torch", reason="recipes are read beside the network they describe")
            kind = import_module("kws_app.training.recipe").Recipe
        read(block, kind, file=str(document.relative_to(ROOT)))


def test_the_worked_example_of_a_hook_works(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "journal.py").write_text(fenced(ROOT / "CONTRIBUTING.md", "python")[0], encoding="utf-8")
    (tmp_path / "config.yaml").write_text(
        f"model: {{path: {tiny_model}}}\nkeywords: {{rise: }}\nhooks: [{{journal: heard.jsonl, on: [state]}}]\n"
    )
    soundfile.write(tmp_path / "silence.wav", np.zeros(8000, np.int16), 16_000)
    program = f"""
import kws_app.hooks
kws_app.hooks.__path__.append({str(tmp_path)!r})
from kws_app.cli.main import main
raise SystemExit(main(["run", "-c", "config.yaml", "--source", "silence.wav"]))
"""

    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)

    states = [json.loads(line)["state"] for line in (tmp_path / "heard.jsonl").read_text().splitlines()]
    assert states == ["starting", "listening", "stopping"]


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = [
        (document.relative_to(ROOT), target)
        for document in DOCUMENTS
        for target in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []
