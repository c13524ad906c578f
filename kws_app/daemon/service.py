"""The daemon: start, main loop, stop. Whoever wants something of it asks, and the loop acts between two blocks."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from kws_app import __version__, log
from kws_app.audio.microphone import Microphone
from kws_app.config import examine_config
from kws_app.daemon.assembly import Assembly, assemble
from kws_app.daemon.clock import Clock
from kws_app.daemon.control import ControlServer
from kws_app.daemon.ear import Ear
from kws_app.daemon.eventlog import EventLog
from kws_app.daemon.hearing import DIGITAL_SILENCE
from kws_app.daemon.inbox import Inbox
from kws_app.daemon.memory import trim
from kws_app.daemon.meter import Level
from kws_app.daemon.mute import Mute
from kws_app.daemon.notify import Notifier
from kws_app.daemon.publisher import Listener, Publisher
from kws_app.daemon.signals import Signals
from kws_app.daemon.silence import Silence
from kws_app.daemon.status import Status, Tally
from kws_app.daemon.supervisor import NewDevice
from kws_app.daemon.watchdog import Watchdog
from kws_app.errors import EX_OK, ConfigError, HungError, KwsError, MicrophoneError, NoPermissionError
from kws_app.events import Detection, Event, HookEnded, NearMiss, StateChanged
from kws_app.hooks.runner import HookRunner

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Service:
    """Listens until it is told to stop, or a recording ends.

    One thread, the worker, runs ``run`` and touches everything. ``ask`` and ``subscribe`` are for all threads;
    what else is public is for the worker, by ``ask``.

    Args:
        file: the configuration; None: where it is looked for, or the defaults.
        recording: played in real time in place of the microphone.
        microphone: makes what listens if there is no recording, once for every opening.
        clock: makes the one that a microphone is judged by.
    """

    def __init__(
        self,
        file: Path | None = None,
        *,
        recording: Path | None = None,
        microphone: NewDevice = Microphone,
        clock: Callable[[], Clock] = Clock,
    ) -> None:
        self._file, self._recording, self._new_device, self._new_clock = file, recording, microphone, clock
        self._notify = Notifier()
        self._watchdog = Watchdog(self._notify)
        self._inbox, self._tally = Inbox(), Tally()
        self._publisher = Publisher(EventLog().tell, self._tally.note)
        self._state = ""
        self._reason: str | None = None
        self._began, self._since = time.monotonic(), datetime.now(UTC)
        self._is_ready, self._turns = False, 0

    def run(self) -> None:
        """Start, listen, stop.

        Raises:
            ConfigError: everything that is wrong with the configuration.
            NoPermissionError: this user may not read it.
            ControlError: the configured control socket cannot be had.
            MicrophoneError: there is no microphone, or it fell silent for too long.
            RecordingError: the recording cannot be read.
        """
        with Signals() as self._asked:
            self._assembly = assemble(examine_config(self._file))
            log.set_up(self._assembly.config.values.log)
            try:
                self._run()
            except HungError as error:
                logger.error("%s, and only a new process helps; this one ends here", error)
                os._exit(EX_OK if self._asked.stop else error.exit_code)  # the hanging thread would keep it
            logger.info("Stopped after %.0f s of audio; hooks: %s", self._ear.seconds, self._runner.words)

    def _run(self) -> None:
        self._silence = Silence(self._assembly.state_folder, self._new_clock())
        runner = HookRunner(self._assembly.hooks, on_end=self._on_hook_end)
        self._publisher.subscribe(runner.submit)
        config = self._assembly.config
        control = ControlServer(config.values.control, self, folder=config.folder)
        self._ear = Ear(
            config.values.audio,
            self._assembly.pipeline,
            self._publish,
            recording=self._recording,
            new_device=self._new_device,
            new_clock=self._new_clock,
        )
        with control, runner as self._runner, closing(self._inbox), closing(self._ear), self._states():
            self._ear.open(released=self._silence.is_released)
            for _ in self._ear.hear():
                if self._asked.stop:
                    return
                self._inbox.work()
                self._look_up()

    def ask(self, action: Callable[[], T]) -> Future[T]:
        """Have *action* run on the worker between two blocks, within a quarter of a second.

        The future has what it returns or raises; it is cancelled if the daemon ends before.
        """
        return self._inbox.ask(action)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have *listener* called on the worker with every event; return what ends that. It must not block."""
        return self._publisher.subscribe(listener)

    def status(self) -> Status:
        """What is so now."""
        ear, level, mute, config = self._ear, self.level(), self._silence.mute, self._assembly.config
        return Status(
            state=self._state,
            reason=self._reason,
            since=self._since,
            device=ear.source.description,
            rate=ear.source.rate,
            frames=ear.pipeline.frames,
            seconds_since_last_frame=ear.seconds_since_last_block,
            lag_seconds=ear.source.lag_seconds,
            level_dbfs=level.level_dbfs,
            noise_floor_dbfs=level.noise_floor_dbfs,
            gaps=self._tally.gaps,
            overflows=ear.overflows,
            keywords={keyword: self._tally.of(keyword) for keyword in ear.pipeline.thresholds},
            hooks=self._runner.summary,
            mute=None if mute is None else "released" if mute.release else "no_events",
            muted_until=None if mute is None else mute.until,
            model=str(config.model_path),
            config=None if config.file is None else str(config.file.absolute()),
            version=__version__,
            uptime=time.monotonic() - self._began,
        )

    def level(self) -> Level:
        """How loud it is now, and how near each word."""
        return self._ear.level()

    def mute(self, until: datetime | None, *, release: bool) -> None:
        """Publish no detection until then, or until ``unmute``; *release*: the microphone is really closed.

        Raises:
            OutputError: muted, but it would not survive a restart.
        """
        try:
            self._take_mute(Mute(until, release))
        finally:  # also if the microphone cannot be closed but by a restart
            self._silence.keep()

    def unmute(self) -> None:
        """Listen again.

        Raises:
            OutputError: unmuted, but a restart would mute again.
        """
        self._take_mute(None)
        self._silence.keep()

    def reload(self) -> None:
        """Read the configuration again and take it over.

        Raises:
            ConfigError: every mistake in it; the old one stays.
            NoPermissionError: this user may not read it; the old one stays.
        """
        self._notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._take_over(assemble(examine_config(self._file)))
            logger.info("Reloaded")
        except (ConfigError, NoPermissionError) as error:
            for line in str(error).splitlines():
                logger.error("%s", line)
            logger.error("Not reloaded; the old configuration stays")
            raise
        finally:
            trim()  # what opening a model needed, a refused one too
            if self._is_ready:
                self._notify("READY=1", f"STATUS={self._words}")

    @contextmanager
    def _states(self) -> Iterator[None]:
        """From starting to stopping, with the reason if it was not asked for."""
        self._change("starting", None)
        reason = None
        try:
            yield
        except Exception as error:
            reason = str(error) if isinstance(error, KwsError) else f"an error of our own: {error!r}"
            raise
        finally:
            self._asked.limit_stop()
            self._notify("STOPPING=1")
            self._change("stopping", reason)

    def _look_up(self) -> None:
        """Between two blocks: what a signal asked for, a mute that is over, the state, systemd."""
        if self._asked.reload:
            self._asked.reload = False
            with suppress(ConfigError, NoPermissionError):  # whoever sent the signal finds it in the log
                self.reload()
        if self._silence.is_over():
            self._take_mute(None)
        if not self._is_ready and (self._ear.heard_at is not None or self._silence.is_released):
            self._is_ready = True
            trim()
            self._notify("READY=1")
        self._settle()
        self._beat()

    def _beat(self) -> None:
        """Tell systemd's watchdog that frames advance and that they are plausible; while we are deaf, nothing.

        Two exceptions, because a restart would bring back the same, for ever: a microphone that was released on
        request advances no frames, and zeros that come on time are a microphone muted by its own switch as often as a
        fault, for which it was opened anew already. ``status`` shows both.
        """
        if self._silence.is_released:
            self._turns += 1
            self._watchdog.beat(self._turns)
        elif self._ear.source.deaf in (None, DIGITAL_SILENCE):
            self._watchdog.beat(self._ear.pipeline.frames)

    def _settle(self) -> None:
        """Go to the state that is true now."""
        state, reason = ("starting" if self._ear.heard_at is None else "listening"), None
        if self._silence.mute is not None:
            state, reason = "muted", self._silence.mute.words
        elif self._ear.source.deaf is not None:
            state, reason = "deaf", self._ear.source.deaf
        if (state, reason) != (self._state, self._reason):
            self._change(state, reason)

    def _change(self, state: str, reason: str | None) -> None:
        """Go to another state and tell people, programs and systemd."""
        self._state, self._reason, self._since = state, reason, datetime.now(UTC)
        logger.log(logging.WARNING if state == "deaf" else logging.INFO, "%s", self._words)
        self._notify(f"STATUS={self._words}")
        self._publish([StateChanged(time=self._ear.seconds, state=state, reason=reason)])

    @property
    def _words(self) -> str:
        """The state for people."""
        if self._state == "listening":
            return f"Listening for {', '.join(self._ear.pipeline.thresholds)} on {self._ear.source.description}"
        if self._state in ("deaf", "muted"):
            return f"{self._state.capitalize()}: {self._reason}"
        return self._state.capitalize()

    def _publish(self, events: Iterable[Event]) -> None:
        for event in events:
            if self._silence.mute is None or not isinstance(event, Detection | NearMiss):
                self._publisher.publish(event)

    def _on_hook_end(self, event: HookEnded) -> None:
        """Called on the hook's thread."""
        self.ask(lambda: self._publisher.publish(event))

    def _take_mute(self, mute: Mute | None) -> None:
        self._silence.take(mute)
        self._ear.release(self._silence.is_released)
        self._settle()

    def _take_over(self, new: Assembly) -> None:
        if new.config.values.control != self._assembly.config.values.control:
            raise ConfigError(new.config.fault("control", "a change here counts from the next start on: restart it"))
        try:
            self._ear.exchange(new.config.values.audio, new.pipeline)
        except MicrophoneError as error:
            raise ConfigError(new.config.fault("audio.device", str(error))) from error
        self._assembly = new
        self._silence.keep_in(new.state_folder)
        log.set_up(new.config.values.log)
        self._runner.replace(new.hooks)
