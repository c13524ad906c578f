"""How large a network is: what it stores, in numbers and in the papers' kilobytes, and what a step computes."""

from __future__ import annotations

from dataclasses import dataclass

from kws_app.training.network import SIDE_HEADS, Network

SPARSE_BELOW = 0.5
"""An entry of a matrix that keeps fewer is stored with its index: two numbers."""


@dataclass(frozen=True, slots=True)
class Size:
    """``paper_bytes`` follow the tables of FastGRNN (arXiv 1901.02358), which count the classifier and every bias.

    Attributes:
        parameters: all that is trained and that a model file has, zeros included.
        nonzeros: those that are not zero.
        paper_bytes: four bytes a number (1024 are their KB), and two numbers an entry of a sparse matrix.
        paper_bytes_quantized: one byte a number.
        macs: multiply-accumulates of a step.
    """

    parameters: int
    nonzeros: int
    paper_bytes: int
    paper_bytes_quantized: int
    macs: int


def size_of(network: Network) -> Size:
    """Measure *network*."""
    kept = {id(parameter): share for parameter, share in network.thinned()}
    parameters = nonzeros = numbers = 0
    for name, parameter in network.named_parameters():
        if name.startswith(SIDE_HEADS):
            continue
        alive = int(parameter.count_nonzero())
        parameters += parameter.numel()
        nonzeros += alive
        numbers += 2 * alive if kept.get(id(parameter), 1.0) < SPARSE_BELOW else parameter.numel()
    return Size(parameters, nonzeros, 4 * numbers, numbers, network.macs)
