"""Runs hooks beside the audio: each has a worker and a bounded queue of its own, so none holds up anything else."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from kws_app.events import AudioLost, Detection, Event, HookEnded, ModelReset, NearMiss, StateChanged
from kws_app.log import Seldom
from kws_app.schema import setting

logger = logging.getLogger(__name__)

EVENTS = tuple(event.kind for event in (Detection, NearMiss, AudioLost, ModelReset, StateChanged))
"""What a hook can run on. Not the end of a hook: it would run for ever."""

CANCEL_SECONDS = 0.2
"""What a killed command needs to be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSettings:
    """When a hook runs, and for how long. A kind adds its own field, named like the kind."""

    on: tuple[str, ...] = setting((Detection.kind,), one_of=EVENTS, help="events that it runs on")
    keywords: tuple[str, ...] = setting((), help="keywords that it runs for; all if none is named")
    timeout_seconds: float = setting(10.0, between=(0.1, 3600), help="how long it may take for one event")
    queue: int = setting(8, between=(1, 1000), help="events that may wait for it; one more, and the oldest is dropped")

    @property
    def kind(self) -> str:
        """The kind's name, which is its module's and its own field's."""
        return type(self).__module__.rpartition(".")[2]

    def wants(self, event: Event) -> bool:
        """Whether the hook runs on this event."""
        keyword = getattr(event, "keyword", None)
        return event.kind in self.on and (keyword is None or not self.keywords or keyword in self.keywords)

    def open(self, folder: Path) -> Hook:
        """The hook, ready to run; *folder* is where relative paths begin.

        Raises:
            HookError: what it names is not there. One sentence.
        """
        raise NotImplementedError


class HookFailedError(Exception):
    """A run that did not do its work. One sentence; an error of the user's own code is its cause."""

    outcome = "failed"


class HookTimeoutError(HookFailedError):
    """A run that took too long."""

    outcome = "timeout"


class HookDroppedError(HookFailedError):
    """A run that never began: too much was to be done, or an earlier run cannot be ended."""

    outcome = "dropped"


class Hook(Protocol):
    """Does something with one event after the other, always called from the same thread of the runner."""

    @property
    def name(self) -> str:
        """What people call it in a log line."""

    @property
    def settings(self) -> HookSettings: ...

    def run(self, event: Event) -> None:
        """Do the work for one event within the time limit.

        Raises:
            HookFailedError: it did not work, or took too long.
        """

    def cancel(self) -> None:
        """End the run in progress if it can be ended; called from another thread."""


class HookRunner:
    """Hands events to hooks and never waits for them.

    Args:
        hooks: opened hooks.
        on_end: told the outcome of every run, on whichever thread it ended.
        drain_seconds: how long waiting events may still be worked on at the end; then runs are cancelled.

    Attributes:
        counts: outcome -> how many events ended so, over all hooks there ever were.
    """

    def __init__(
        self,
        hooks: Sequence[Hook] = (),
        *,
        on_end: Callable[[HookEnded], None] = lambda _: None,
        drain_seconds: float = 0.75,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._on_end, self._drain_seconds = on_end, drain_seconds
        self._workers = [_Worker(hook, self._end) for hook in hooks]
        self._retired: list[_Worker] = []

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take nothing more, drain for a while, cancel what still runs."""
        workers = self._retired + self._workers
        for worker in workers:
            worker.finish()
        _join(workers, self._drain_seconds)
        for worker in workers:
            worker.cancel()
        _join(workers, CANCEL_SECONDS)

    def submit(self, event: Event) -> None:
        """Queue an event for every hook that wants it."""
        for worker in self._workers:
            worker.offer(event)

    def replace(self, hooks: Sequence[Hook]) -> None:
        """Go on with other hooks; the old ones finish what waits for them."""
        for worker in self._workers:
            worker.finish()
        self._retired = [worker for worker in self._retired + self._workers if worker.is_alive()]
        self._workers = [_Worker(hook, self._end) for hook in hooks]
        for worker in self._workers:
            worker.start()

    @property
    def words(self) -> str:
        """How their runs ended, for people."""
        return ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items()) or "none ran"

    @property
    def summary(self) -> dict[str, int]:
        """How many events wait for a hook, and how many ended how; a time limit that was passed is a failure."""
        return {
            "queued": sum(worker.queued for worker in self._retired + self._workers),
            "ok": self.counts["ok"],
            "failed": self.counts["failed"] + self.counts["timeout"],
            "dropped": self.counts["dropped"],
        }

    def _end(self, ended: HookEnded) -> None:
        """Called on the hook's thread, or on the one that drops an event."""
        with self._counting:
            self.counts[ended.outcome] += 1
        self._on_end(ended)


class _Worker(threading.Thread):
    """The thread and the queue of one hook."""

    def __init__(self, hook: Hook, on_end: Callable[[HookEnded], None]) -> None:
        # Daemonic: a callback that hangs cannot be ended and must not keep the process.
        super().__init__(name=f"hook {hook.name}", daemon=True)
        self._hook, self._on_end = hook, on_end
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._is_finishing = False
        self._drops = Seldom()

    @property
    def queued(self) -> int:
        return len(self._waiting)

    def offer(self, event: Event) -> None:
        if not self._hook.settings.wants(event):
            return
        with self._changed:
            dropped = self._waiting.popleft() if len(self._waiting) == self._hook.settings.queue else None
            self._waiting.append(event)
            self._changed.notify()
        if dropped is not None:
            self._end(dropped, HookDroppedError(f"{self._hook.settings.queue} newer events wait for it"))

    def finish(self) -> None:
        """End when nothing waits any more."""
        with self._changed:
            self._is_finishing = True
            self._changed.notify()

    def cancel(self) -> None:
        """Drop what waits and end the run in progress, if it can be ended."""
        with self._changed:
            left = [*self._waiting]
            self._waiting.clear()
        for event in left:
            self._end(event, HookDroppedError("the program ends"))
        if self.is_alive():
            self._hook.cancel()

    def run(self) -> None:
        while (event := self._next()) is not None:
            began = time.monotonic()
            failure = self._failure(event)
            self._end(event, failure, seconds=time.monotonic() - began)

    def _failure(self, event: Event) -> HookFailedError | None:
        """Run the hook; whatever goes wrong in it, the thread goes on."""
        try:
            self._hook.run(event)
        except HookFailedError as error:
            return error
        except BaseException as error:  # noqa: BLE001  not foreseen by the kind (sys.exit, too): logged with traceback
            failure = HookFailedError(f"raised {error!r}")
            failure.__cause__ = error
            return failure
        return None

    def _next(self) -> Event | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_finishing)
            return self._waiting.popleft() if self._waiting else None

    def _end(self, event: Event, failure: HookFailedError | None, *, seconds: float = 0.0) -> None:
        """Log and tell an outcome."""
        name, outcome, message = self._hook.name, "ok", None
        if failure is not None:
            outcome, message = failure.outcome, str(failure)
        with self._changed:
            drops = self._drops.due() if outcome == "dropped" else 0
        if drops:
            logger.warning('hook "%s": %d dropped: %s', name, drops, message)
        elif outcome == "ok":
            logger.debug('hook "%s": ok after %.3f s', name, seconds)
        elif outcome != "dropped":
            logger.error('hook "%s": %s', name, message, exc_info=failure and failure.__cause__)
        self._on_end(HookEnded(time=event.time, hook=name, outcome=outcome, seconds=seconds, message=message))


def _join(workers: Sequence[_Worker], seconds: float) -> None:
    """Wait until all have ended, *seconds* at most."""
    deadline = time.monotonic() + seconds
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
