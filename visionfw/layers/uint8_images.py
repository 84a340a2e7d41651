"""Uint8 patches as the input of a model in [0, 1]: the conversion runs on the device, so that only bytes are transferred."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from visionfw.numerics import LUMA_COEFFICIENTS, LUMA_OFFSET, Tensor


def uint8_to_float(patches: Tensor, color: str) -> Tensor:
    """Convert uint8 RGB to the images that a model reads.

    Args:
        patches: (batch, height, width, 3) in 0..255, uint8 or float.
        color: 'rgb', or 'y' for luma alone.

    Returns:
        float32 in [0, 1], (batch, height, width, 3), or (batch, height, width, 1) for luma.
    """
    values = ops.cast(patches, "float32") * (1 / 255)
    if color == "rgb":
        return values
    weighted = [values[..., channel : channel + 1] * (weight / 255) for channel, weight in enumerate(LUMA_COEFFICIENTS)]
    return weighted[0] + weighted[1] + weighted[2] + LUMA_OFFSET / 255


class Uint8ToFloat(keras.layers.Layer):
    """`uint8_to_float` as a layer."""

    def __init__(self, color: str):
        super().__init__(dtype="float32", name="uint8_to_float")
        self.color = color

    def call(self, patches: Tensor) -> Tensor:
        return uint8_to_float(patches, self.color)

    def compute_output_spec(self, patches: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor((*patches.shape[:-1], 3 if self.color == "rgb" else 1), "float32")


class InParts(keras.layers.Layer):
    """A model that is applied to a batch part by part: the parts run beside each other.

    Args:
        model: a model whose outputs depend on their own image alone.
        parts: a divisor of the batch size.
    """

    def __init__(self, model: keras.Model, parts: int):
        super().__init__(name="in_parts")
        self.model, self.parts = model, parts

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        size = ops.shape(x)[0] // self.parts
        outputs = [self.model(x[part * size : (part + 1) * size], training=training) for part in range(self.parts)]
        return keras.tree.map_structure(lambda *tensors: ops.concatenate(tensors, axis=0), *outputs)

    def compute_output_spec(self, x: Tensor, training: bool | None = None) -> Tensor:
        return self.model.compute_output_spec(x)


def uint8_inputs(model: keras.Model, color: str, parts: int = 1) -> keras.Model:
    """Return a model that reads uint8 RGB patches and shares all weights with `model`; it computes a batch in so many parts."""
    patches = keras.Input((None, None, 3), dtype="uint8", name="patches")
    image = Uint8ToFloat(color)(patches)
    return keras.Model(patches, model(image) if parts == 1 else InParts(model, parts)(image), name=model.name)


def uint8_targets(function: Callable, color: str) -> Callable:
    """Return a loss or metric that compares with uint8 RGB patches instead of images in [0, 1]."""

    def on_floats(reference: Tensor, output: Tensor) -> Tensor:
        return function(uint8_to_float(reference, color), output)

    on_floats.__name__ = function.__name__
    return on_floats
