"""The page on Speech Commands: what the command writes into docs/speech-commands.md, and the pictures beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean

from kws_app.errors import ConfigError, Fault
from kws_app.training.speechcommands.redundancy import States, energy, likeness
from kws_app.training.speechcommands.results import Result
from kws_app.training.speechcommands.rows import Row
from kws_app.training.svg import Axis, document, dots, lines
from kws_app.wholefile import whole

BEGIN = "<!-- from here: kws-train report speech-commands -->"
END = "<!-- to here -->"
HEAD = (
    "| network | row | seeds | learnt from | float % | int8 % | carried % | parameters | not zero | MACs a step "
    "| file bytes | paper's KB | a byte each | us a step | the paper's |"
)
PICTURES = ("accuracy-over-bytes", "accuracy-over-macs", "energy", "likeness")

ByRow = Mapping[str, Sequence[Result]]
"""Of every row that has some, its networks."""


def write(page: Path, rows: Mapping[str, Row], found: ByRow, states: Mapping[str, States]) -> None:
    """Write the tables into *page*, between the two marks, and the pictures into the folder beside it.

    A picture of what is not among *states* stays as it was.

    Raises:
        ConfigError: the page is there and has not both marks.
        OutputError: it cannot be written.
    """
    before, after = _around(page)
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    named = dict(pictures(rows, found, states))
    for name, chart in named.items():
        with whole(folder / f"{name}.svg") as file:
            file.write(document(chart).encode())
    there = [name for name in PICTURES if (folder / f"{name}.svg").exists()]
    shown = [f"![{name.replace('-', ' ')}]({folder.name}/{name}.svg)" for name in there]
    text = "\n".join([BEGIN, "", *table(rows, found), "", *targets(found), "", *shown, "", END])
    with whole(page) as file:
        file.write(f"{before}{text}{after}".encode())


def _around(page: Path) -> tuple[str, str]:
    """What stands before and after the tables."""
    if not page.exists():
        return "# Speech Commands\n\n", "\n"
    text = page.read_text(encoding="utf-8")
    if text.find(BEGIN) < 0 or text.find(END) < text.find(BEGIN):
        raise ConfigError(Fault(str(page), None, "", f"has not the two lines between which to write: {BEGIN}, {END}"))
    return text[: text.index(BEGIN)], text[text.index(END) + len(END) :]


def table(rows: Mapping[str, Row], found: ByRow) -> Iterator[str]:
    """A row a network, under its section's name."""
    yield HEAD
    yield "|" + "---|" * (HEAD.count("|") - 1)
    section = ""
    for key, row in rows.items():
        if row.section != section:
            section = row.section
            yield f"| **{section}** |" + " |" * (HEAD.count("|") - 2)
        yield _row(key, row, found.get(key, ()))


def _row(key: str, row: Row, results: Sequence[Result]) -> str:
    if not results:
        return f"| {row.title} | `{key}` | 0 |" + " |" * (HEAD.count("|") - 5) + f" {row.paper} |"
    first = results[0]
    sparse = f"{first.nonzeros:,}" if first.nonzeros < 0.9 * first.parameters else ""
    cells = [
        row.title,
        f"`{key}`",
        len(results),
        _learnt(results),
        *(_spread([100 * getattr(result, name) for result in results]) for name in ("accuracy", "int8", "carried")),
        f"{first.parameters:,}",
        sparse,
        f"{first.macs:,}",
        f"{first.file_bytes:,}",
        f"{first.paper_bytes / 1024:.1f}",
        f"{first.paper_bytes_quantized / 1024:.1f}",
        f"{min(result.step_microseconds for result in results):.0f}",
        row.paper,
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _learnt(results: Iterable[Result]) -> str:
    """The hours of clips, and the updates; of seeds that had others, each once."""
    return "; ".join(sorted({f"{result.hours:.1f} h, {result.updates:,}" for result in results}))


def _spread(values: Sequence[float]) -> str:
    """The mean, and from where to where the seeds lie."""
    text = f"{mean(values):.1f}"
    return f"{text} ({min(values):.1f}-{max(values):.1f})" if len(values) > 1 else text


def targets(found: ByRow) -> Iterator[str]:
    """What was aimed at, and what came out."""
    yield "| aim | asked | found | |\n|---|---|---|---|"
    for says, (small, large, points, share) in _COMPARED.items():
        both = found.get(small, ()), found.get(large, ())
        seeds = " and ".join(str(len(results)) for results in both)
        lost = _points(both[1], "accuracy") - _points(both[0], "accuracy") if all(both) else None
        saved = 100 * (1 - both[0][0].parameters / both[1][0].parameters) if all(both) else None
        yield _aim(f"{says}: points lost ({seeds} seeds)", "at most", points, lost)
        yield _aim(f"{says}: parameters saved, %", "at least", share, saved)
    for key, share in _SHIPPED.items():
        right = _points(found[key], "int8") if key in found else None
        yield _aim(f"`models/{key}.onnx`: clips that are right, %", "at least", share, right)
    for says, before, after, points in _COSTS:
        costs = {
            key: mean(100 * (getattr(result, before) - getattr(result, after)) for result in results)
            for key, results in found.items()
        }
        most = max(costs, key=lambda key: costs[key], default="")
        yield _aim(
            f"{says}: points lost, the mean of {len(costs)} rows", "at most", points, mean(costs.values() or [0.0])
        )
        yield _aim(f"{says}: points lost by the row that loses most, `{most}`", "at most", points, costs.get(most))


_SHIPPED = {"commands": 95.0, "commands-tiny": 91.0}
"""What the shipped files should find."""

_COMPARED = {
    "GhostRNN r = 2 for GRU, n = 154": ("ghost2-154", "gru-154", 0.2, 40.0),
    "GhostRNN r = 4, n = 156, for GRU, n = 154": ("ghost4-156", "gru-154", 0.8, 40.0),
    "GhostRNN r = 2 for GRU, n = 100": ("ghost2-100", "gru-100", 0.2, 40.0),
    "GhostRNN r = 4 for GRU, n = 100": ("ghost4-100", "gru-100", 0.8, 40.0),
    "LSTM, hybrid for dense": ("lstm-100-hybrid", "lstm-100", 0.5, 75.0),
}
"""A small row, a large one, how many points may be lost, and what share of the parameters should be saved."""

_COSTS = (
    ("int8 weights", "accuracy", "int8", 0.3),
    ("the state carried over the stream", "int8", "carried", 0.5),
)


def _points(results: Iterable[Result], name: str) -> float:
    return mean(100 * getattr(result, name) for result in results)


def _aim(says: str, bound: str, asked: float, value: float | None) -> str:
    if value is None:
        return f"| {says} | {bound} {asked:g} | not trained | |"
    missing = value - asked if bound == "at most" else asked - value
    verdict = "reached" if missing < 0.005 else f"missed by {missing:.2f}"
    return f"| {says} | {bound} {asked:g} | {round(value, 2) + 0.0:.2f} | {verdict} |"  # no -0.0


def pictures(rows: Mapping[str, Row], found: ByRow, states: Mapping[str, States]) -> Iterator[tuple[str, str]]:
    """Name and chart."""
    if found:
        for name, attribute, title in (
            ("accuracy-over-bytes", "file_bytes", "bytes of the int8 file"),
            ("accuracy-over-macs", "macs", "multiply-accumulates a step"),
        ):
            yield name, _accuracy_over(rows, found, attribute, title)
    if states:
        quarters = {n / 4: f"{25 * n} %" for n in range(5)}
        share = Axis("share of the units", (0, 1), quarters)
        held = Axis("variance held by as many singular vectors", (0, 1), quarters)
        alike = Axis("cosine to the unit most like it, or more", (0, 1), {n / 4: f"{n / 4:g}" for n in range(5)})
        for name, measure, y in (("energy", energy, held), ("likeness", likeness, alike)):
            yield name, lines({key: _over_share(measure(hidden)) for key, hidden in states.items()}, share, y)


def _over_share(values: Iterable[float]) -> list[tuple[float, float]]:
    listed = list(values)
    return [((number + 1) / len(listed), float(value)) for number, value in enumerate(listed)]


def _accuracy_over(rows: Mapping[str, Row], found: ByRow, attribute: str, title: str) -> str:
    """A dot a row, coloured by its section."""
    sections: dict[str, dict[str, tuple[float, float]]] = {}
    for key, results in found.items():
        place = float(getattr(results[0], attribute)), _points(results, "int8")
        sections.setdefault(rows[key].section, {})[key] = place
    sizes, accuracies = zip(*(place for places in sections.values() for place in places.values()), strict=True)
    first, last = (math.floor(math.log2(size / 1000)) for size in (min(sizes), max(sizes)))
    thousands = {1000.0 * 2**n: f"{2**n}k" for n in range(first, last + 2)}
    low, high = math.floor(min(accuracies)), math.ceil(max(accuracies) + 0.01)
    step = math.ceil((high - low) / 8)
    x = Axis(title, (min(thousands), max(thousands)), thousands, math.log2)
    y = Axis("int8 accuracy, %", (low, high), {float(n): f"{n}" for n in range(low, high + 1, step)})
    return dots(sections, x, y)
