"""Facts about asking the worker."""

from __future__ import annotations

import threading

import pytest

from kws_app.daemon.inbox import Inbox
from kws_app.errors import HungError


def test_actions_run_on_the_worker_in_their_order() -> None:
    inbox, seen = Inbox(), []

    asker = threading.Thread(
        target=lambda: [inbox.ask(lambda n=n: seen.append((n, threading.get_ident()))) for n in range(3)]
    )
    asker.start()
    asker.join()
    inbox.work()

    assert seen == [(n, threading.get_ident()) for n in range(3)]


def test_whoever_asked_has_the_answer_or_the_error() -> None:
    inbox = Inbox()
    good, bad = inbox.ask(lambda: 42), inbox.ask(lambda: 1 // 0)

    inbox.work()

    assert good.result(0) == 42
    with pytest.raises(ZeroDivisionError):
        bad.result(0)


def test_a_question_that_was_taken_back_is_not_worked_on() -> None:
    inbox, seen = Inbox(), []
    inbox.ask(lambda: seen.append(1)).cancel()

    inbox.work()

    assert seen == []


def test_what_hangs_ends_the_worker_once_whoever_asked_was_told() -> None:
    def hang() -> None:
        raise HungError("closing the microphone has not returned")

    inbox = Inbox()
    asked = inbox.ask(hang)

    with pytest.raises(HungError):
        inbox.work()
    with pytest.raises(HungError):
        asked.result(0)


def test_nobody_waits_for_ever_when_the_daemon_ends() -> None:
    inbox = Inbox()
    before = inbox.ask(lambda: 1)

    inbox.close()

    assert before.cancelled()
    assert inbox.ask(lambda: 2).cancelled()
