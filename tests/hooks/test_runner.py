"""Facts about how hooks run beside the audio."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from kws_app.events import Detection, Event, HookEnded, NearMiss, StateChanged
from kws_app.hooks.runner import HookFailedError, HookRunner, HookSettings


def heard(time: float = 1.0, keyword: str = "computer") -> Detection:
    return Detection(time=time, keyword=keyword, score=0.94, end=round(16_000 * time), threshold=0.9)


@dataclass
class Gate:
    """A hook that waits at a gate with every event, and knows what it was given."""

    settings: HookSettings = field(default_factory=HookSettings)
    name: str = "gate"
    fails: Exception | None = None
    given: list[Event] = field(default_factory=list)
    cancelled: bool = False
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    opened: threading.Event = field(default_factory=threading.Event)

    def run(self, event: Event) -> None:
        self.given.append(event)
        self.arrived.release()
        self.opened.wait()
        if self.fails is not None:
            raise self.fails

    def cancel(self) -> None:
        self.cancelled = True
        self.opened.set()


@contextmanager
def running(*hooks: Gate, drain_seconds: float = 5.0) -> Iterator[tuple[HookRunner, list[HookEnded]]]:
    ended: list[HookEnded] = []
    with HookRunner(hooks, on_end=ended.append, drain_seconds=drain_seconds) as runner:
        yield runner, ended


def outcomes(ended: list[HookEnded]) -> list[tuple[float, str]]:
    return sorted((event.time, event.outcome) for event in ended)


def test_a_hook_gets_every_event_that_it_wants_in_order() -> None:
    hook = Gate()
    hook.opened.set()

    with running(hook) as (runner, ended):
        for second in range(5):
            runner.submit(heard(second))

    assert [event.time for event in hook.given] == [0, 1, 2, 3, 4]
    assert outcomes(ended) == [(second, "ok") for second in range(5)]


def test_submitting_does_not_wait_for_a_hook_that_hangs() -> None:
    hook = Gate()
    with running(hook, drain_seconds=0.0) as (runner, _):
        runner.submit(heard())
        assert hook.arrived.acquire(timeout=5)

        began = time.monotonic()
        for second in range(1000):
            runner.submit(heard(second))

        assert time.monotonic() - began < 0.5


def test_a_hook_that_hangs_does_not_hold_up_another() -> None:
    hangs, works = Gate(name="hangs"), Gate(name="works")
    works.opened.set()
    with running(hangs, works, drain_seconds=0.0) as (runner, _):
        runner.submit(heard(1))
        runner.submit(heard(2))

        assert works.arrived.acquire(timeout=5)
        assert works.arrived.acquire(timeout=5)


def test_a_full_queue_drops_the_oldest_counts_it_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    hook = Gate(HookSettings(queue=2))
    with running(hook) as (runner, ended):
        runner.submit(heard(0))
        assert hook.arrived.acquire(timeout=5)
        for second in range(1, 6):
            runner.submit(heard(second))
        hook.opened.set()

    assert outcomes(ended) == [(0, "ok"), (1, "dropped"), (2, "dropped"), (3, "dropped"), (4, "ok"), (5, "ok")]
    assert runner.counts == {"ok": 3, "dropped": 3}
    assert [record.getMessage() for record in caplog.records] == ['hook "gate": 1 dropped: 2 newer events wait for it']


def test_a_hook_sees_only_its_kinds_of_event() -> None:
    hook = Gate(HookSettings(on=("near_miss", "state")))
    hook.opened.set()
    near_miss = NearMiss(time=2, keyword="computer", score=0.6, end=32_000, threshold=0.9)

    with running(hook) as (runner, _):
        for event in (heard(1), near_miss, StateChanged(time=3, state="listening")):
            runner.submit(event)

    assert [event.kind for event in hook.given] == ["near_miss", "state"]


def test_a_hook_sees_only_its_keywords_and_what_has_no_keyword() -> None:
    hook = Gate(HookSettings(on=("detection", "state"), keywords=("jarvis",)))
    hook.opened.set()

    with running(hook) as (runner, _):
        for event in (heard(1), heard(2, "jarvis"), StateChanged(time=3, state="listening")):
            runner.submit(event)

    assert [event.time for event in hook.given] == [2, 3]


def test_a_failure_is_logged_counted_and_told_and_the_next_event_still_runs(caplog: pytest.LogCaptureFixture) -> None:
    hook = Gate(fails=HookFailedError("the lamp is broken"))
    hook.opened.set()

    with running(hook) as (runner, ended):
        runner.submit(heard(1))
        runner.submit(heard(2))

    assert [(event.hook, event.outcome, event.message) for event in ended] == [
        ("gate", "failed", "the lamp is broken")
    ] * 2
    assert runner.counts == {"failed": 2}
    assert {record.getMessage() for record in caplog.records} == {'hook "gate": the lamp is broken'}


@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), SystemExit("of its own accord")])
def test_an_error_that_no_kind_foresaw_does_not_end_the_worker(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Gate(fails=error)
    hook.opened.set()

    with running(hook) as (runner, ended):
        runner.submit(heard(1))
        runner.submit(heard(2))

    assert [event.outcome for event in ended] == ["failed", "failed"]
    assert f"{type(error).__name__}: {error}" in caplog.text


def test_leaving_waits_for_what_is_queued() -> None:
    hook = Gate()
    with running(hook) as (runner, ended):
        runner.submit(heard(1))
        runner.submit(heard(2))
        threading.Timer(0.05, hook.opened.set).start()

    assert outcomes(ended) == [(1, "ok"), (2, "ok")]


def test_leaving_cancels_what_still_runs_and_drops_what_waits_after_the_drain_time() -> None:
    hook = Gate()
    with running(hook, drain_seconds=0.05) as (runner, ended):
        runner.submit(heard(1))
        assert hook.arrived.acquire(timeout=5)
        runner.submit(heard(2))

    assert hook.cancelled
    assert outcomes(ended) == [(1, "ok"), (2, "dropped")]


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    hook = Gate()
    hook.opened.set()

    with running(hook) as (runner, _):
        runner.submit(heard())

    assert threading.active_count() == before


def test_replaced_hooks_finish_what_waits_for_them_and_get_nothing_more() -> None:
    old, new = Gate(name="old"), Gate(name="new")
    new.opened.set()
    with running(old) as (runner, ended):
        runner.submit(heard(1))
        runner.submit(heard(2))
        assert old.arrived.acquire(timeout=5)
        runner.replace([new])
        runner.submit(heard(3))
        old.opened.set()

    assert sorted((event.hook, event.time) for event in ended) == [("new", 3), ("old", 1), ("old", 2)]


def test_what_replaced_hooks_did_still_counts() -> None:
    done, late, new = Gate(name="done"), Gate(name="late"), Gate(name="new", fails=HookFailedError("no"))
    done.opened.set()
    new.opened.set()
    with running(done, late) as (runner, _):
        runner.submit(heard(1))
        runner.submit(heard(2))
        assert all(hook.arrived.acquire(timeout=5) for hook in (done, done, late))
        runner.replace([new])
        assert runner.summary["queued"] == 1
        runner.submit(heard(3))
        late.opened.set()

    assert runner.summary == {"queued": 0, "ok": 4, "failed": 1, "dropped": 0}


def test_drops_are_told_at_most_once_a_minute_with_their_number(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    hook = Gate(HookSettings(queue=1))
    with running(hook, drain_seconds=0.0) as (runner, ended):
        runner.submit(heard(0))
        assert hook.arrived.acquire(timeout=5)
        for second in range(100):
            runner.submit(heard(second))

    assert len(caplog.records) == 1
    assert sum(event.outcome == "dropped" for event in ended) == 100
