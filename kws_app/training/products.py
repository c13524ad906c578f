"""Products with a matrix as it is stored, for loops over frames whose backward pass is written out.

A loop multiplies by the matrices of a cell at every frame, forward and back. Factors of a low rank, or a diagonal, take
a fraction of what the whole matrix takes there, and autograd makes a matrix of what is stored only once.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from torch import Tensor, nn

from kws_app.training.compression import Diagonal, LowRank, form_of


class Product(Protocol):
    """A matrix ``M`` ``(rows, columns)`` made of *stored* tensors."""

    stored: ClassVar[int]

    def __init__(self, *stored: Tensor) -> None: ...

    def of(self, x: Tensor) -> Tensor:
        """``x M'`` of ``(..., columns)``."""

    def back(self, dy: Tensor) -> Tensor:
        """The gradient ``dy M`` of ``x``."""

    def gradients(self, dy: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        """The gradients of what is stored, summed over ``dy`` ``(n, rows)`` and ``x`` ``(n, columns)``."""


class Whole:
    """The matrix itself."""

    stored = 1

    def __init__(self, M: Tensor) -> None:
        self.M = M

    def of(self, x: Tensor) -> Tensor:
        return x @ self.M.T

    def back(self, dy: Tensor) -> Tensor:
        return dy @ self.M

    def gradients(self, dy: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        return (dy.T @ x,)


class Factors:
    """``M = A B``, ``A`` ``(rows, rank)`` and ``B`` ``(rank, columns)``."""

    stored = 2

    def __init__(self, A: Tensor, B: Tensor) -> None:
        self.A, self.B = A, B

    def of(self, x: Tensor) -> Tensor:
        return (x @ self.B.T) @ self.A.T

    def back(self, dy: Tensor) -> Tensor:
        return (dy @ self.A) @ self.B

    def gradients(self, dy: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        return dy.T @ (x @ self.B.T), (dy @ self.A).T @ x


class Diagonals:
    """Square diagonal blocks on top of one another, ``D`` ``(blocks, columns)``."""

    stored = 1

    def __init__(self, D: Tensor) -> None:
        self.D = D

    def of(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(-2) * self.D).flatten(-2)

    def back(self, dy: Tensor) -> Tensor:
        products = dy.unflatten(-1, self.D.shape) * self.D
        return products[..., 0, :] if len(self.D) == 1 else products.sum(-2)

    def gradients(self, dy: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        return ((dy.unflatten(-1, self.D.shape) * x.unsqueeze(-2)).sum(0),)


Stored = tuple[type[Product], tuple[Tensor, ...]]
"""How to multiply by a matrix, and the tensors to do it with."""


def product_of(cell: nn.Module, name: str) -> Stored:
    """The matrix *name* of a cell, as it is stored where that is quicker.

    A GPU gets the whole matrix: there a frame costs what its kernels cost to start.
    """
    form, stored = form_of(cell, name)
    if stored[0].device.type == "cpu":
        match form:
            case Diagonal():
                return Diagonals, tuple(stored)
            case LowRank(groups=1) if _half_of_the_whole(*stored):
                return Factors, tuple(stored)
    return Whole, (getattr(cell, name),)


def _half_of_the_whole(A: Tensor, B: Tensor) -> bool:
    return 2 * (A.numel() + B.numel()) <= len(A) * B.shape[1]
