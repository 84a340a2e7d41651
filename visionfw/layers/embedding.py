"""Embeddings of a number that belongs to a whole image, such as a diffusion model's noise level."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from visionfw.numerics import Tensor


@keras.saving.register_keras_serializable(package="visionfw")
class SinusoidalEmbedding(keras.layers.Layer):
    """Turns one number per image into sines and cosines of decreasing frequency.

    Args:
        features: length of the embedding, even.
        scale: factor on the number (5000 for SR3's noise level in [0, 1], 1 for a time step).

    Shapes: (batch, 1) -> (batch, features).

    Reference: Vaswani et al., Attention Is All You Need, 2017; as used in Ho et al., Denoising Diffusion Probabilistic Models, 2020.
    """

    def __init__(self, features: int = 64, scale: float = 1.0, dtype: Any = "float32", **kwargs: Any):
        super().__init__(dtype=dtype, **kwargs)
        if features < 2 or features % 2:
            raise ValueError(f"features must be even, not {features!r}")
        self.features, self.scale = features, float(scale)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        if input_shape[-1] != 1:
            raise ValueError(f"takes one number per image, not {input_shape[-1]}")
        return (*input_shape[:-1], self.features)

    def call(self, x: Tensor) -> Tensor:
        half = self.features // 2
        frequencies = np.exp(-math.log(10_000.0) * np.arange(half) / half)
        angles = x * self.scale * ops.convert_to_tensor(frequencies, x.dtype)
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"features": self.features, "scale": self.scale}
