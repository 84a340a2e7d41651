"""Fixed filters that find edges, with a learned factor for each channel."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from visionfw.layers.windows import Window
from visionfw.numerics import Tensor

#: Kind -> the filter, (3, 3).
FILTERS = {
    "sobel_x": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32),
    "sobel_y": np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], np.float32),
    "laplacian": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32),
}


@keras.saving.register_keras_serializable(package="visionfw")
class EdgeFilter(keras.layers.Layer):
    """Filters every channel by a fixed 3x3 kernel times a learned factor, without padding, and adds a learned bias.

    Args:
        kind: "sobel_x", "sobel_y" or "laplacian".

    Shapes: (batch, height, width, c) -> (batch, height - 2, width - 2, c).

    Reference: Zhang et al., Edge-oriented Convolution Block for Real-time Super Resolution on Mobile Devices, ACM MM 2021.
    """

    torch_weights = {"scale": "scale", "bias": "bias"}  # noqa: RUF012  # a constant

    def __init__(self, kind: str = "sobel_x", **kwargs: Any):
        super().__init__(**kwargs)
        if kind not in FILTERS:
            raise ValueError(f"kind must be one of {', '.join(FILTERS)}, not {kind!r}")
        self.kind = kind

    def build(self, input_shape: tuple) -> None:
        small = keras.initializers.RandomNormal(stddev=1e-3)
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1], 1, 1, 1), initializer=small)
        self.bias = self.add_weight(name="bias", shape=(input_shape[-1],), initializer=small)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, None if height is None else height - 2, None if width is None else width - 2, channels)

    def call(self, x: Tensor) -> Tensor:
        kernel = ops.convert_to_tensor(FILTERS[self.kind][:, :, None, None], self.compute_dtype) * ops.transpose(self.scale, (1, 2, 0, 3))
        return ops.depthwise_conv(x, kernel, padding="valid") + self.bias

    def torch_buffers(self) -> dict[str, np.ndarray]:
        """Return the fixed filter of every channel, which the reference's state_dict holds too."""
        return {"mask": np.tile(FILTERS[self.kind], (self.scale.shape[0], 1, 1, 1))}

    def receptive_window(self, axis: int) -> Window:
        return Window.strided(3, 1, False)

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = output_shape
        return 9 * height * width * channels

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"kind": self.kind}
