"""Moments of recordings that a model took for a keyword: the file that lists them for scenes to use again."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kws_app.errors import ConfigError, Fault
from kws_app.training.tables import write_table

COLUMNS = ["path", "start_s", "end_s", "keyword", "score"]


@dataclass(frozen=True, slots=True)
class Moment:
    """What was heard between two times, in seconds, and how much it was like *keyword*."""

    path: Path
    start: float
    end: float
    keyword: str
    score: float


def write_moments(file: Path, moments: Iterable[Moment]) -> None:
    """Write all *moments*, or leave what was there before."""
    rows = [(m.path.resolve(), f"{m.start:.3f}", f"{m.end:.3f}", m.keyword, f"{m.score:.3f}") for m in moments]
    write_table(file, COLUMNS, rows)


def read_moments(file: Path) -> list[Moment]:
    """The moments that *file* lists.

    Raises:
        ConfigError: a line of it is no moment.
    """
    moments = []
    with file.open(newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 2):
            try:
                start, end, score = (float(row[column]) for column in ("start_s", "end_s", "score"))
                moments.append(Moment(Path(row["path"]), start, end, row["keyword"], score))
            except (KeyError, TypeError, ValueError) as error:
                raise ConfigError(Fault(str(file), number, "", "is no line of kws-train mine")) from error
    return moments
