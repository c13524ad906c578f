"""``kws-app devices``: the input devices there are, and which one the configuration picks."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

from kws_app.cli.options import add_config
from kws_app.errors import EX_OK, MicrophoneError

if TYPE_CHECKING:
    from kws_app.audio.portaudio import Device, PortAudio

LIST_SECONDS = 20.0
"""Of a small board; far less where nothing hangs."""

_Look: TypeAlias = tuple[list[dict[str, Any]], MicrophoneError | None]
"""The devices, and why none of them is the configured one."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "devices",
        help="list the microphones and the one that is picked",
        description="List the input devices. The one that the configuration picks has a star.",
        epilog="examples:\n  kws-app devices\n  kws-app devices -c /etc/kws-app/config.yaml --json",
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="a list of objects")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List the devices; if the configuration picks none of them, say so on standard error and by the exit code.

    Raises:
        HungError: PortAudio hangs. It does so on a thread of its own, so that Ctrl-C is heard.
    """
    from kws_app.config import load_config
    from kws_app.daemon.errand import Errand

    wanted = load_config(args.config).values.audio.device
    looks: list[_Look] = []
    errand = Errand("listing the devices", lambda: looks.append(_look(wanted)), limit_seconds=LIST_SECONDS)
    errand.wait()
    errand.raise_error()
    rows, complaint = looks[0]
    if complaint is not None:
        print(complaint, file=sys.stderr)
    if args.json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    elif rows:
        _print_table(rows)
    return EX_OK if complaint is None else complaint.exit_code


def _look(wanted: str | int | None) -> _Look:
    from kws_app.audio.portaudio import PortAudio

    with closing(PortAudio()) as portaudio:
        picked, complaint = None, None
        try:
            picked = portaudio.find(wanted)
        except MicrophoneError as error:
            complaint = error
        return [_facts(portaudio, device, picked) for device in portaudio.devices()], complaint


def _facts(portaudio: PortAudio, device: Device, picked: Device | None) -> dict[str, Any]:
    from kws_app.arrays import RATE

    return {**asdict(device), "opens_16khz": portaudio.opens(device, RATE), "picked": device == picked}


def _print_table(rows: list[dict[str, Any]]) -> None:
    width = max(len(row["name"]) for row in rows)
    print(f"   index  {'name':{width}}  {'host API':8}  channels  default rate  16 kHz")
    for row in rows:
        star, opens = "*" if row["picked"] else " ", "yes" if row["opens_16khz"] else "no"
        print(
            f" {star} {row['index']:5}  {row['name']:{width}}  {row['host_api']:8}  {row['channels']:8}  "
            f"{row['default_rate']:9} Hz  {opens}"
        )
