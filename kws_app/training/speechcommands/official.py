"""Further clips of Speech Commands, as it is published: ``WORD/SPEAKER_nohash_N.wav``, in folders as deep as one likes.

The speaker's name says whom the corpus's own figures are measured on: Google's rule takes the SHA-1 of it (Warden 2018,
arXiv 1804.03209, section 7.3). Nothing is learnt from those speakers, nor from dev's.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kws_app.errors import ConfigError, Fault

logger = logging.getLogger(__name__)

NAME = re.compile(r"[0-9a-f]{8}_nohash_\d+")
MOST_A_CLASS = 2**27 - 1
"""Of the rule: hashes are spread over so many places."""
VALIDATION_PERCENT, TESTING_PERCENT = 10.0, 10.0


def official_set(speaker: str) -> str:
    """``validation``, ``testing`` or ``training``, by the corpus's rule."""
    place = int(hashlib.sha1(speaker.encode(), usedforsecurity=False).hexdigest(), 16) % (MOST_A_CLASS + 1)
    percent = place * 100 / MOST_A_CLASS
    if percent < VALIDATION_PERCENT:
        return "validation"
    return "testing" if percent < VALIDATION_PERCENT + TESTING_PERCENT else "training"


def further_clips(roots: Sequence[Path], listed: Iterable[Mapping[str, str]]) -> list[tuple[Path, str]]:
    """Clips and their words under *roots* that may be learnt from, each once.

    Args:
        listed: the rows of the manifest that they join. What it lists does not come twice.

    Raises:
        ConfigError: every folder that has none.
    """
    manifest = list(listed)
    judging = {row["speaker"] for row in manifest if row["path"].startswith("dev/")}
    taken = {(row["word"], Path(row["path"]).stem) for row in manifest}
    chosen: list[tuple[Path, str]] = []
    left_out, faults = Counter[str](), []
    for root in roots:
        before = len(chosen) + left_out.total()
        for path in _named(root):
            word, speaker = path.parent.name, speaker_of(path)
            if official_set(speaker) == "testing":
                left_out["of speakers that the corpus tests with"] += 1
            elif speaker in judging:
                left_out["of speakers of dev"] += 1
            elif (word, path.stem) in taken:
                left_out["there already"] += 1
            else:
                taken.add((word, path.stem))
                chosen.append((path, word))
        if len(chosen) + left_out.total() == before:
            faults.append(Fault(str(root), None, "", "holds no WORD/SPEAKER_nohash_N.wav, as Speech Commands has them"))
    if faults:
        raise ConfigError(*faults)
    logger.info("%d further clips; left out: %s", len(chosen), _listed(left_out))
    return chosen


def speaker_of(clip: Path) -> str:
    """The speaker that a clip of the corpus is named after."""
    return clip.name.split("_")[0]


def _named(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.wav") if NAME.fullmatch(path.stem))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items()) or "none"
