"""Lists for people and for the next command: tab-separated tables with their columns' names on top."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from kws_app.wholefile import whole


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write all *rows*, or leave what was there before.

    Raises:
        OutputError: it cannot be written.
    """
    table = io.StringIO()
    lines = csv.writer(table, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
    lines.writerow(columns)
    lines.writerows(rows)
    with whole(path) as file:
        file.write(table.getvalue().encode())
