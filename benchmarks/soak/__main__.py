"""``python -m benchmarks.soak HOURS``: ends with 1 if a word was missed, or something grew."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import redirect_stderr
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is loaded, as kws-app itself does

from benchmarks.soak import words
from benchmarks.soak.growth import Growth
from benchmarks.soak.room import Room
from benchmarks.soak.run import Soak
from kws_app.model.shipped import DEFAULT_MODEL, find_shipped
from kws_app.model.stepper import load_model

LOOKS = 90

MOST_GROWTH_KILOBYTES = 1000
"""The allocator's own ups and downs are a few hundred."""

MISTAKES_SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("hours", type=float, help="hours of audio")
    parser.add_argument("--model", type=Path, default=find_shipped(DEFAULT_MODEL), help="which hears")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random")
    args = parser.parse_args()
    said = words.recordings(load_model(args.model).card.keyword_ids)
    room = Room(said, words.talk(), seconds=3600 * args.hours, seed=args.seed)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"STATE_DIRECTORY": folder, "RUNTIME_DIRECTORY": folder}
        soak = Soak(Path(folder), room, args.model.absolute(), look_seconds=3600 * args.hours / LOOKS)
        began = time.monotonic()
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
            soak.run()  # what it logs, spoiled configurations above all, is meant to be so
        took = time.monotonic() - began
    print(f"{room.now() / 3600:.1f} h of audio in {took:.0f} s ({room.now() / took:.0f} times real time)")
    return report(soak)


def report(soak: Soak) -> int:
    """Print what happened and return the exit code."""
    growth, last = Growth.over(soak.looks), soak.looks[-1]
    print(", ".join(f"{count} {what}" for what, count in soak.counts.most_common()))
    print(f"{len(soak.missed)} missed, {len(soak.unexpected)} unexpected")
    for mistake in (soak.missed + soak.unexpected)[:MISTAKES_SHOWN]:
        print(f"  {mistake}")
    print(f"{last.kilobytes / 1000:.1f} MB, {growth.kilobytes:+.0f} kB ({growth.kilobytes_per_hour:+.1f} kB an hour)")
    print(f"{last.descriptors} descriptors, {growth.descriptors:+d}; {last.threads} threads, {growth.threads:+d}")
    has_grown = growth.kilobytes > MOST_GROWTH_KILOBYTES or growth.descriptors > 0 or growth.threads > 0
    return int(bool(soak.missed or soak.unexpected or has_grown))


if __name__ == "__main__":
    sys.exit(main())
