"""Recurrent cells in their papers' symbols: RNN, FastRNN, FastGRNN, GRU and LSTM; ghosts are in ``ghost.py``.

All cells share one shape. Input ``x`` float32 ``(frames, batch, d)``, output ``y`` ``(frames, batch, outputs)``, state
``(batch, state_size)``. ``updated`` is the paper's equations for one frame, to be read and to be tested against;
``forward`` is the same over many frames. A zero state is every cell's start.

Symbols: ``d`` inputs, ``n`` hidden units; ``*`` is element by element. Every cell has its input matrix ``W`` and its
recurrent matrix ``U``, the rows of all gates on top of one another, so that ``compression.py`` can store them in
another form: a cell reads its matrices and does not know how they are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils import parametrize

from kws_app.training.activations import HARD_SIGMOID, HARD_TANH, LINEAR, SIGMOID, TANH, Activation
from kws_app.training.compression import macs_of
from kws_app.training.products import Stored, Whole, product_of
from kws_app.training.sequence import FastGatedSequence, GatedSequence

if TYPE_CHECKING:
    from kws_app.training.graph import Graph

LONGEST_MEMORY = 50.0
"""Steps; a second at a hop of 20 ms, longer than any of the words."""


class Cell(nn.Module):
    """A recurrent layer whose state is carried by its caller.

    Args:
        piecewise_linear: straight lines in place of sigmoid and tanh; FastGRNN's Q trains with them.
    """

    gates: ClassVar[int] = 1
    """Blocks of rows in ``W`` and ``U``."""
    W: nn.Parameter
    U: nn.Parameter

    def __init__(self, outputs: int, state_size: int, *, piecewise_linear: bool = False) -> None:
        super().__init__()
        self.outputs, self.state_size = outputs, state_size
        self.sigmoid, self.tanh = (HARD_SIGMOID, HARD_TANH) if piecewise_linear else (SIGMOID, TANH)

    def updated(self, Wx: Tensor, Uh: Tensor, h: Tensor) -> Tensor:
        """The paper's equations: ``h_t`` of ``W x_t``, ``U h_{t-1}`` and the ``h_{t-1}`` that it takes the place of."""
        raise NotImplementedError

    def advance(self, Wx: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One frame: ``W x`` ``(batch, rows of W)`` and a state to ``y`` ``(batch, outputs)`` and the next state."""
        state = self.updated(Wx, self.whole(state) @ self.U.T, state)
        return self.whole(state), state

    def whole(self, state: Tensor) -> Tensor:
        """What the cell gives and ``U`` reads, of the state that is carried."""
        return state

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Many frames: ``x`` ``(frames, batch, d)`` to ``y`` ``(frames, batch, outputs)`` and the last state."""
        outputs = []
        with parametrize.cached():  # a compressed matrix is made once, not once a frame
            for Wx in x @ self.W.T:  # one product for all frames
                y, state = self.advance(Wx, state)
                outputs.append(y)
        return torch.stack(outputs), state

    def sequence(self, x: Tensor, s: Tensor, Phi: Stored, b_phi: Tensor, phi: Activation) -> Tensor:
        """``h`` ``(frames, batch, n)`` of a cell that may have ghosts, which ``Phi`` makes of the carried units."""
        raise NotImplementedError

    def nodes(self, graph: Graph, x: str, state: str) -> tuple[str, str]:
        """One step as ONNX nodes, of a cell that ``cellsteps.py`` does not know: output and next state."""
        raise NotImplementedError

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one step."""
        return macs_of(self, "W") + macs_of(self, "U")


class RNN(Cell):
    """Simple recurrent network (Elman 1990)::

    h_t = tanh(W x_t + U h_{t-1} + b)

    ``U`` starts orthogonal.
    """

    def __init__(self, d: int, n: int, **options: Any) -> None:
        super().__init__(n, n, **options)
        self.W = nn.Parameter(torch.empty(n, d).uniform_(-(n**-0.5), n**-0.5))
        self.U = nn.Parameter(nn.init.orthogonal_(torch.empty(n, n)))
        self.b = nn.Parameter(torch.zeros(n))

    def updated(self, Wx: Tensor, Uh: Tensor, h: Tensor) -> Tensor:  # noqa: ARG002
        return self.tanh.of(Wx + Uh + self.b)


class FastRNN(Cell):
    """RNN with a weighted residual connection (Kusupati et al. 2018, arXiv 1901.02358, eq. 2)::

        h~_t = tanh(W x_t + U h_{t-1} + b)
        h_t  = alpha * h~_t + beta * h_{t-1}

    ``alpha`` and ``beta`` are stored as logits: one each as in the paper or, our variant, one each a unit. Starts as
    the authors' code does: weights 0.1 N(0, 1), biases 1, logits -3 and 3.
    """

    def __init__(self, d: int, n: int, *, alpha: str = "scalar", **options: Any) -> None:
        super().__init__(n, n, **options)
        self.W = nn.Parameter(0.1 * torch.randn(n, d))
        self.U = nn.Parameter(0.1 * torch.randn(n, n))
        self.b = nn.Parameter(torch.ones(n))
        logits = torch.ones(n if alpha == "vector" else 1)
        self.alpha, self.beta = nn.Parameter(-3 * logits), nn.Parameter(3 * logits)

    def updated(self, Wx: Tensor, Uh: Tensor, h: Tensor) -> Tensor:
        return torch.sigmoid(self.alpha) * self.tanh.of(Wx + Uh + self.b) + torch.sigmoid(self.beta) * h


class FastGRNN(Cell):
    """Fast gated recurrent network (Kusupati et al. 2018, arXiv 1901.02358, eq. 6)::

        z_t  = sigmoid(W x_t + U h_{t-1} + b_z)
        h~_t = tanh(W x_t + U h_{t-1} + b_h)          the same W and U in gate and candidate
        h_t  = (zeta (1 - z_t) + nu) * h~_t + z_t * h_{t-1}

    ``zeta`` and ``nu`` are stored as logits. Starts as the authors' code does: weights 0.1 N(0, 1), biases 1,
    logits 1 and -4.

    Nothing bounds ``h``: while a gate is near 1 each step adds ``nu h~_t``, and a large ``h`` holds gates at 1 by way
    of ``U``. That ends with a clip, but not with a stream: in training ``h`` passed 100 within twelve minutes of
    carried state, piecewise linear within four, and the word was never learnt. Our variant for streams, ``bounded``,
    gives away as large a share as it may take in::

    h_t = (zeta (1 - z_t) + nu) * h~_t + (1 - nu) z_t * h_{t-1}       |h| <= max(1, zeta + nu)

    Args:
        m: units that are computed and carried; fewer than ``n`` where ghosts make up the rest.
        bounded: the variant for streams.
    """

    def __init__(self, d: int, n: int, *, m: int | None = None, bounded: bool = False, **options: Any) -> None:
        m = m or n
        super().__init__(n, m, **options)
        self.bounded = bounded
        self.W = nn.Parameter(0.1 * torch.randn(m, d))
        self.U = nn.Parameter(0.1 * torch.randn(m, n))
        self.b_z = nn.Parameter(torch.ones(m))
        self.b_h = nn.Parameter(torch.ones(m))
        self.zeta = nn.Parameter(torch.tensor(1.0))
        self.nu = nn.Parameter(torch.tensor(-4.0))

    def shares(self) -> tuple[Tensor, Tensor, Tensor]:
        """``zeta``, ``nu``, and what a gate of 1 keeps of ``h``."""
        zeta, nu = torch.sigmoid(self.zeta), torch.sigmoid(self.nu)
        return zeta, nu, 1 - nu if self.bounded else torch.ones_like(nu)

    def updated(self, Wx: Tensor, Uh: Tensor, h: Tensor) -> Tensor:
        z, candidate = self.sigmoid.of(Wx + Uh + self.b_z), self.tanh.of(Wx + Uh + self.b_h)
        zeta, nu, kept = self.shares()
        return (zeta * (1 - z) + nu) * candidate + kept * z * h

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = self.sequence(x, state, *no_ghosts(x, self.state_size))
        return h, h[-1]

    def sequence(self, x: Tensor, s: Tensor, Phi: Stored, b_phi: Tensor, phi: Activation) -> Tensor:
        (U, U_stored), (ghosts, Phi_stored) = product_of(self, "U"), Phi
        how = (self.sigmoid, self.tanh, phi), (U, ghosts)
        own = self.b_z, self.b_h, *self.shares(), b_phi
        return FastGatedSequence.apply(x @ self.W.T, s, *own, *how, *U_stored, *Phi_stored)


def no_ghosts(x: Tensor, m: int) -> tuple[Stored, Tensor, Activation]:
    """A cheap operation that makes no unit of *m*: matrix, bias and activation."""
    return (Whole, (x.new_empty(0, m),)), x.new_empty(0), LINEAR


def slow_gates(units: int, longest: float) -> Tensor:
    """Biases of an update gate that remembers for 1 to *longest* steps, evenly spread.

    Chrono initialisation (Tallec and Ollivier 2018, arXiv 1804.11188): with biases of zero every unit starts out
    forgetting half of what it knows at each step, and a word of 30 steps is long in coming.
    """
    return torch.log(torch.empty(units).uniform_(1, longest))


class GRU(Cell):
    """Gated recurrent unit in the form that resets after the product (Cho et al. 2014, arXiv 1406.1078; cuDNN)::

        z_t   = sigmoid(W_z x_t + U_z h_{t-1} + b_z)
        rho_t = sigmoid(W_rho x_t + U_rho h_{t-1} + b_rho)
        c_t   = tanh(W_c x_t + b_c + rho_t * (U_c h_{t-1} + b_c'))
        h_t   = z_t * h_{t-1} + (1 - z_t) * c_t

    Rows stand in the order z, rho, c. Starts with orthogonal ``U`` and slow update gates.

    Args:
        m: units that are computed and carried; fewer than ``n`` where ghosts make up the rest.
        memory: steps that the slowest unit remembers at the start.
    """

    gates = 3

    def __init__(self, d: int, n: int, *, m: int | None = None, memory: float = LONGEST_MEMORY, **options: Any) -> None:
        m = m or n
        super().__init__(n, m, **options)
        self.W = nn.Parameter(torch.empty(3 * m, d).uniform_(-(n**-0.5), n**-0.5))
        self.U = nn.Parameter(torch.cat([nn.init.orthogonal_(torch.empty(m, n)) for _ in range(3)]))
        self.b = nn.Parameter(torch.zeros(3 * m))
        self.b.data[:m] = slow_gates(m, memory)
        self.b_c = nn.Parameter(torch.zeros(m))  # b_c', inside the reset

    def updated(self, Wx: Tensor, Uh: Tensor, h: Tensor) -> Tensor:
        Wz, Wrho, Wc = (Wx + self.b).chunk(3, dim=-1)
        Uz, Urho, Uc = Uh.chunk(3, dim=-1)
        z, rho = self.sigmoid.of(Wz + Uz), self.sigmoid.of(Wrho + Urho)
        return z * h + (1 - z) * self.tanh.of(Wc + rho * (Uc + self.b_c))

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = self.sequence(x, state, *no_ghosts(x, self.state_size))
        return h, h[-1]

    def sequence(self, x: Tensor, s: Tensor, Phi: Stored, b_phi: Tensor, phi: Activation) -> Tensor:
        (U, U_stored), (ghosts, Phi_stored) = product_of(self, "U"), Phi
        how = (self.sigmoid, self.tanh, phi), (U, ghosts)
        return GatedSequence.apply(linear(x, self.W, self.b), s, self.b_c, b_phi, *how, *U_stored, *Phi_stored)


class LSTM(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000), without peepholes::

        i_t = sigmoid(W_i x_t + U_i h_{t-1} + b_i)      likewise the gates f_t and o_t
        g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
        c_t = f_t * c_{t-1} + i_t * g_t
        h_t = o_t * tanh(c_t)

    The state is ``[h, c]``, and rows stand in the order i, f, g, o. Starts with orthogonal ``U`` and, by the chrono
    initialisation that GRU has too, with forget gates that remember and input gates that let in accordingly little.
    """

    gates = 4

    def __init__(self, d: int, n: int, *, memory: float = LONGEST_MEMORY, **options: Any) -> None:
        super().__init__(n, 2 * n, **options)
        self.W = nn.Parameter(torch.empty(4 * n, d).uniform_(-(n**-0.5), n**-0.5))
        self.U = nn.Parameter(torch.cat([nn.init.orthogonal_(torch.empty(n, n)) for _ in range(4)]))
        slow = slow_gates(n, memory)
        self.b = nn.Parameter(torch.cat([-slow, slow, torch.zeros(2 * n)]))

    def advance(self, Wx: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h, c = state.chunk(2, dim=-1)
        i, f, g, o = (Wx + h @ self.U.T + self.b).chunk(4, dim=-1)
        c = self.sigmoid.of(f) * c + self.sigmoid.of(i) * self.tanh.of(g)
        h = self.sigmoid.of(o) * self.tanh.of(c)
        return h, torch.cat([h, c], dim=-1)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        if self.tanh is not TANH:
            return super().forward(x, state)
        start = tuple(part.contiguous()[None] for part in state.chunk(2, dim=-1))
        # A Toeplitz-like matrix is a view of a larger one, which cuDNN refuses.
        weights = [weight.contiguous() for weight in (self.W, self.U, self.b, torch.zeros_like(self.b))]
        # cuDNN keeps what a backward pass needs only if it is told that this is training, dropout or not.
        y, h, c = torch.lstm(x, start, weights, True, 1, 0.0, torch.is_grad_enabled(), False, False)
        return y, torch.cat([h[0], c[0]], dim=-1)
