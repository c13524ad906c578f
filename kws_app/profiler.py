"""What listening costs on this board: processor time of every stage, memory of every part, start-up, wake-ups."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from kws_app.arrays import RATE, Samples
from kws_app.audio.resample import Resampler
from kws_app.audio.source import Block
from kws_app.board import board
from kws_app.decision import Decision
from kws_app.features.framing import Framing
from kws_app.features.mfcc import Mfcc
from kws_app.features.stacking import Stacking
from kws_app.model.stepper import Model
from kws_app.pipeline import KeywordSettings, Pipeline, front_end, keyword_rules

DEVICE_RATE, DEVICE_CHANNELS = 48_000, 2
"""Of the microphone whose resampling is timed: the commonest kind, so that boards can be compared."""

STAGE_SECONDS = 60
"""Audio that the stages are timed on; however long the listening, more of it would only fill the memory."""

START_UP = {
    "interpreter": "import json, sys, time",
    "numpy": "import numpy",
    "onnxruntime": "import kws_app.model.runtime",
    "model": "from pathlib import Path; from kws_app.model.stepper import load_model\n"
    "model = load_model(Path(sys.argv[1]))",
    "pipeline": "from kws_app.pipeline import Pipeline\nPipeline(model, {}).push(numpy.zeros(16_000, numpy.int16))",
    "ring": "import kws_app.audio.portaudio; from kws_app.audio.capture import Capture\n"
    "capture = Capture(48_000, 2, 'int16')\n"
    "for _ in range(10): capture.write(numpy.ones((48_000, 2), numpy.int16)); capture.read()",
}
"""What a starting daemon loads, in its order. "pipeline" ends with the first frames, "ring" has PyAudio in it."""

NOTE = """
notes = []
def note(part):
    with open("/proc/self/statm") as statm:
        notes.append((part, time.monotonic(), int(statm.read().split()[1])))
"""

Given = TypeVar("Given")
Made = TypeVar("Made")


class Source(Protocol):
    """Where audio comes from, in real time."""

    def blocks(self) -> Iterator[Block]: ...


def profile(source: Source, model: Model, keywords: Mapping[str, KeywordSettings], *, seconds: float) -> dict[str, Any]:
    """Listen to *source* for *seconds* and report, in values that JSON knows; *source* delivers in real time."""
    Pipeline(model, keywords).push(np.zeros(RATE, np.int16))  # what only first frames cost belongs to the start-up
    heard, spent = listen(source, Pipeline(model, keywords), seconds=seconds)
    return {"board": board(), **spent, "stages": stages(heard, model, keywords), **start_up(model.path)}


def listen(source: Source, pipeline: Pipeline, *, seconds: float) -> tuple[list[Samples], dict[str, Any]]:
    """Run the daemon's loop for *seconds*: the first blocks that came, and what the process spent on all of them."""
    heard: list[Samples] = []
    before, begin, cpu = resource.getrusage(resource.RUSAGE_SELF), time.monotonic(), time.process_time()
    for block in source.blocks():
        if block.lost:
            pipeline.lose(block.lost, block.reason or "")
        pipeline.push(block.samples)
        if pipeline.position < STAGE_SECONDS * RATE:
            heard.append(block.samples)
        if time.monotonic() - begin >= seconds:
            break
    cpu, elapsed = time.process_time() - cpu, time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_SELF)
    voluntary = after.ru_nvcsw - before.ru_nvcsw
    return heard, {
        "seconds": round(elapsed, 3),
        "frames": pipeline.frames,
        "cpu_percent": round(100 * cpu / elapsed, 3),
        "page_faults": {"minor": after.ru_minflt - before.ru_minflt, "major": after.ru_majflt - before.ru_majflt},
        "context_switches": {"voluntary": voluntary, "involuntary": after.ru_nivcsw - before.ru_nivcsw},
        "wake_ups_per_second": round(voluntary / elapsed, 1),
    }


def stages(heard: list[Samples], model: Model, keywords: Mapping[str, KeywordSettings]) -> dict[str, dict[str, float]]:
    """Processor time of every stage over *heard*, each by itself; "overhead" is what the pipeline takes beyond them."""
    mfcc, frame = front_end(model), model.card.frame
    framing, stacking = Framing(mfcc), Stacking(stack=frame.stack, skip=frame.skip)
    stepper, decision = model.stepper(), Decision(keyword_rules(model, keywords))
    spent: dict[str, float] = {}

    device_frames = [
        np.repeat(block[:, None], DEVICE_CHANNELS, axis=1).repeat(DEVICE_RATE // RATE, axis=0) for block in heard
    ]
    spent["resample"], _ = timed(Resampler(DEVICE_RATE, DEVICE_CHANNELS).push, device_frames)
    spent["framing"], _ = timed(framing.push, heard)
    framing.reset()
    frames = [framing.push(block).copy() for block in heard]
    spent["mfcc"], coefficients = timed(Mfcc(mfcc).compute, frames)
    rows = [row[None] for inputs, _ in map(stacking.push, coefficients) for row in inputs]
    spent["step"], scores = timed(lambda row: stepper.step(row)[0].tolist(), rows)
    columns = [model.card.keyword_ids.index(keyword) for keyword in keywords]
    heeded = [[row[column] for column in columns] for row in scores]
    spent["decision"], _ = timed(lambda row: decision.step(row, 0), heeded)
    whole, _ = timed(Pipeline(model, keywords).push, heard)
    spent["overhead"] = max(0.0, whole + spent["resample"] - sum(spent.values()))

    seconds = sum(map(len, heard)) / RATE
    return {
        stage: {
            "microseconds_per_frame": round(1e6 * cpu / max(1, len(rows)), 2),
            "cpu_percent": round(100 * cpu / seconds, 4) if seconds else 0.0,
        }
        for stage, cpu in spent.items()
    }


def timed(step: Callable[[Given], Made], given: Iterable[Given]) -> tuple[float, list[Made]]:
    """Seconds of this thread's processor time that *step* took over all of *given*, and what it made of them."""
    begin = time.thread_time()
    made = [step(item) for item in given]
    return time.thread_time() - begin, made


def start_up(model: Path) -> dict[str, Any]:
    """Seconds and bytes of memory that every part of a starting daemon takes, seen in an interpreter of its own."""
    parts = "".join(f"{statement}\nnote({part!r})\n" for part, statement in START_UP.items())
    program = f"{NOTE}\n{parts}\nprint(json.dumps(notes))"
    last_time, last_pages = time.monotonic(), 0
    done = subprocess.run(
        [sys.executable, "-c", program, str(model.absolute())],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    seconds, rss = {}, {}
    for part, now, pages in json.loads(done.stdout):
        seconds[part], rss[part] = round(now - last_time, 4), (pages - last_pages) * resource.getpagesize()
        last_time, last_pages = now, pages
    return {
        "start_up_seconds": seconds | {"total": round(sum(seconds.values()), 4)},
        "rss_bytes": rss | {"total": sum(rss.values())},
    }
