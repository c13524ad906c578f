"""Make examples/commands.flac: the ten commands, each said by somebody else, from clips of Speech Commands v0.02.

``python scripts/make_commands_sample.py DATA`` with the folder of ``speech_commands/dev``. The clips are P. Warden's
(arXiv 1804.03209), CC BY 4.0, of speakers that no shipped model learnt from; they were joined and given a little noise.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile

from kws_app.arrays import RATE

SAMPLE = Path(__file__).parent.parent / "examples" / "commands.flac"

CLIPS = (
    "yes/f264e0df_nohash_2",
    "no/6d818f6c_nohash_2",
    "up/412c675c_nohash_0",
    "down/3bdf05d3_nohash_0",
    "left/283d7a53_nohash_0",
    "right/1bc45db9_nohash_1",
    "on/cfbedff9_nohash_0",
    "off/135c6841_nohash_0",
    "stop/43fc47a7_nohash_0",
    "go/50033893_nohash_0",
)
FIRST_SECONDS, GAP_SECONDS = 0.5, 0.2
NOISE = 20.0  # RMS of 16-bit samples: between the clips a recording is not digital silence


def main(dev: Path) -> None:
    parts = [np.zeros(round(FIRST_SECONDS * RATE))]
    for clip in CLIPS:
        said, rate = soundfile.read(dev / f"{clip}.ogg", dtype="int16")
        assert rate == RATE, f"{clip}: {rate} Hz"
        parts += [said, np.zeros(round(GAP_SECONDS * RATE))]
    joined = np.concatenate(parts)
    joined += np.random.default_rng(0).normal(0, NOISE, len(joined))
    soundfile.write(SAMPLE, joined.clip(-(2**15), 2**15 - 1).astype(np.int16), RATE)
    print(f"{SAMPLE.name}: {len(joined) / RATE:.1f} s, {SAMPLE.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
