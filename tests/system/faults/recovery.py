"""What every fault is asked: is it noticed, is it over soon after its cause is gone, is the next word heard?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

import numpy as np

from kws_app.arrays import RATE
from tests.conftest import SAID
from tests.system.daemon import Daemon
from tests.system.feeder import Feeder

NOTICED_SECONDS = 3 + 1
"""From the fault to the state that names it, and for its hook to say so on a machine that does other things, too."""

RECOVERED_SECONDS = 5
"""From the end of the cause to listening again."""

GONE = "is gone", "there is no input device", "does not open"
"""What it can say of a microphone, or its server, that is not there: as the stream ends, or as it cannot begin."""

HEARD_SECONDS = 3
"""From the beginning of a word of half a second to its hook, on a machine that does other things, too."""


class Patient(Daemon):
    """A daemon that faults happen to.

    Attributes:
        is_well: whether it heard what was said to it last.
    """

    is_well = False

    def goes_deaf(self, *reasons: str, within: float = NOTICED_SECONDS) -> None:
        """It notices, and says why: with one of *reasons*."""
        told = self.next("state", state="deaf", within=within)["reason"]
        assert any(reason in told for reason in reasons), f"it says {told!r} rather than one of {reasons}"

    def hears_again(self, *, within: float = RECOVERED_SECONDS, feeder: Feeder | None = None) -> None:
        """It listens again, in the same process, and hears the next word."""
        self.next("state", state="listening", within=within)
        self.hears(feeder=feeder)

    def hears(self, keyword: str = "rise", *, feeder: Feeder | None = None) -> None:
        """It hears the word that is said now."""
        feeder = feeder or self.microphone.feeder
        rest = np.zeros(RATE // 2)
        word = np.concatenate([rest, SAID[keyword](), rest])
        noise = np.random.default_rng(0).normal(scale=10, size=len(word))
        self.forget()
        feeder.speak(np.rint(word + noise).astype(np.int16))
        self.next("detection", keyword=keyword, within=HEARD_SECONDS)
        assert self.process.poll() is None
        self.is_well = True


class Ward:
    """One daemon for many faults, as long as it is well; then another, on a server of its own.

    Args:
        admit: makes a daemon that has started.
    """

    def __init__(self, admit: Callable[[], AbstractContextManager[Patient]]) -> None:
        self._admit = admit
        self._open = ExitStack()
        self._patient: Patient | None = None

    def __enter__(self) -> Ward:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def patient(self) -> Patient:
        """A daemon that listens."""
        if self._patient is None or not self._patient.is_well:
            self._open.close()
            self._patient = self._open.enter_context(self._admit())
        self._patient.is_well = False
        return self._patient
