"""Models of several image outputs: each output that is smaller than the SR image is compared with the HR image shrunk to its size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import keras
import numpy as np
from keras import ops

from visionfw.errors import RequestError
from visionfw.graph.checking.check import Checked
from visionfw.graph.language.defaults import LOGIT_OUTPUTS
from visionfw.numerics import Tensor, resampling_taps


def level_scales(checked: Checked) -> dict[str, Fraction]:
    """Return, by the names of the image outputs beside 'sr', their size / the size of the LR image.

    Raises:
        RequestError: an output is no image, or is larger than 'sr', so there is nothing to compare it with.
    """
    definition = checked.definition
    enlarged = (checked.scale or 1) if definition.pre_upsample else 1
    shapes = {name: checked.shapes[tensor] for name, tensor in checked.flat.outputs.items()}
    scales = {}
    for name, shape in shapes.items():
        lines = {shape.line(axis) for axis in (0, 1)} if shape.is_image else set()
        slope, offset = next(iter(lines), (Fraction(0), Fraction(0)))
        if len(lines) != 1 or not slope or offset or name in LOGIT_OUTPUTS:
            raise RequestError(f"{definition.name}: there is no loss for its output '{name}'; outputs beside 'sr' are images at smaller scales")
        scales[name] = slope * enlarged
    larger = [name for name, scale in scales.items() if scale > scales["sr"]]
    if larger:
        raise RequestError(f"{definition.name}: its output '{larger[0]}' is larger than 'sr', so there is no image to compare it with")
    return {name: scale for name, scale in sorted(scales.items(), key=lambda item: item[1]) if name != "sr"}


def level_side(name: str, scale: Fraction, patch_size: int) -> int:
    """Return the side of an output for LR patches of a size. Raises RequestError where it is no whole number."""
    side = scale * patch_size
    if side.denominator > 1:
        raise RequestError(f"--patch_size={patch_size}: must be a multiple of {scale.denominator}, because output '{name}' has scale {float(scale):g}")
    return int(side)


def shrinking_matrix(old: int, new: int) -> np.ndarray:
    """Return the matrix, (new, old) float32, that shrinks an axis by antialiased bicubic, as `imresize` does."""
    indices, weights = resampling_taps(old, new, new / old)
    matrix = np.zeros((new, old))
    np.add.at(matrix, (np.arange(new)[:, None], indices), weights)
    return matrix.astype(np.float32)


def loss_at_level(loss: Callable, old: int, new: int) -> Callable:
    """Return a loss that compares images of side `new` with references of side `old`, which it shrinks."""
    if old == new:
        return loss
    matrix = shrinking_matrix(old, new)

    def on_shrunk(reference: Tensor, output: Tensor) -> Tensor:
        return loss(ops.einsum("ri,bijc,sj->brsc", matrix, ops.cast(reference, "float32"), matrix), output)

    return on_shrunk


class LevelsModel(keras.Model):
    """A model that reads uint8 patches and is trained by the sum of the losses of its outputs; its metrics are those of 'sr'.

    Args:
        network: uint8 LR patches -> images in [0, 1] by name.
        losses: (uint8 HR patches, output) -> (batch,) of each output beside 'sr', whose loss is the one that the model is compiled with.
    """

    def __init__(self, network: keras.Model, losses: Mapping[str, Callable]):
        super().__init__(name=network.name)
        self.network, self.losses_of_levels = network, dict(losses)
        self.built = True

    def call(self, patches: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """Return images in [0, 1], by the names of the outputs."""
        return self.network(patches, training=training)

    def compute_loss(self, x: Tensor = None, y: Tensor = None, y_pred: Any = None, sample_weight: Tensor = None, training: bool = True) -> Tensor:
        """Return the sum of the losses of all outputs; the arguments are Keras'."""
        total = super().compute_loss(x, y, y_pred["sr"], sample_weight, training)
        for name, loss in self.losses_of_levels.items():
            total = total + ops.mean(loss(y, y_pred[name]))
        return total

    def compute_metrics(self, x: Tensor, y: Tensor, y_pred: Any, sample_weight: Tensor = None) -> dict[str, Any]:
        """Return the metrics of the SR image."""
        return super().compute_metrics(x, y, y_pred["sr"], sample_weight)
