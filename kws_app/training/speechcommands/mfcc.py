"""The features of ``kws_app.features.mfcc``, for many clips at once on any device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kws_app.features.mfcc import WINDOWS, MfccSettings, dct, filterbank, lifter

SMALLEST = float(np.finfo(np.float64).eps)
"""What zero energy counts as, as in python_speech_features."""


class BatchMfcc:
    """Its tables, float32, on *device*."""

    def __init__(self, settings: MfccSettings, device: torch.device) -> None:
        if settings.appendEnergy or settings.frame_length > settings.nfft:
            raise ValueError("appendEnergy must be off, and a frame no longer than the Fourier transform")
        window = WINDOWS[settings.winfunc](settings.frame_length)
        self.settings = settings
        self._window = torch.from_numpy(window).float().to(device)
        self._filterbank = torch.from_numpy(filterbank(settings).T / settings.nfft).float().to(device)
        self._dct = torch.from_numpy((dct(settings) * lifter(settings)[:, None]).T).float().to(device)

    def log_bands(self, samples: Tensor) -> Tensor:
        """Log energies ``(clips, frames, nfilt)`` of float32 samples ``(clips, n)`` on the int16 scale.

        Only complete frames are computed, as in a stream.
        """
        settings = self.settings
        before = torch.nn.functional.pad(samples[:, :-1], (1, 0))
        frames = (samples - settings.preemph * before).unfold(1, settings.frame_length, settings.frame_step)
        spectrum = torch.fft.rfft(frames * self._window, settings.nfft)
        energy = (spectrum.real.square() + spectrum.imag.square()) @ self._filterbank
        return torch.where(energy > 0, energy, SMALLEST).log()

    def cepstra(self, log_bands: Tensor) -> Tensor:
        """Coefficients ``(clips, frames, numcep)`` of log energies."""
        return log_bands @ self._dct
