"""Listens to the configured microphone for some seconds and prints, as JSON, what the daemon's judge says of it.

A program of its own: ``python -m kws_app.doctor.listening [-c FILE]``. PortAudio may hang in it, abort, or spin.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from kws_app.audio.microphone import Microphone
from kws_app.audio.settings import AudioSettings
from kws_app.config import load_config
from kws_app.daemon.hearing import Hearing
from kws_app.daemon.meter import Meter
from kws_app.errors import EX_OK, KwsError

SECONDS = 3.0
"""The judge needs 2.3 of them to tell a wrong rate."""

BELIEVED_SECONDS = 2.0


def main() -> int:
    """Print one object, or a sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m kws_app.doctor.listening")
    parser.add_argument("-c", "--config", type=Path, metavar="FILE")
    try:
        heard = listen(load_config(parser.parse_args().config).values.audio)
    except KwsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(heard))
    return EX_OK


def listen(settings: AudioSettings) -> dict[str, Any]:
    """What *settings*' microphone delivers.

    Raises:
        MicrophoneError: it does not open, or goes away.
    """
    settings = replace(settings, deaf_after_seconds=BELIEVED_SECONDS, digital_silence_seconds=BELIEVED_SECONDS)
    meter, fault = Meter(), None
    with Microphone(settings) as microphone:
        hearing = Hearing(settings)
        hearing.reopened(microphone.rate or 0)
        begin, cpu = time.monotonic(), time.process_time()
        for block in microphone.blocks():
            if len(block.samples):
                meter.push(block.samples)
            fault = hearing.judge(block.samples, microphone.delivery) or fault
            if time.monotonic() - begin >= SECONDS:
                break
        spent = (time.process_time() - cpu) / (time.monotonic() - begin)
        frames = microphone.delivery.frames
    level = meter.level({})
    return {
        "device": microphone.description,
        "fault": fault,
        "frames": frames,
        "level_dbfs": level.level_dbfs,
        "peak_dbfs": level.peak_dbfs,
        "clipped": level.clipped,
        "cpu_share": round(spent, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
