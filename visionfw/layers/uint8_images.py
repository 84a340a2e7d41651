"""What stands between uint8 patches and a model in [0, 1]: it runs on the device, so that bytes are all that travels there."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from visionfw.numerics import LUMA_COEFFICIENTS, LUMA_OFFSET


def uint8_to_float(patches, color: str):
    """Turn levels into what a model reads.

    Args:
        patches: (batch, height, width, 3) levels 0..255, uint8 or float.
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

    def call(self, patches):
        return uint8_to_float(patches, self.color)

    def compute_output_spec(self, patches):
        return keras.KerasTensor((*patches.shape[:-1], 3 if self.color == "rgb" else 1), "float32")


class InParts(keras.layers.Layer):
    """A model that is put on a batch part by part: the parts do not wait for each other.

    Args:
        model: one that treats every image by itself.
        parts: a divisor of the batch size.
    """

    def __init__(self, model: keras.Model, parts: int):
        super().__init__(name="in_parts")
        self.model, self.parts = model, parts

    def call(self, x, training=None):
        size = ops.shape(x)[0] // self.parts
        return ops.concatenate([self.model(x[part * size : (part + 1) * size], training=training) for part in range(self.parts)], axis=0)

    def compute_output_spec(self, x, training=None):
        return self.model.compute_output_spec(x)


def uint8_inputs(model: keras.Model, color: str, parts: int = 1) -> keras.Model:
    """Return a model that reads uint8 RGB patches and shares all weights with `model`; it takes batches in so many parts."""
    patches = keras.Input((None, None, 3), dtype="uint8", name="patches")
    image = Uint8ToFloat(color)(patches)
    return keras.Model(patches, model(image) if parts == 1 else InParts(model, parts)(image), name=model.name)


def uint8_targets(figure: Callable, color: str) -> Callable:
    """Return a loss or metric that compares with uint8 RGB patches instead of images in [0, 1]."""

    def compared(reference, made):
        return figure(uint8_to_float(reference, color), made)

    compared.__name__ = figure.__name__
    return compared
