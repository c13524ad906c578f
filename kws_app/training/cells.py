"""Recurrent cells in their papers' symbols: GRU, FastGRNN, GhostRNN.

All cells share one shape. Input ``x`` float32 ``(frames, batch, d)``, output ``y`` ``(frames, batch, outputs)``, state
``(batch, state_size)``. ``step`` is the paper's equations for one frame, to be read and to be tested
against; ``forward`` is the same over many frames, fast. A zero state is every cell's start.

Symbols: ``d`` inputs, ``n`` hidden units, ``r`` ghost ratio, ``m = n/r`` intrinsic units.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

LONGEST_MEMORY = 50.0
"""Steps; a second at a hop of 20 ms, longer than any of the words."""

LARGEST_GROWTH = 5.0
"""How far a gradient may outgrow what the loss sent in, on its way back through time."""


class Cell(nn.Module):
    """A recurrent layer whose state is carried by its caller."""

    outputs: int
    state_size: int

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One frame: ``x`` ``(batch, d)`` and a state to ``y`` ``(batch, outputs)`` and the next state."""
        raise NotImplementedError

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Many frames: ``x`` ``(frames, batch, d)`` to ``y`` ``(frames, batch, outputs)`` and the last state."""
        outputs = []
        for frame in x:
            y, state = self.step(frame, state)
            outputs.append(y)
        return torch.stack(outputs), state

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one step."""
        raise NotImplementedError


def slow_gates(units: int, longest: float) -> Tensor:
    """Biases of an update gate that remembers for 1 to *longest* steps, evenly spread.

    Chrono initialisation (Tallec and Ollivier 2018, arXiv 1804.11188): with biases of zero every unit starts out
    forgetting half of what it knows at each step, and a word of 30 steps is long in coming.
    """
    return torch.log(torch.empty(units).uniform_(1, longest))


class GRU(Cell):
    """Gated recurrent unit in the form that resets after the product (Cho et al. 2014, arXiv 1406.1078; cuDNN)::

        z_t = sigmoid(W_z x_t + U_z h_{t-1} + b_z)
        r_t = sigmoid(W_r x_t + U_r h_{t-1} + b_r)
        c_t = tanh(W_c x_t + b_c + r_t * (U_c h_{t-1} + b_c'))
        h_t = z_t * h_{t-1} + (1 - z_t) * c_t

    Starts with orthogonal ``U`` and slow update gates.
    """

    def __init__(self, d: int, n: int, *, memory: float = LONGEST_MEMORY) -> None:
        super().__init__()
        self.outputs = self.state_size = n
        self.gru = nn.GRU(d, n)  # keeps its rows in the order r, z, c
        for block in self.gru.weight_hh_l0.data.split(n):
            nn.init.orthogonal_(block)
        self.gru.bias_ih_l0.data[n : 2 * n] = slow_gates(n, memory)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        Wr, Wz, Wc = (x @ self.gru.weight_ih_l0.T + self.gru.bias_ih_l0).chunk(3, dim=-1)
        Ur, Uz, Uc = (state @ self.gru.weight_hh_l0.T + self.gru.bias_hh_l0).chunk(3, dim=-1)
        r, z = torch.sigmoid(Wr + Ur), torch.sigmoid(Wz + Uz)
        h = z * state + (1 - z) * torch.tanh(Wc + r * Uc)
        return h, h

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, last = self.gru(x, state[None])
        return y, last[0]

    @property
    def macs(self) -> int:
        return 3 * self.outputs * (self.gru.input_size + self.outputs)


class FastGRNN(Cell):
    """Fast gated recurrent network (Kusupati et al. 2018, arXiv 1901.02358, eq. 6)::

        z_t  = sigmoid(W x_t + U h_{t-1} + b_z)
        h~_t = tanh(W x_t + U h_{t-1} + b_h)          the same W and U in gate and candidate
        h_t  = (zeta (1 - z_t) + nu) * h~_t + z_t * h_{t-1}

    ``zeta`` and ``nu`` are stored as logits. Starts as the authors' code does: weights 0.1 N(0, 1), biases 1,
    logits 1 and -4. ``h`` is not bounded by 1.
    """

    def __init__(self, d: int, n: int) -> None:
        super().__init__()
        self.outputs = self.state_size = n
        self.W = nn.Parameter(0.1 * torch.randn(n, d))
        self.U = nn.Parameter(0.1 * torch.randn(n, n))
        self.b_z = nn.Parameter(torch.ones(n))
        self.b_h = nn.Parameter(torch.ones(n))
        self.zeta = nn.Parameter(torch.tensor(1.0))
        self.nu = nn.Parameter(torch.tensor(-4.0))

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self._gate(x @ self.W.T, state)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        outputs = []
        for Wx in x @ self.W.T:  # one product for all frames
            y, state = self._gate(Wx, state)
            outputs.append(y)
        return torch.stack(outputs), state

    def _gate(self, Wx: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        a = Wx + state @ self.U.T
        z = torch.sigmoid(a + self.b_z)
        candidate = torch.tanh(a + self.b_h)
        h = (torch.sigmoid(self.zeta) * (1 - z) + torch.sigmoid(self.nu)) * candidate + z * state
        return h, h

    @property
    def macs(self) -> int:
        return self.W.numel() + self.U.numel()


class GhostRNN(Cell):
    """GRU with ghost states (GhostRNN 2024, arXiv 2411.14489), ``h_t = [s_t ; g_t]``::

        z_t   = sigmoid(W_z x_t + U_z h_{t-1} + b_z)
        rho_t = sigmoid(W_rho x_t + U_rho h_{t-1} + b_rho)
        c_t   = tanh(W_c x_t + b_c + rho_t * (U_c h_{t-1} + b_c'))
        s_t   = z_t * s_{t-1} + (1 - z_t) * c_t            m intrinsic units
        g_t   = tanh(Phi s_t + b_phi)                      n - m ghost units, the cheap operation

    The paper says that gates and candidate are computed for the intrinsic states alone, that a linear map and an
    activation make the ghosts, and that both go into the next step. Its equations were not available to us: that
    the reset acts after the product and that the activation is tanh is our reconstruction, chosen because at r = 2
    it saves the 40 % of parameters that the paper reports.

    The carried state is ``s`` alone, since ``g`` follows from it; at the zero start ``g_0 = tanh(b_phi)``.
    ``U`` and ``Phi`` start orthogonal: with uniform starts the ghosts begin as near copies of ``s``, and half of
    ``U`` learns from redundant input.
    """

    def __init__(self, d: int, n: int, *, r: int = 2, memory: float = LONGEST_MEMORY) -> None:
        super().__init__()
        if n % r:
            raise ValueError(f"the ratio must divide the hidden size: {n} is no multiple of {r}")
        m = n // r
        self.outputs, self.state_size = n, m
        bound = n**-0.5
        self.W = nn.Parameter(torch.empty(3 * m, d).uniform_(-bound, bound))  # rows z, rho, c
        self.U = nn.Parameter(torch.cat([nn.init.orthogonal_(torch.empty(m, n)) for _ in range(3)]))
        self.b = nn.Parameter(torch.zeros(3 * m))
        self.b.data[:m] = slow_gates(m, memory)
        self.b_c = nn.Parameter(torch.zeros(m))  # b_c', inside the reset
        self.Phi = nn.Parameter(nn.init.orthogonal_(torch.empty(n - m, m)))
        self.b_phi = nn.Parameter(torch.zeros(n - m))

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.cat([state, self.ghosts(state)], dim=-1)
        Wz, Wrho, Wc = (x @ self.W.T + self.b).chunk(3, dim=-1)
        Uz, Urho, Uc = (h @ self.U.T).chunk(3, dim=-1)
        z, rho = torch.sigmoid(Wz + Uz), torch.sigmoid(Wrho + Urho)
        s = z * state + (1 - z) * torch.tanh(Wc + rho * (Uc + self.b_c))
        return torch.cat([s, self.ghosts(s)], dim=-1), s

    def ghosts(self, s: Tensor) -> Tensor:
        """``g`` of ``s``."""
        return torch.tanh(s @ self.Phi.T + self.b_phi)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = _GhostSequence.apply(x @ self.W.T + self.b, state, self.U, self.b_c, self.Phi, self.b_phi)
        return h, h[-1, :, : self.state_size]

    @property
    def macs(self) -> int:
        return self.W.numel() + self.U.numel() + 2 * self.Phi.numel()  # Phi twice: g is not carried


class _GhostSequence(torch.autograd.Function):
    """GhostRNN over a sequence, its backward pass written out: autograd's own took three times as long.

    The loop keeps what each step computed; the gradients of U, Phi and the biases are then one product each. Where
    the gradient carried back through time grows past ``LARGEST_GROWTH`` times the largest that any frame sent in, it
    is shortened to that: it happened at one step in a hundred, by factors of a thousand, and undid whole epochs.
    """

    @staticmethod
    def forward(ctx: Any, Wx: Tensor, s: Tensor, U: Tensor, b_c: Tensor, Phi: Tensor, b_phi: Tensor) -> Tensor:
        frames, m = len(Wx), s.shape[-1]
        g = torch.tanh(torch.addmm(b_phi, s, Phi.T))
        h0 = torch.cat([s, g], dim=-1)
        h = Wx.new_empty(frames, len(s), h0.shape[-1])
        gates = Wx.new_empty(frames, len(s), 2 * m)  # z, rho
        candidate, product = Wx.new_empty(2, frames, len(s), m)  # c, and U_c h + b_c'
        before = h0
        for t in range(frames):
            Uh = before @ U.T
            torch.sigmoid(Wx[t, :, : 2 * m] + Uh[:, : 2 * m], out=gates[t])
            torch.add(Uh[:, 2 * m :], b_c, out=product[t])
            z, rho = gates[t, :, :m], gates[t, :, m:]
            torch.tanh(torch.addcmul(Wx[t, :, 2 * m :], rho, product[t]), out=candidate[t])
            torch.lerp(candidate[t], before[:, :m], z, out=h[t, :, :m])
            h[t, :, m:] = torch.addmm(b_phi, h[t, :, :m], Phi.T).tanh_()
            before = h[t]
        ctx.save_for_backward(h0, h, gates, candidate, product, U, Phi)
        return h

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        h0, h, gates, candidate, product, U, Phi = ctx.saved_tensors
        frames, m = len(h), product.shape[-1]
        dUh = product.new_empty(*product.shape[:2], 3 * m)
        dc_in = torch.empty_like(product)
        dghost = torch.empty_like(h[:, :, m:])
        previous = torch.cat([h0[None], h[:-1]])
        z, rho = gates[..., :m], gates[..., m:]
        # All factors that need no recursion, for every step at once.
        z_slope = (previous[..., :m] - candidate) * z * (1 - z)
        c_slope = (1 - z) * (1 - candidate**2)
        rho_slope = product * rho * (1 - rho)
        ghost_slope = 1 - h[..., m:] ** 2
        carried, limit = torch.zeros_like(h0), LARGEST_GROWTH * dh.norm(dim=-1).max()
        for t in range(frames - 1, -1, -1):
            total = dh[t] + carried
            torch.mul(total[:, m:], ghost_slope[t], out=dghost[t])
            ds = torch.addmm(total[:, :m], dghost[t], Phi)
            torch.mul(ds, z_slope[t], out=dUh[t, :, :m])
            torch.mul(ds, c_slope[t], out=dc_in[t])
            torch.mul(dc_in[t], rho_slope[t], out=dUh[t, :, m : 2 * m])
            torch.mul(dc_in[t], rho[t], out=dUh[t, :, 2 * m :])
            carried = dUh[t] @ U
            carried[:, :m].addcmul_(ds, z[t])
            carried *= (limit / carried.norm(dim=1, keepdim=True)).clamp(max=1)
        flat = dUh.flatten(0, 1)
        dU = flat.T @ previous.flatten(0, 1)
        dPhi = dghost.flatten(0, 1).T @ h[..., :m].flatten(0, 1)
        dWx = torch.cat([dUh[..., : 2 * m], dc_in], dim=-1)
        db_phi = dghost.sum((0, 1))
        # The start: g_0 is a function of s_0 too.
        dg0 = carried[:, m:] * (1 - h0[:, m:] ** 2)
        ds0 = carried[:, :m] + dg0 @ Phi
        dPhi = dPhi + dg0.T @ h0[:, :m]
        return dWx, ds0, dU, dUh[..., 2 * m :].sum((0, 1)), dPhi, db_phi + dg0.sum(0)
