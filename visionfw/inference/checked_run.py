"""A model's forward pass on images, with every failure as one line for the user."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from visionfw.backend.forward import forward_pass
from visionfw.backend.memory import is_out_of_memory
from visionfw.errors import VisionfwError, brief


def run_checked(model: keras.Model, batch: np.ndarray | Mapping[str, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Run a model.

    Args:
        model: its output is an image, or a dictionary with one under 'sr'.
        batch: (n, height, width, channels) float32, or a dictionary of such.
        shape: (height, width) of the LR image, for messages.

    Returns:
        The image output, (n, ...) float32.

    Raises:
        VisionfwError: the memory does not suffice, or the model does not take images of this size.
    """
    try:
        outputs = forward_pass(model)(batch)
        image = outputs["sr"] if isinstance(outputs, dict) else outputs
        return keras.ops.convert_to_numpy(image).astype(np.float32, copy=False)
    except Exception as error:
        pixels = f"{shape[1]} x {shape[0]} pixels"
        if is_out_of_memory(error):
            smaller = f"use smaller tiles, --tile={max(1, max(shape) // 2)}"
            raise VisionfwError(f"{model.name}: not enough memory to upscale {pixels} at once; {smaller}") from error
        raise VisionfwError(f"{model.name}: cannot upscale an image of {pixels}: {brief(error)}") from error


def require_finite(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """Return an image that a model made. Raises VisionfwError where it holds a NaN or an infinity."""
    if not np.isfinite(image).all():
        raise VisionfwError(f"{model.name}: its output is not finite (NaN or infinity); check its weights")
    return image
