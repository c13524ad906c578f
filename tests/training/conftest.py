"""Training tests share a machine with everything else: one thread, which is also faster at these sizes."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):
    import torch

    torch.set_num_threads(1)
