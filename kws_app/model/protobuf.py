"""Reads protocol buffers within bounds: the fields that a table knows, each of its kind, and so many in all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kws_app.errors import ModelError

DAMAGED = "no ONNX model, or only a part of one"

LONGEST_VARINT = 10


class Kind(Enum):
    """What a field holds; the number is its wire type."""

    INTEGER = 0
    BYTES = 2
    FLOAT = 5


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message. A ``refusal`` is what is said of a model that has it."""

    name: str
    kind: Kind = Kind.BYTES
    repeated: bool = False
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The fields of a kind of message, by their numbers. ``name`` is what people call it."""

    name: str
    fields: Mapping[int, Field]


class Reader:
    """Reads messages of one file.

    Unlike the format's own libraries it takes no field that is not in the table, and none twice that can be only once:
    what we judge is then what they see.

    Args:
        most_parts: how many fields and listed integers are read before the file is refused: a small file can hold
            millions.
    """

    def __init__(self, most_parts: int) -> None:
        self._most_parts = self._left = most_parts

    def read(self, message: memoryview, table: Table) -> dict[str, Any]:
        """Return the fields of *message* by name: int, memoryview, or a list of them for what is repeated.

        Raises:
            ModelError: it is damaged, or has what the table does not know.
        """
        values: dict[str, Any] = {field.name: [] for field in table.fields.values() if field.repeated}
        place = 0
        while place < len(message):
            self._count()
            tag, place = _integer(message, place)
            field = _field(table, tag)
            if tag & 7 == Kind.BYTES.value:
                content, place = _bytes(message, place)
                found = list(self._packed(content)) if field.kind is Kind.INTEGER else [content]
            elif field.kind is Kind.FLOAT:
                found, place = [message[place : place + 4]], place + 4
            else:
                number, place = _integer(message, place)
                found = [number]
            if field.repeated:
                values[field.name] += found
            elif field.name in values:
                raise ModelError(f"its {table.name} has two of {field.name}")
            else:
                (values[field.name],) = found
        if place > len(message):
            raise ModelError(DAMAGED)
        return values

    def _packed(self, content: memoryview) -> Iterator[int]:
        """Integers that stand one behind the other."""
        place = 0
        while place < len(content):
            self._count()
            number, place = _integer(content, place)
            yield number

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ModelError(f"has more than {self._most_parts} parts, which no model of this kind has")


def signed(number: int) -> int:
    """The integer as an int64, which is how ONNX means all of its own."""
    return number - (1 << 64) if number >> 63 else number


def _field(table: Table, tag: int) -> Field:
    number, wire_type = tag >> 3, tag & 7
    if not number or wire_type not in {0, 1, 2, 5}:  # 3 and 4 are groups, which nobody writes any more
        raise ModelError(DAMAGED)
    field = table.fields.get(number)
    if field is None:
        raise ModelError(f"its {table.name} has a field {number}, which no step graph needs")
    if field.refusal is not None:
        raise ModelError(field.refusal)
    is_packed = wire_type == Kind.BYTES.value and field.kind is Kind.INTEGER and field.repeated
    if wire_type != field.kind.value and not is_packed:
        raise ModelError(DAMAGED)
    return field


def _bytes(message: memoryview, place: int) -> tuple[memoryview, int]:
    length, place = _integer(message, place)
    if length > len(message) - place:
        raise ModelError(DAMAGED)
    return message[place : place + length], place + length


def _integer(message: memoryview, place: int) -> tuple[int, int]:
    number = 0
    for shift, byte in enumerate(message[place : place + LONGEST_VARINT]):
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return number & (1 << 64) - 1, place + shift + 1
    raise ModelError(DAMAGED)
