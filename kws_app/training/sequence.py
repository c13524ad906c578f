"""Gated cells over a sequence, the backward pass written out: autograd's own took three times as long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from kws_app.training.activations import Activation
from kws_app.training.products import Product

LARGEST_GROWTH = 5.0
"""How far a gradient may outgrow what the loss sent in, on its way back through time."""
BLOCK = 16
"""Frames whose slopes are made at once: few enough for a cache and many for a GPU, whose kernels take long to start."""


class GatedSequence(torch.autograd.Function):
    """``h`` ``(frames, batch, n)`` of ``Wx = W x + b`` ``(frames, batch, 3 m)`` and the state ``s`` ``(batch, m)``.

    The equations are those of ``GhostRNN``; with a ``Phi`` of no rows there are no ghosts, and they are GRU's.
    *matrices* are what ``U`` and then ``Phi`` are stored as, *kinds* how to multiply by them.

    The loop keeps what each step computed; the gradients of U, Phi and the biases are then one product each. Where
    the gradient carried back through time grows past ``LARGEST_GROWTH`` times the largest that any frame sent in, it
    is shortened to that: it happened at one step in a hundred, by factors of a thousand, and undid whole epochs.
    """

    @staticmethod
    def forward(
        ctx: Any,
        Wx: Tensor,
        s: Tensor,
        b_c: Tensor,
        b_phi: Tensor,
        activations: tuple[Activation, Activation, Activation],
        kinds: tuple[type[Product], type[Product]],
        *matrices: Tensor,
    ) -> Tensor:
        sigmoid, tanh, phi = ctx.activations = activations
        ctx.kinds, (U, Phi) = kinds, _made(kinds, matrices)
        frames, m = len(Wx), s.shape[-1]
        from_0, h = _with_the_start(frames, s, Phi, b_phi, phi)
        gates = Wx.new_empty(frames, len(s), 2 * m)  # z, rho
        candidate, product = Wx.new_empty(2, frames, len(s), m)  # c, and U_c h + b_c'
        for t, before in enumerate(from_0[:-1]):
            Uh = U.of(before)
            sigmoid.of(Wx[t, :, : 2 * m] + Uh[:, : 2 * m], out=gates[t])
            torch.add(Uh[:, 2 * m :], b_c, out=product[t])
            z, rho = gates[t, :, :m], gates[t, :, m:]
            tanh.of(torch.addcmul(Wx[t, :, 2 * m :], rho, product[t]), out=candidate[t])
            torch.lerp(candidate[t], before[:, :m], z, out=h[t, :, :m])
            phi.of(Phi.of(h[t, :, :m]) + b_phi, out=h[t, :, m:])
        ctx.save_for_backward(from_0, gates, candidate, product, *matrices)
        return h

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        from_0, gates, candidate, product, *matrices = ctx.saved_tensors
        U, Phi = _made(ctx.kinds, matrices)
        sigmoid, tanh, phi = ctx.activations
        m = product.shape[-1]
        before, h = from_0[:-1], from_0[1:]
        dUh, dc_in = product.new_empty(*product.shape[:2], 3 * m), torch.empty_like(product)
        dghost = torch.empty_like(h[:, :, m:])
        carried, limit = torch.zeros_like(before[0]), _limit(dh)
        for block in _backwards(len(h)):
            z, rho = gates[block, :, :m], gates[block, :, m:]
            z_slope = (before[block, :, :m] - candidate[block]) * sigmoid.slope(z)
            c_slope = (1 - z) * tanh.slope(candidate[block])
            rho_slope = product[block] * sigmoid.slope(rho)
            ghost_slope = phi.slope(h[block, :, m:])
            for i in range(len(z) - 1, -1, -1):
                t = block.start + i
                total = dh[t] + carried
                torch.mul(total[:, m:], ghost_slope[i], out=dghost[t])
                ds = total[:, :m] + Phi.back(dghost[t])
                torch.mul(ds, z_slope[i], out=dUh[t, :, :m])
                torch.mul(ds, c_slope[i], out=dc_in[t])
                torch.mul(dc_in[t], rho_slope[i], out=dUh[t, :, m : 2 * m])
                torch.mul(dc_in[t], rho[i], out=dUh[t, :, 2 * m :])
                carried = U.back(dUh[t])
                carried[:, :m].addcmul_(ds, z[i])
                _shorten(carried, limit)
        dU = U.gradients(dUh.flatten(0, 1), before.flatten(0, 1))
        db_c = dUh[..., 2 * m :].sum((0, 1))
        dUh[..., 2 * m :] = dc_in  # what is left is the gradient of W x
        ds0, db_phi, dPhi = _of_the_ghosts(dghost, carried, from_0, Phi, phi)
        return dUh, ds0, db_c, db_phi, None, None, *dU, *dPhi


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
        b_z: Tensor,
        b_h: Tensor,
        zeta: Tensor,
        nu: Tensor,
        kept: Tensor,
        b_phi: Tensor,
        activations: tuple[Activation, Activation, Activation],
        kinds: tuple[type[Product], type[Product]],
        *matrices: Tensor,
    ) -> Tensor:
        sigmoid, tanh, phi = ctx.activations = activations
        ctx.kinds, (U, Phi) = kinds, _made(kinds, matrices)
        frames, m = len(Wx), s.shape[-1]
        from_0, h = _with_the_start(frames, s, Phi, b_phi, phi)
        gate, candidate = Wx.new_empty(2, frames, len(s), m)
        for t, before in enumerate(from_0[:-1]):
            both = Wx[t] + U.of(before)
            sigmoid.of(both + b_z, out=gate[t])
            tanh.of(both + b_h, out=candidate[t])
            new = (zeta + nu - zeta * gate[t]) * candidate[t]
            torch.addcmul(new, kept * gate[t], before[:, :m], out=h[t, :, :m])
            phi.of(Phi.of(h[t, :, :m]) + b_phi, out=h[t, :, m:])
        ctx.save_for_backward(from_0, gate, candidate, zeta, nu, kept, *matrices)
        return h

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        from_0, gate, candidate, zeta, nu, kept, *matrices = ctx.saved_tensors
        U, Phi = _made(ctx.kinds, matrices)
        sigmoid, tanh, phi = ctx.activations
        m = gate.shape[-1]
        before, h = from_0[:-1], from_0[1:]
        dboth, ds, dghost = torch.empty_like(gate), torch.empty_like(gate), torch.empty_like(h[:, :, m:])
        gate_slope = (kept * before[..., :m] - zeta * candidate) * sigmoid.slope(gate)
        candidate_slope = (zeta + nu - zeta * gate) * tanh.slope(candidate)
        slope, ghost_slope = gate_slope + candidate_slope, phi.slope(h[..., m:])
        carried, limit = torch.zeros_like(before[0]), _limit(dh)
        for t in range(len(h) - 1, -1, -1):
            total = dh[t] + carried
            torch.mul(total[:, m:], ghost_slope[t], out=dghost[t])
            torch.add(total[:, :m], Phi.back(dghost[t]), out=ds[t])
            torch.mul(ds[t], slope[t], out=dboth[t])
            carried = U.back(dboth[t])
            carried[:, :m].addcmul_(ds[t], kept * gate[t])
            _shorten(carried, limit)
        ds0, db_phi, dPhi = _of_the_ghosts(dghost, carried, from_0, Phi, phi)
        return (
            dboth,
            ds0,
            (ds * gate_slope).sum((0, 1)),
            (ds * candidate_slope).sum((0, 1)),
            (ds * (1 - gate) * candidate).sum(),
            (ds * candidate).sum(),
            (ds * gate * before[..., :m]).sum(),
            db_phi,
            None,
            None,
            *U.gradients(dboth.flatten(0, 1), before.flatten(0, 1)),
            *dPhi,
        )


def _made(kinds: tuple[type[Product], type[Product]], matrices: Sequence[Tensor]) -> tuple[Product, Product]:
    """``U`` and ``Phi``."""
    U, Phi = kinds
    return U(*matrices[: U.stored]), Phi(*matrices[U.stored :])


def _with_the_start(frames: int, s: Tensor, Phi: Product, b_phi: Tensor, phi: Activation) -> tuple[Tensor, Tensor]:
    """Room for ``h_0`` and the ``h`` of all frames, with ``h_0`` of the state in it; and the room without it."""
    h0 = torch.cat([s, phi.of(Phi.of(s) + b_phi)], dim=-1)
    from_0 = h0.new_empty(frames + 1, *h0.shape)
    from_0[0] = h0
    return from_0, from_0[1:]


def _backwards(frames: int) -> Iterator[slice]:
    """Blocks of frames, the last first."""
    for stop in range(frames, 0, -BLOCK):
        yield slice(max(0, stop - BLOCK), stop)


def _of_the_ghosts(
    dghost: Tensor, carried: Tensor, from_0: Tensor, Phi: Product, phi: Activation
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Gradients of ``s_0``, ``b_phi`` and ``Phi``: of every frame and of the start, for ``g_0`` is made of ``s_0``."""
    m = carried.shape[1] - dghost.shape[-1]
    h0, s = from_0[0], from_0[1:, :, :m]
    dg0 = carried[:, m:] * phi.slope(h0[:, m:])
    of_frames = Phi.gradients(dghost.flatten(0, 1), s.flatten(0, 1))
    dPhi = tuple(a + b for a, b in zip(of_frames, Phi.gradients(dg0, h0[:, :m]), strict=True))
    return carried[:, :m] + Phi.back(dg0), dghost.sum((0, 1)) + dg0.sum(0), dPhi


def _limit(dh: Tensor) -> Tensor:
    """Above zero even where nothing was sent in: a share of zero is no number."""
    return LARGEST_GROWTH * dh.norm(dim=-1).max() + torch.finfo(dh.dtype).tiny


def _shorten(carried: Tensor, limit: Tensor) -> None:
    carried *= (limit / carried.norm(dim=1, keepdim=True)).clamp(max=1)
