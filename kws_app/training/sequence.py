"""Gated cells over a sequence, the backward pass written out: autograd's own took three times as long."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kws_app.training.activations import Activation

LARGEST_GROWTH = 5.0
"""How far a gradient may outgrow what the loss sent in, on its way back through time."""


class GatedSequence(torch.autograd.Function):
    """``h`` ``(frames, batch, n)`` of ``Wx = W x + b`` ``(frames, batch, 3 m)`` and the state ``s`` ``(batch, m)``.

    The equations are those of ``GhostRNN``; with a ``Phi`` of no rows there are no ghosts, and they are GRU's.

    The loop keeps what each step computed; the gradients of U, Phi and the biases are then one product each. Where
    the gradient carried back through time grows past ``LARGEST_GROWTH`` times the largest that any frame sent in, it
    is shortened to that: it happened at one step in a hundred, by factors of a thousand, and undid whole epochs.
    """

    @staticmethod
    def forward(
        ctx: Any,
        Wx: Tensor,
        s: Tensor,
        U: Tensor,
        b_c: Tensor,
        Phi: Tensor,
        b_phi: Tensor,
        activations: tuple[Activation, Activation, Activation],
    ) -> Tensor:
        sigmoid, tanh, phi = ctx.activations = activations
        frames, m = len(Wx), s.shape[-1]
        h0, h = _before_the_first(frames, s, Phi, b_phi, phi)
        gates = Wx.new_empty(frames, len(s), 2 * m)  # z, rho
        candidate, product = Wx.new_empty(2, frames, len(s), m)  # c, and U_c h + b_c'
        before = h0
        for t in range(frames):
            Uh = before @ U.T
            sigmoid.of(Wx[t, :, : 2 * m] + Uh[:, : 2 * m], out=gates[t])
            torch.add(Uh[:, 2 * m :], b_c, out=product[t])
            z, rho = gates[t, :, :m], gates[t, :, m:]
            tanh.of(torch.addcmul(Wx[t, :, 2 * m :], rho, product[t]), out=candidate[t])
            torch.lerp(candidate[t], before[:, :m], z, out=h[t, :, :m])
            phi.of(torch.addmm(b_phi, h[t, :, :m], Phi.T), out=h[t, :, m:])
            before = h[t]
        ctx.save_for_backward(h0, h, gates, candidate, product, U, Phi)
        return h

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        h0, h, gates, candidate, product, U, Phi = ctx.saved_tensors
        sigmoid, tanh, phi = ctx.activations
        frames, m = len(h), product.shape[-1]
        dUh = product.new_empty(*product.shape[:2], 3 * m)
        dc_in = torch.empty_like(product)
        dghost = torch.empty_like(h[:, :, m:])
        previous = torch.cat([h0[None], h[:-1]])
        z, rho = gates[..., :m], gates[..., m:]
        # All factors that need no recursion, for every step at once.
        z_slope = (previous[..., :m] - candidate) * sigmoid.slope(z)
        c_slope = (1 - z) * tanh.slope(candidate)
        rho_slope = product * sigmoid.slope(rho)
        ghost_slope = phi.slope(h[..., m:])
        carried, limit = torch.zeros_like(h0), _limit(dh)
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
            _shorten(carried, limit)
        dWx = torch.cat([dUh[..., : 2 * m], dc_in], dim=-1)
        dU = dUh.flatten(0, 1).T @ previous.flatten(0, 1)
        ds0, dPhi, db_phi = _of_the_ghosts(dghost, carried, h0, h, Phi, phi)
        return dWx, ds0, dU, dUh[..., 2 * m :].sum((0, 1)), dPhi, db_phi, None


class FastGatedSequence(torch.autograd.Function):
    """``h`` ``(frames, batch, n)`` of ``Wx`` ``(frames, batch, m)`` and the state ``s`` ``(batch, m)``, by FastGRNN.

    As ``GatedSequence``, of the equations of ``FastGRNN`` and ``GhostFastGRNN``; *zeta*, *nu* and *kept* are the
    numbers themselves, not their logits.
    """

    @staticmethod
    def forward(
        ctx: Any,
        Wx: Tensor,
        s: Tensor,
        U: Tensor,
        b_z: Tensor,
        b_h: Tensor,
        zeta: Tensor,
        nu: Tensor,
        kept: Tensor,
        Phi: Tensor,
        b_phi: Tensor,
        activations: tuple[Activation, Activation, Activation],
    ) -> Tensor:
        sigmoid, tanh, phi = ctx.activations = activations
        frames, m = len(Wx), s.shape[-1]
        h0, h = _before_the_first(frames, s, Phi, b_phi, phi)
        gate, candidate = Wx.new_empty(2, frames, len(s), m)
        before = h0
        for t in range(frames):
            both = torch.addmm(Wx[t], before, U.T)
            sigmoid.of(both + b_z, out=gate[t])
            tanh.of(both + b_h, out=candidate[t])
            new = (zeta + nu - zeta * gate[t]) * candidate[t]
            torch.addcmul(new, kept * gate[t], before[:, :m], out=h[t, :, :m])
            phi.of(torch.addmm(b_phi, h[t, :, :m], Phi.T), out=h[t, :, m:])
            before = h[t]
        ctx.save_for_backward(h0, h, gate, candidate, U, zeta, nu, kept, Phi)
        return h

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        h0, h, gate, candidate, U, zeta, nu, kept, Phi = ctx.saved_tensors
        sigmoid, tanh, phi = ctx.activations
        m = gate.shape[-1]
        dboth, ds, dghost = torch.empty_like(gate), torch.empty_like(gate), torch.empty_like(h[:, :, m:])
        previous = torch.cat([h0[None], h[:-1]])
        gate_slope = (kept * previous[..., :m] - zeta * candidate) * sigmoid.slope(gate)
        candidate_slope = (zeta + nu - zeta * gate) * tanh.slope(candidate)
        slope, ghost_slope = gate_slope + candidate_slope, phi.slope(h[..., m:])
        carried, limit = torch.zeros_like(h0), _limit(dh)
        for t in range(len(h) - 1, -1, -1):
            total = dh[t] + carried
            torch.mul(total[:, m:], ghost_slope[t], out=dghost[t])
            torch.addmm(total[:, :m], dghost[t], Phi, out=ds[t])
            torch.mul(ds[t], slope[t], out=dboth[t])
            carried = dboth[t] @ U
            carried[:, :m].addcmul_(ds[t], kept * gate[t])
            _shorten(carried, limit)
        ds0, dPhi, db_phi = _of_the_ghosts(dghost, carried, h0, h, Phi, phi)
        return (
            dboth,
            ds0,
            dboth.flatten(0, 1).T @ previous.flatten(0, 1),
            (ds * gate_slope).sum((0, 1)),
            (ds * candidate_slope).sum((0, 1)),
            (ds * (1 - gate) * candidate).sum(),
            (ds * candidate).sum(),
            (ds * gate * previous[..., :m]).sum(),
            dPhi,
            db_phi,
            None,
        )


def _before_the_first(frames: int, s: Tensor, Phi: Tensor, b_phi: Tensor, phi: Activation) -> tuple[Tensor, Tensor]:
    """``h_0`` of the state, and room for the ``h`` of all frames."""
    h0 = torch.cat([s, phi.of(torch.addmm(b_phi, s, Phi.T))], dim=-1)
    return h0, h0.new_empty(frames, *h0.shape)


def _of_the_ghosts(
    dghost: Tensor, carried: Tensor, h0: Tensor, h: Tensor, Phi: Tensor, phi: Activation
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of ``s_0``, ``Phi`` and ``b_phi``: of every frame and of the start, for ``g_0`` is made of ``s_0``."""
    m = Phi.shape[1]
    dg0 = carried[:, m:] * phi.slope(h0[:, m:])
    dPhi = dghost.flatten(0, 1).T @ h[..., :m].flatten(0, 1) + dg0.T @ h0[:, :m]
    return carried[:, :m] + dg0 @ Phi, dPhi, dghost.sum((0, 1)) + dg0.sum(0)


def _limit(dh: Tensor) -> Tensor:
    """Above zero even where nothing was sent in: a share of zero is no number."""
    return LARGEST_GROWTH * dh.norm(dim=-1).max() + torch.finfo(dh.dtype).tiny


def _shorten(carried: Tensor, limit: Tensor) -> None:
    carried *= (limit / carried.norm(dim=1, keepdim=True)).clamp(max=1)
