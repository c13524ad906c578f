"""Facts about what the daemon says of itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime

from kws_app.daemon.status import Status, Tally, cpu_percent, rss_bytes
from kws_app.events import AudioLost, Detection, NearMiss
from tests.conftest import ROOT

PROMISED = {
    *("state", "since", "device", "rate", "frames", "seconds_since_last_frame", "lag_seconds", "level_dbfs"),
    *("noise_floor_dbfs", "gaps", "overflows", "keywords", "hooks", "cpu_percent", "rss_bytes", "model", "version"),
    "uptime",
}


def test_its_json_has_all_that_programs_read_and_times_that_people_read() -> None:
    status = Status(
        state="muted",
        reason="no events",
        since=datetime(2026, 3, 1, 12, 41, 7, tzinfo=UTC),
        device="default",
        rate=48_000,
        frames=7,
        seconds_since_last_frame=0.0123456,
        lag_seconds=0.0,
        level_dbfs=-60.0,
        noise_floor_dbfs=-62.0,
        gaps=0,
        overflows=0,
        keywords={"computer": {"detections": 1, "near_misses": 0}},
        hooks={"queued": 0, "ok": 1, "failed": 0, "dropped": 0},
        mute="no_events",
        muted_until=None,
        model="models/wakewords-en.onnx",
        config=None,
        version="0.1.0",
        uptime=1.0,
    )

    said = json.loads(json.dumps(status.as_dict()))

    assert said.keys() >= PROMISED
    assert (said["since"], said["seconds_since_last_frame"]) == ("2026-03-01T12:41:07.000Z", 0.0123)
    assert said["pid"] == os.getpid()


def test_the_share_of_the_processor_is_that_of_the_whole_life() -> None:
    program = (
        "import time\n"
        "from kws_app.daemon.status import cpu_percent\n"
        "time.sleep(0.3)\n"
        "begin = time.process_time()\n"
        "while time.process_time() < begin + 0.3: pass\n"
        "print(cpu_percent())\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    share = float(done.stdout)
    assert 100 * 0.3 / (time.monotonic() - began) < share < 100


def test_resident_memory_is_a_few_megabytes_at_least() -> None:
    assert 10_000_000 < rss_bytes() < 10_000_000_000
    assert cpu_percent() > 0


def test_what_happened_is_counted_by_keyword() -> None:
    tally = Tally()
    for keyword in ("rise", "rise", "fall"):
        tally.note(Detection(time=1, keyword=keyword, score=0.9, end=1, threshold=0.5))
    tally.note(NearMiss(time=1, keyword="rise", score=0.4, end=1, threshold=0.5))
    tally.note(AudioLost(time=1, seconds=1, reason="test"))

    assert tally.of("rise") == {"detections": 2, "near_misses": 1}
    assert tally.of("hum") == {"detections": 0, "near_misses": 0}
    assert tally.gaps == 1
