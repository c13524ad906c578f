"""A service without audio: a worker that does what it is asked, and events when a test wants them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Self, TypeVar

from kws_app.daemon.inbox import Inbox
from kws_app.daemon.meter import Level
from kws_app.daemon.publisher import Publisher
from kws_app.daemon.status import Status
from kws_app.events import Detection, Event

T = TypeVar("T")

SINCE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

DETECTION = Detection(time=1.5, keyword="computer", score=0.94, end=24_000, threshold=0.9)


class SimulatedService:
    """Does what it is asked.

    Attributes:
        state: what it says that it is.
        muted: until when, and whether the microphone is closed; None: it is not.
        reload_error: what a reload raises.
        repeated: an event that happens all the time.
    """

    def __init__(self) -> None:
        self.state = "listening"
        self.repeated: Event | None = None
        self.muted: tuple[datetime | None, bool] | None = None
        self.reload_error: Exception | None = None
        self._inbox, self._publisher = Inbox(), Publisher()
        self._ended = threading.Event()
        self._hangs = False
        self._worker = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Do nothing more; what waits is cancelled. Twice does no harm."""
        self._ended.set()
        self._worker.join()

    def hang(self) -> None:
        """Answer nothing until the end."""
        self._hangs = True

    def publish(self, event: Event) -> None:
        """Let *event* happen, and return when it has."""
        self.ask(lambda: self._publisher.publish(event)).result()

    def ask(self, action: Callable[[], T]) -> Future[T]:
        return self._inbox.ask(action)

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        return self._publisher.subscribe(listener)

    def status(self) -> Status:
        until, release = self.muted or (None, False)
        return Status(
            state=self.state,
            reason=None if self.muted is None else "on request",
            since=SINCE,
            device="simulated",
            rate=16_000,
            frames=4200,
            seconds_since_last_frame=0.04,
            lag_seconds=0.01,
            level_dbfs=-38.2,
            noise_floor_dbfs=-64.0,
            gaps=1,
            overflows=0,
            keywords={"computer": {"detections": 3, "near_misses": 1}},
            hooks={"queued": 0, "ok": 3, "failed": 0, "dropped": 0},
            mute=None if self.muted is None else "released" if release else "no_events",
            muted_until=until,
            model="tiny",
            config=None,
            version="1.2.3",
            uptime=90_000.0,
            cpu_percent=0.9,
            rss_bytes=62_000_000,
            pid=4242,
        )

    def level(self) -> Level:
        return Level(level_dbfs=-38.2, noise_floor_dbfs=-64.0, peak_dbfs=-30.0, clipped=0, scores={"computer": 0.02})

    def mute(self, until: datetime | None, *, release: bool) -> None:
        self.state, self.muted = "muted", (until, release)

    def unmute(self) -> None:
        self.state, self.muted = "listening", None

    def reload(self) -> None:
        if self.reload_error is not None:
            raise self.reload_error

    def _work(self) -> None:
        while not self._ended.wait(0.002):
            if not self._hangs:
                self._inbox.work()
            if self.repeated is not None:
                self._publisher.publish(self.repeated)
        self._inbox.close()
