"""Moments of recordings that a model took for a keyword: the file that lists them for scenes to use again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kws_app.errors import ConfigError, Fault
from kws_app.wholefile import whole

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
    table = io.StringIO()
    rows = csv.writer(table, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
    rows.writerow(COLUMNS)
    for moment in moments:
        times = (f"{moment.start:.3f}", f"{moment.end:.3f}")
        rows.writerow([moment.path.resolve(), *times, moment.keyword, f"{moment.score:.3f}"])
    with whole(file) as out:
        out.write(table.getvalue().encode())


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
