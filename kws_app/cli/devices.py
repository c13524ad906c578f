"""``kws-app devices``: the input devices there are, and which one the configuration picks."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kws_app.cli.options import add_config
from kws_app.errors import EX_OK, MicrophoneError

if TYPE_CHECKING:
    from kws_app.audio.portaudio import Device, PortAudio


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
    """List the devices; if the configuration picks none of them, say so on standard error and by the exit code."""
    from kws_app.audio.portaudio import PortAudio
    from kws_app.config import load_config

    wanted = load_config(args.config).values.audio.device
    with closing(PortAudio()) as portaudio:
        status, picked = EX_OK, None
        try:
            picked = portaudio.find(wanted)
        except MicrophoneError as error:
            print(error, file=sys.stderr)
            status = error.exit_code
        rows = [_facts(portaudio, device, picked) for device in portaudio.devices()]
    if args.json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    elif rows:
        _print_table(rows)
    return status


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
