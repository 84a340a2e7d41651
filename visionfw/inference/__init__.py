"""Whole images through a model: tiles, upscaling, image files."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import numpy as np


class ImageUpscaler(Protocol):
    """Anything that upscales whole images: a feed-forward model (`inference.upscaler`) or a diffusion model (`diffusion.sampler`)."""

    @property
    def scale(self) -> float | Fraction:
        """SR size / LR size."""

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        """Upscale what the model takes, (height, width, channels) float in [0, 1], to float32."""

    def upscale_image(self, image: np.ndarray) -> np.ndarray:
        """Upscale gray or RGB pixels, (height, width) or (height, width, 3) uint8 or uint16, to the same dtype and number of axes."""
