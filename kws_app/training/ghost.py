"""Ghost states: a few units of a recurrent cell are computed, and a cheap operation makes the others of them.

GhostRNN (Interspeech 2023, arXiv 2411.14489) found that many units of a trained network are near copies of others. Its
full text was not available to us.

- From its abstract: a few intrinsic states are computed, and a cheap operation makes ghost states of them.
- From a digest by others: the cell is a GRU, the cheap operation a linear map and an activation, and both kinds of
  states go into the next step.
- Our reconstruction: gates and candidate are those of the intrinsic states alone, the reset stands after the product,
  and the activation is tanh; at r = 2 the cell then saves the 40 % of a model's parameters that the digest reports.
  The other activations, the diagonal map and the ghosts of FastGRNN are ours, to compare with.

Symbols: ``r`` ghost ratio, ``m = n/r`` intrinsic units ``s``, ``n - m`` ghost units ``g``, ``h = [s ; g]``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from kws_app.training.activations import CHEAP
from kws_app.training.cells import GRU, Cell, FastGRNN
from kws_app.training.compression import Diagonal, macs_of
from kws_app.training.products import product_of


class Ghosts(Cell):
    """Stands before a cell in a class's bases and gives it ghosts: ``g_t = phi(Phi s_t + b_phi)``.

    The carried state is ``s`` alone, since ``g`` follows from it; at the zero start ``g_0 = phi(b_phi)``. A dense
    ``Phi`` starts orthogonal: with uniform starts the ghosts begin as near copies of ``s``, and half of ``U`` learns
    from redundant input. A diagonal one, a number a ghost, starts with signs, and with biases that bend each ghost
    at another place.
    """

    def __init__(self, d: int, n: int, *, r: int = 2, phi: str = "dense", after: str = "tanh", **options: Any) -> None:
        if n % r:
            raise ValueError(f"the ratio must divide the hidden size: {n} is no multiple of {r}")
        m = n // r
        super().__init__(d, n, m=m, **options)
        self.phi = CHEAP[after]
        self.Phi = nn.Parameter(nn.init.orthogonal_(torch.empty(n - m, m)))
        self.b_phi = nn.Parameter(torch.zeros(n - m))
        if phi == "diagonal":
            self.Phi.data = torch.cat([torch.eye(m)] * (r - 1)) * (2 * torch.randint(2, (n - m, 1)) - 1)
            self.b_phi.data.uniform_(-1, 1)
            parametrize.register_parametrization(self, "Phi", Diagonal())

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = self.sequence(x, state, product_of(self, "Phi"), self.b_phi, self.phi)
        return h, h[-1, :, : self.state_size]

    def whole(self, s: Tensor) -> Tensor:
        """``h`` of ``s``."""
        return torch.cat([s, self.phi.of(s @ self.Phi.T + self.b_phi)], dim=-1)

    @property
    def macs(self) -> int:
        return super().macs + 2 * macs_of(self, "Phi")  # twice: g is not carried


class GhostRNN(Ghosts, GRU):
    """GRU with ghost states::

    z_t   = sigmoid(W_z x_t + U_z h_{t-1} + b_z)
    rho_t = sigmoid(W_rho x_t + U_rho h_{t-1} + b_rho)
    c_t   = tanh(W_c x_t + b_c + rho_t * (U_c h_{t-1} + b_c'))
    s_t   = z_t * s_{t-1} + (1 - z_t) * c_t            m intrinsic units
    g_t   = phi(Phi s_t + b_phi)                       n - m ghost units, the cheap operation
    """


class GhostFastGRNN(Ghosts, FastGRNN):
    """FastGRNN with ghost states, our transfer of the idea::

    z_t  = sigmoid(W x_t + U h_{t-1} + b_z)
    s~_t = tanh(W x_t + U h_{t-1} + b_h)
    s_t  = (zeta (1 - z_t) + nu) * s~_t + z_t * s_{t-1}
    g_t  = phi(Phi s_t + b_phi)
    """
