"""Facts about the hook that calls a Python function: real modules are written and imported."""

from __future__ import annotations

import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kws_app.errors import HookError
from kws_app.events import Detection
from kws_app.hooks.callback import CallbackHook, Settings
from kws_app.hooks.runner import HookDroppedError, HookFailedError, HookTimeoutError

HEARD = Detection(time=12.34, keyword="computer", score=0.94, end=197_440, threshold=0.9)

Write = Callable[[str], str]


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Write]:
    """Writes a module into the configuration's folder and returns its name; forgets all of them afterwards."""
    path, known = list(sys.path), set(sys.modules)

    def write(text: str) -> str:
        name = f"user_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        return name

    yield write
    sys.path[:] = path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def hook(callback: str, folder: Path, timeout_seconds: float = 10.0) -> CallbackHook:
    return Settings(callback=callback, timeout_seconds=timeout_seconds).open(folder)


def test_the_function_is_given_the_event(module: Write, tmp_path: Path) -> None:
    name = module("given = []\ndef lamp(event):\n    given.append(event)\n")

    hook(f"{name}:lamp", tmp_path).run(HEARD)

    assert sys.modules[name].given == [HEARD]


def test_the_module_may_lie_beside_the_configuration_and_import_its_neighbours(module: Write, tmp_path: Path) -> None:
    (tmp_path / f"neighbour_{tmp_path.name}.py").write_text("answer = 42\n", encoding="utf-8")
    name = module(f"from neighbour_{tmp_path.name} import answer\ndef lamp(event): ...\n")

    hook(f"{name}:lamp", tmp_path)

    assert sys.modules[name].answer == 42


def test_a_method_is_reached_by_dots(module: Write, tmp_path: Path) -> None:
    name = module("class Lamp:\n    def on(self, event):\n        self.event = event\nlamp = Lamp()\n")

    hook(f"{name}:lamp.on", tmp_path).run(HEARD)

    assert sys.modules[name].lamp.event == HEARD


@pytest.mark.parametrize("callback", ["lamp", "lamp:", ":on", "my lamp:on", "./lamp.py:on", ".lamp:on"])
def test_another_format_is_a_sentence(callback: str, tmp_path: Path) -> None:
    with pytest.raises(HookError, match=f"^'{callback}' is not of the form module:function$"):
        hook(callback, tmp_path)


def test_a_module_that_is_nowhere_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(HookError, match=f"^no module 'no_such_lamp', neither installed nor in {tmp_path}$"):
        hook("no_such_lamp:on", tmp_path)


def test_a_function_that_is_not_in_the_module_is_answered_with_the_nearest(module: Write, tmp_path: Path) -> None:
    name = module("def lamp_on(event): ...\n")

    with pytest.raises(HookError, match=rf"{name}\.py has no 'lamp_no'; did you mean 'lamp_on'\?$"):
        hook(f"{name}:lamp_no", tmp_path)


@pytest.mark.parametrize("text", ["lamp = 3\n", "async def lamp(event): ...\n"])
def test_what_cannot_simply_be_called_is_a_sentence(text: str, module: Write, tmp_path: Path) -> None:
    name = module(text)

    with pytest.raises(HookError, match=f"^{name}:lamp is no function that can be called with an event$"):
        hook(f"{name}:lamp", tmp_path)


@pytest.mark.parametrize(
    ("text", "error"), [("import no_such_package\n", ModuleNotFoundError), ("1 / 0\n", ZeroDivisionError)]
)
def test_an_error_inside_the_users_module_goes_through_untouched(
    text: str, error: type[Exception], module: Write, tmp_path: Path
) -> None:
    name = module(text)

    with pytest.raises(error) as caught:
        hook(f"{name}:lamp", tmp_path)

    assert traceback.extract_tb(caught.value.__traceback__)[-1].filename.endswith(f"{name}.py")


def test_an_error_in_the_function_keeps_the_users_frames_and_only_these(module: Write, tmp_path: Path) -> None:
    name = module("def lamp(event):\n    switch()\ndef switch():\n    raise RuntimeError('no bulb')\n")

    with pytest.raises(HookFailedError, match=r"^raised RuntimeError\('no bulb'\)$") as caught:
        hook(f"{name}:lamp", tmp_path).run(HEARD)

    assert caught.value.__cause__ is not None
    assert [frame.name for frame in traceback.extract_tb(caught.value.__cause__.__traceback__)] == ["lamp", "switch"]


def test_a_call_that_overruns_is_told_and_events_are_dropped_until_it_returns(module: Write, tmp_path: Path) -> None:
    name = module("import threading\ngate = threading.Event()\ndef lamp(event):\n    gate.wait()\n")
    slow = hook(f"{name}:lamp", tmp_path, timeout_seconds=0.1)

    with pytest.raises(HookTimeoutError, match=r"^did not return within 0\.1 s and goes on by itself$"):
        slow.run(HEARD)
    with pytest.raises(HookDroppedError, match=r"^an earlier call has not returned$"):
        slow.run(HEARD)
    sys.modules[name].gate.set()
    wait_for_threads_named(f"callback {name}:lamp")
    slow.run(HEARD)


def wait_for_threads_named(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(5)


@pytest.mark.parametrize(("text", "error"), [("sys.exit(3)", "SystemExit(3)"), ("raise KeyboardInterrupt", "Keyb")])
def test_a_function_that_wants_to_end_the_program_has_failed(
    text: str, error: str, module: Write, tmp_path: Path
) -> None:
    name = module(f"import sys\ndef lamp(event):\n    {text}\n")

    with pytest.raises(HookFailedError, match=f"^raised {re.escape(error)}"):
        hook(f"{name}:lamp", tmp_path).run(HEARD)


def test_what_stands_behind_a_value_without_attributes_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(HookError, match=r"has no 'x'$"):
        hook("math:pi.x", tmp_path)
