"""Smaller matrices for any cell: low-rank factors, factors that gates share, Toeplitz-like structure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kws_app.schema import setting

FORMS = ("dense", "low_rank", "shared", "toeplitz")


@dataclass(frozen=True, slots=True)
class MatrixSettings:
    """How one matrix of a cell is stored."""

    form: str = setting("dense", one_of=FORMS, help="shared: low rank with one right factor for all gates")
    rank: int = setting(0, between=(0, 1024), help="of the factors, or of the displacement if toeplitz")
    kept: float = setting(1.0, between=(0.01, 1), help="share of the entries that hard thresholding leaves")

    def __post_init__(self) -> None:
        if (self.form == "dense") != (self.rank == 0):
            needs = "no rank" if self.form == "dense" else "a rank of 1 or more"
            raise ValueError(f"form {self.form} needs {needs}, got {self.rank}")


def factors(names: Iterable[str], cell: str, matrix: str) -> list[str]:
    """Of all parameter *names* those that a *matrix* of a *cell* is made of."""
    return [
        name for name in names if name == f"{cell}.{matrix}" or name.startswith(f"{cell}.parametrizations.{matrix}.")
    ]
