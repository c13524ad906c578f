"""Daemons that faults can happen to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kws_app.arrays import RATE
from tests.system.faults.recovery import Patient, Ward
from tests.system.virtual_microphone import VirtualMicrophone


@pytest.fixture(scope="session")
def config(tiny_model: Path) -> str:
    """As it ships, but for the word, and with more patience: one fault follows the other too soon to be forgotten."""
    return f"model: {{path: {tiny_model}}}\nkeywords: {{rise: {{}}}}\naudio: {{give_up_after_seconds: 600}}\n"


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, config: str) -> Iterator[Ward]:
    @contextmanager
    def admit() -> Iterator[Patient]:
        with (
            VirtualMicrophone(rate=RATE) as microphone,
            Patient(tmp_path_factory.mktemp("daemon"), microphone, config) as patient,
        ):
            patient.wait_until_ready()
            yield patient

    with Ward(admit) as ward:
        yield ward


@pytest.fixture
def daemon(ward: Ward) -> Patient:
    """It listens for "rise" on the microphone; faults that it survived may lie behind it."""
    return ward.patient()
