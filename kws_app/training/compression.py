"""Smaller matrices for any cell: low-rank factors, factors that gates share, Toeplitz-like structure.

Each form is a parametrization in torch's sense: it makes the whole matrix of what is stored, as often as a cell reads
the matrix, and what is to be stored of a whole matrix, as the start and whenever one is assigned. A cell multiplies by
the whole matrix, where ``products.py`` knows nothing quicker: for Toeplitz-like ones FFT is slower
(``benchmarks/forms.py``). A model file has what is stored.

Sources: low-rank factors as in FastGRNN (arXiv 1901.02358, eq. 7), factors that gates share and the structured matrices
as in Lu, Sindhwani and Sainath (arXiv 1604.02594) and Sindhwani, Sainath and Kumar (arXiv 1510.01722).
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from kws_app.schema import setting

ROUNDS = 10
"""Of alternating least squares."""
TINY = 1e-14
LEAST_HEARD = 1e-3
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


class Form(nn.Module):
    """How a matrix of ``gates`` blocks of rows is stored; what is stored are matrices too."""

    def macs(self, weight: Tensor) -> int:
        """Multiply-accumulates of a product with the matrix."""
        return weight.numel()


class LowRank(Form):
    """``M_i = A_i B_i`` for the rows of group ``i``; ``A`` is ``(rows, rank)``, ``B`` ``(groups * rank, columns)``.

    One group is one right factor for all gates. Made of a whole matrix it is the truncated SVD, the nearest there is.
    """

    def __init__(self, rank: int, groups: int) -> None:
        super().__init__()
        self.rank, self.groups = rank, groups

    def forward(self, A: Tensor, B: Tensor) -> Tensor:
        return (A.unflatten(0, (self.groups, -1)) @ B.unflatten(0, (self.groups, -1))).flatten(0, 1)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        left, right = truncated(weight.unflatten(0, (self.groups, -1)), self.rank)
        return left.flatten(0, 1), right.flatten(0, 1)

    def macs(self, weight: Tensor) -> int:
        rows, columns = weight.shape
        return self.rank * (rows + self.groups * columns)


class Toeplitz(Form):
    """Each gate's block is the corner of a square Toeplitz-like matrix, stored as generators ``G`` and ``H``.

    ``Z_f`` shifts down, with ``f`` in the top right corner. ``M`` has displacement rank ``r`` if
    ``Z_1 M - M Z_{-1} = G_1 H_1' + ... + G_r H_r'`` (arXiv 1510.01722). Toeplitz matrices have 2, products of them the
    sum of theirs, and with as many as rows any matrix can be written so. Both generators are ``(gates * rank, size)``,
    size being the longer side of a block: a block that is not square is padded.

    Stored are the generators of ``size M``, numbers of about 1. Each entry of ``M`` sums ``size`` products of them, and
    what an update adds to all of them sums up too: with the generators of ``M`` itself, numbers of about 0.1 at 100
    units, one update of Adam at a rate of 0.004 moved ``M`` by half of its size, and two such layers did not learn.
    """

    def __init__(self, rank: int, groups: int, rows: int, columns: int) -> None:
        super().__init__()
        self.rank, self.groups, self.rows, self.columns = rank, groups, rows // groups, columns
        self.size = max(self.rows, columns)

    def forward(self, G: Tensor, H: Tensor) -> Tensor:
        displacement = G.unflatten(0, (self.groups, -1)).mT @ H.unflatten(0, (self.groups, -1))
        return (from_displacement(displacement) / self.size)[:, : self.rows, : self.columns].flatten(0, 1)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        blocks = weight.unflatten(0, (self.groups, -1))
        square = nn.functional.pad(blocks, (0, self.size - self.columns, 0, self.size - self.rows))
        G, H = generators_of(self.size * square, self.rank)
        return G.flatten(0, 1), H.flatten(0, 1)


class Diagonal(Form):
    """Square diagonal blocks on top of one another, one row of numbers each."""

    def forward(self, diagonals: Tensor) -> Tensor:
        return torch.diag_embed(diagonals).flatten(0, 1)

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight.unflatten(0, (-1, weight.shape[1])).diagonal(dim1=1, dim2=2)

    def macs(self, weight: Tensor) -> int:
        return len(weight)


def truncated(matrices: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The nearest product of that rank, ``(..., rows, rank)`` and ``(..., rank, columns)``, both of the same scale."""
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    if rank > values.shape[-1]:
        raise ValueError(f"rank {rank} is more than the {values.shape[-1]} that a matrix of this shape can have")
    root = values[..., :rank].sqrt()
    return left[..., :rank] * root[..., None, :], root[..., None] * right[..., :rank, :]


def displacement_of(M: Tensor) -> Tensor:
    """``Z_1 M - M Z_{-1}`` of square matrices."""
    return M.roll(1, -2) - torch.cat([M[..., 1:], -M[..., :1]], dim=-1)


def from_displacement(D: Tensor) -> Tensor:
    """The square matrices ``(batch, size, size)`` with ``Z_1 M - M Z_{-1} = D``.

    Read along its wrapped diagonals that equation is ``M[i+1, j+1] = M[i, j] - D[i+1, j]``, and what comes out at the
    end is minus what went in: so a diagonal starts with half of its sum. It takes ``size**2`` additions.
    """
    at = torch.arange(D.shape[-1], device=D.device)
    along = D.gather(1, _rows(at[:, None] + at + 1, D))  # (batch, diagonal, place on it)
    sums = along.cumsum(-1)
    diagonals = sums[..., -1:] / 2 - (sums - along)
    return diagonals.gather(1, _rows(at[:, None] - at, D))


def _rows(index: Tensor, of: Tensor) -> Tensor:
    return (index % of.shape[-1]).expand_as(of)


def generators_of(M: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """``G`` and ``H`` ``(batch, rank, size)`` of square Toeplitz-like matrices near ``M``.

    The truncated SVD of the displacement alone comes out far away: of a random orthogonal matrix, farther than zero is.
    So it is only where alternating least squares start. In the eigenvectors of ``Z_1`` and ``Z_{-1}``, which a Fourier
    transform makes, each number of the matrix is one of the displacement's divided by a known number: the nearest ``G``
    to given ``H`` is then a small system for each of its columns, and the other way round.
    """
    size = M.shape[-1]
    turn = torch.exp(1j * math.pi / size * torch.arange(size, dtype=torch.double, device=M.device))
    divisor = turn.conj()[:, None] ** 2 - cmath.exp(-1j * math.pi / size) * turn**2
    D, weight = displacement_of(M.double()), divisor.abs() ** -2
    H = torch.fft.fft(truncated(D, rank)[1] * turn)
    D = torch.fft.fft(torch.fft.fft(D, dim=1) * turn)
    for _ in range(ROUNDS):
        G = _least_squares(D, H, weight)
        H = _least_squares(D.mT, G, weight.T)
    G, H = torch.fft.ifft(G).real, (torch.fft.ifft(H) * turn.conj()).real
    scale = (H.norm(dim=-1, keepdim=True) / G.norm(dim=-1, keepdim=True).clamp_min(TINY)).clamp_min(TINY).sqrt()
    return (G * scale).to(M.dtype), (H / scale).to(M.dtype)


def _least_squares(D: Tensor, H: Tensor, weight: Tensor) -> Tensor:
    """The ``G`` for which ``G' H`` is nearest to ``D``, differences weighted."""
    weighted = weight[:, None] * H.conj()[:, None]  # (batch, column of G, rank, size)
    normal = weighted @ H.mT[:, None]
    # A little more on the diagonal: a matrix of a lower rank than asked for leaves nothing to solve.
    more = TINY * normal.diagonal(dim1=-2, dim2=-1).abs().amax(-1).clamp_min(TINY)
    normal = normal + more[..., None, None] * torch.eye(normal.shape[-1], device=D.device)
    return torch.linalg.solve(normal, weighted @ D[..., None]).squeeze(-1).mT


def compress(cell: nn.Module, name: str, settings: MatrixSettings, *, gates: int) -> None:
    """Store the matrix *name* of a cell as *settings* say, as near as that comes to what it is now.

    Raises:
        ValueError: it would take more numbers than the matrix has.
    """
    weight = getattr(cell, name)
    form: Form
    match settings.form:
        case "dense":
            return
        case "toeplitz":
            form = Toeplitz(settings.rank, gates, *weight.shape)
        case "low_rank":
            form = LowRank(settings.rank, gates)
        case _:
            form = LowRank(settings.rank, 1)
    parametrize.register_parametrization(cell, name, form)
    stored = sum(factor.numel() for factor in cell.parametrizations[name].parameters())
    if stored > weight.numel():
        raise ValueError(
            f"{name}: {settings.form} of rank {settings.rank} takes {stored} numbers, more than the {weight.numel()} "
            "of the whole matrix; use a lower rank, or form dense"
        )


def form_of(cell: nn.Module, name: str) -> tuple[Form | None, list[nn.Parameter]]:
    """How the matrix *name* of a cell is stored, None being whole, and what is stored."""
    if not parametrize.is_parametrized(cell, name):
        return None, [getattr(cell, name)]
    stored = cell.parametrizations[name]
    return stored[0], list(stored.parameters())


@torch.no_grad()
def assign(cell: nn.Module, name: str, weight: Tensor, heard: Tensor | None = None) -> None:
    """Make the matrix *name* of a cell *weight*, or as near to it as the matrix is stored.

    Columns that *weight* lacks become zeros.

    Args:
        heard: ``(vectors, columns of weight)``, examples of what *weight* is multiplied with. Factors of a low rank are
            then those whose products with these are nearest, and not those whose numbers are.
    """
    form, stored = form_of(cell, name)
    if isinstance(form, LowRank) and heard is not None:
        root, inverse = metric_of(heard)
        A, B = form.right_inverse(weight.double() @ root)
        stored[0].copy_(A)
        stored[1].copy_(widened(B @ inverse, stored[1].shape[1]))
        return
    weight = widened(weight.detach(), getattr(cell, name).shape[1])
    if form is None:
        stored[0].copy_(weight)
    else:
        setattr(cell, name, weight)


def metric_of(heard: Tensor) -> tuple[Tensor, Tensor]:
    """Of vectors ``(vectors, n)`` the symmetric ``R`` for which ``|v R|**2`` is the mean of ``(v x)**2``; its inverse.

    The truncated SVD of ``M R`` is then, times the inverse, the nearest to ``M`` by what it makes of such vectors (Chen
    et al. 2021, "DRONE: Data-aware low-rank compression for large NLP models"). Directions that hardly occur are taken
    to be a thousandth as long as the longest.
    """
    heard = heard.double()
    values, vectors = torch.linalg.eigh(heard.T @ heard / len(heard))
    lengths = values.clamp_min(LEAST_HEARD**2 * values[-1].clamp_min(TINY)).sqrt()
    return (vectors * lengths) @ vectors.T, (vectors / lengths) @ vectors.T


def widened(matrix: Tensor, columns: int) -> Tensor:
    """The matrix with columns of zeros after its own: what they are for is not read.

    Raises:
        ValueError: it has more columns than that.
    """
    if matrix.shape[1] > columns:
        raise ValueError(f"a matrix of {matrix.shape[1]} columns has no place in one of {columns}")
    return nn.functional.pad(matrix, (0, columns - matrix.shape[1]))


def macs_of(cell: nn.Module, name: str) -> int:
    """Multiply-accumulates of a product with the matrix *name* of a cell."""
    form, stored = form_of(cell, name)
    return stored[0].numel() if form is None else form.macs(getattr(cell, name))
