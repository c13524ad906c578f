"""A daemon to talk to, where the commands look for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kws_app.daemon.control import ControlServer
from kws_app.directories import ControlSettings
from tests.daemon.simulated_service import SimulatedService


@pytest.fixture
def service() -> Iterator[SimulatedService]:
    """A service without audio behind a real control socket, in the usual place."""
    with SimulatedService() as service, ControlServer(ControlSettings(), service):
        yield service
