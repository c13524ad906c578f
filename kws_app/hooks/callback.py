"""A hook that calls the user's own Python function with the event."""

from __future__ import annotations

import importlib
import inspect
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kws_app.errors import HookError
from kws_app.events import Event
from kws_app.hooks.runner import HookDroppedError, HookFailedError, HookSettings, HookTimeoutError
from kws_app.schema import did_you_mean, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(HookSettings):
    """A function and where it stands."""

    callback: str = setting(
        help="module:function, called with the event; the module is installed or lies beside this file",
        example="lamp:switch_on",
    )

    def open(self, folder: Path) -> CallbackHook:
        return CallbackHook(self, import_callable(self.callback, folder))


class CallbackHook:
    """Calls the function, each time on a thread of its own, one call at a time.

    Python cannot end a thread: a call that overruns its time limit is left to itself, and until it returns no other
    begins; events that come meanwhile are dropped.
    """

    def __init__(self, settings: Settings, function: Callable[[Event], object]) -> None:
        self.settings, self._function = settings, function
        self._call: _Call | None = None

    @property
    def name(self) -> str:
        return self.settings.callback

    def run(self, event: Event) -> None:
        if self._call is not None and self._call.is_alive():
            raise HookDroppedError("an earlier call has not returned")
        self._call = _Call(self._function, event, self.name)
        self._call.start()
        self._call.join(self.settings.timeout_seconds)
        if self._call.is_alive():
            raise HookTimeoutError(f"did not return within {self.settings.timeout_seconds:g} s and goes on by itself")
        if self._call.error is not None:
            raise HookFailedError(f"raised {self._call.error!r}") from self._call.error

    def cancel(self) -> None:
        """A thread cannot be ended; it is daemonic and goes with the process."""


class _Call(threading.Thread):
    """One call; an error in it is kept with the traceback of the user's frames."""

    def __init__(self, function: Callable[[Event], object], event: Event, name: str) -> None:
        super().__init__(name=f"callback {name}", daemon=True)
        self.error: BaseException | None = None
        self._function, self._event = function, event

    def run(self) -> None:
        try:
            self._function(self._event)
        except BaseException as error:  # noqa: BLE001  sys.exit, too: it is the user's and is shown by the runner
            ours = error.__traceback__
            self.error = error.with_traceback(ours.tb_next if ours else None)


def import_callable(place: str, folder: Path) -> Callable[[Event], object]:
    """The function at ``module:function``; an error inside the user's module goes through untouched.

    Raises:
        HookError: another format, no such module, no such function.
    """
    module_name, _, path = place.partition(":")
    if not path or not all(part.isidentifier() for part in module_name.split(".")):
        raise HookError(f"{place!r} is not of the form module:function")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # last: a file beside the configuration must not hide a part of Python
    importlib.invalidate_caches()
    try:
        found = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise HookError(f"no module {error.name!r}, neither installed nor in {folder}") from None
    for name in path.split("."):
        if not hasattr(found, name):
            where = getattr(found, "__file__", None) or module_name
            raise HookError(f"{where} has no {name!r}{did_you_mean(name, _functions(found))}")
        found = getattr(found, name)
    if not callable(found) or inspect.iscoroutinefunction(found):
        raise HookError(f"{place} is no function that can be called with an event")
    return found


def _functions(holder: object) -> list[str]:
    return [
        name for name, value in getattr(holder, "__dict__", {}).items() if callable(value) and not name.startswith("_")
    ]
