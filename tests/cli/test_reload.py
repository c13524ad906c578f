"""Facts about ``kws-app reload``."""

from __future__ import annotations

import pytest

from kws_app.cli.main import main
from kws_app.errors import ConfigError, Fault
from tests.daemon.simulated_service import SimulatedService


@pytest.mark.usefixtures("service")
def test_a_reload_says_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reload"]) == 0
    assert capsys.readouterr().out == "reloaded the defaults: there is no configuration\n"


def test_a_refused_reload_names_every_mistake_and_is_78(
    service: SimulatedService, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = [Fault("config.yaml", line, "log", "is wrong") for line in (3, 5)]
    service.reload_error = ConfigError(*faults)

    assert main(["reload"]) == 78
    assert capsys.readouterr().err == "config.yaml:3: log: is wrong\nconfig.yaml:5: log: is wrong\n"
