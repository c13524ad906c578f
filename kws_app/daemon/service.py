"""The daemon: start, main loop, stop. A signal sets a flag; the loop acts on it between two blocks."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from kws_app import log
from kws_app.arrays import RATE
from kws_app.audio.microphone import AudioSettings, Microphone
from kws_app.audio.source import Block
from kws_app.config import load_config
from kws_app.daemon.assembly import Assembly, assemble
from kws_app.daemon.eventlog import EventLog
from kws_app.daemon.memory import trim
from kws_app.daemon.notify import Notifier
from kws_app.daemon.signals import Signals
from kws_app.daemon.watchdog import Watchdog
from kws_app.errors import ConfigError, KwsError, MicrophoneError, NoPermissionError
from kws_app.events import Event, StateChanged
from kws_app.hooks.runner import HookRunner

logger = logging.getLogger(__name__)


class Source(Protocol):
    """Where audio comes from."""

    description: str

    def __enter__(self) -> Source: ...

    def __exit__(self, *_: object) -> None: ...

    def blocks(self) -> Iterator[Block]:
        """Yield what comes until there is no more; an empty block when nothing has come for a while."""


class Service:
    """Listens until it is told to stop, or a recording ends.

    Args:
        file: the configuration; None: where it is looked for, or the defaults.
        recording: played in real time in place of the microphone.
        microphone: what listens if there is no recording.
    """

    def __init__(
        self,
        file: Path | None = None,
        *,
        recording: Path | None = None,
        microphone: Callable[[AudioSettings], Source] = Microphone,
    ) -> None:
        self._file, self._recording, self._microphone = file, recording, microphone
        self._notify = Notifier()
        self._watchdog = Watchdog(self._notify)
        self._event_log = EventLog()
        self._sources = ExitStack()
        self._state = ""

    def run(self) -> None:
        """Start, listen, stop.

        Raises:
            ConfigError: everything that is wrong with the configuration.
            NoPermissionError: this user may not read it.
            MicrophoneError: there is no microphone, or it fell silent for too long.
            RecordingError: the recording cannot be read.
        """
        with Signals() as self._asked:
            self._assembly = assemble(load_config(self._file))
            self._pipeline = self._assembly.pipeline
            log.set_up(self._assembly.config.values.log)
            with HookRunner(self._assembly.hooks) as self._runner, self._sources, self._states():
                self._open_source(self._assembly.config.values.audio)
                self._listen()
            logger.info("Stopped after %.0f s of audio; hooks: %s", self._seconds, _told(self._runner.counts))

    @contextmanager
    def _states(self) -> Iterator[None]:
        """From starting to stopping, with the reason if it was not asked for."""
        self._change("starting", "Starting")
        reason = None
        try:
            yield
        except KwsError as error:
            reason = str(error)
            raise
        finally:
            self._asked.limit_stop()
            self._change("stopping", "Stopping", "STOPPING=1", reason=reason)

    def _open_source(self, settings: AudioSettings) -> None:
        self._source = self._sources.enter_context(self._new_source(settings))

    def _new_source(self, settings: AudioSettings) -> Source:
        if self._recording is None:
            return self._microphone(settings)
        from kws_app.audio.wavefile import WaveFile  # loads soundfile, which nothing but a recording needs

        return WaveFile(self._recording, paced=True)

    def _listen(self) -> None:
        """Take blocks until the source ends or we are to stop; a reload may bring another source."""
        is_over = False
        while not is_over:
            is_over = self._listen_to(self._source)

    def _listen_to(self, source: Source) -> bool:
        """Whether it is over, rather than another source's turn."""
        for block in source.blocks():
            if self._asked.stop:
                return True
            if self._asked.reload:
                self._reload()
                if self._source is not source:
                    return False
            self._take(block)
        return True

    def _take(self, block: Block) -> None:
        if block.lost:
            self._publish(self._pipeline.lose(block.lost, block.reason or "unknown"))
        if not len(block.samples):
            return
        self._publish(self._pipeline.push(block.samples))
        if self._state == "starting":
            trim()
            self._change("listening", self._listening, "READY=1")
        self._watchdog.beat(self._pipeline.frames)

    def _publish(self, events: Iterable[Event]) -> None:
        for event in events:
            self._event_log.tell(event)
            self._runner.submit(event.stamped(datetime.now(UTC)))

    def _change(self, state: str, words: str, *notices: str, reason: str | None = None) -> None:
        """Go to another state and tell people, programs and systemd."""
        self._state = state
        logger.info("%s", words)
        self._notify(*notices, f"STATUS={words}")
        self._publish([StateChanged(time=self._seconds, state=state, reason=reason)])

    @property
    def _listening(self) -> str:
        return f"Listening for {', '.join(self._assembly.config.values.keywords)} on {self._source.description}"

    @property
    def _seconds(self) -> float:
        return self._pipeline.position / RATE

    def _reload(self) -> None:
        """Take over a configuration that is valid; of one that is not, name every mistake and keep the old one."""
        self._asked.reload = False
        self._notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._take_over(assemble(load_config(self._file)))
        except (ConfigError, NoPermissionError) as error:
            for line in str(error).splitlines():
                logger.error("%s", line)
            logger.error("Not reloaded; the old configuration stays")
        else:
            logger.info("Reloaded")
        if self._state == "listening":
            self._notify("READY=1", f"STATUS={self._listening}")

    def _take_over(self, new: Assembly) -> None:
        old_audio, audio = self._assembly.config.values.audio, new.config.values.audio
        if self._recording is None and audio != old_audio:
            self._switch_source(old_audio, new)
        else:  # the stream goes on, so its time does
            new.pipeline.lose(self._pipeline.position, "not heard by this pipeline")
        self._assembly, self._pipeline = new, new.pipeline
        log.set_up(new.config.values.log)
        self._runner.replace(new.hooks)

    def _switch_source(self, old: AudioSettings, new: Assembly) -> None:
        """Open the new microphone, or the old one again: a card often cannot be open twice."""
        self._sources.close()
        try:
            self._open_source(new.config.values.audio)
        except MicrophoneError as error:
            self._open_source(old)
            raise ConfigError(new.config.fault("audio.device", str(error))) from error


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "none ran"
