"""Whole images through a model; models of luma with their chroma beside."""

from __future__ import annotations

import keras
import numpy as np

from visionfw.errors import RequestError
from visionfw.imaging.colour import from_ycbcr, to_ycbcr
from visionfw.imaging.resize import imresize


def super_resolve(model: keras.Model, lr: np.ndarray) -> np.ndarray:
    """Run a model on one image.

    Args:
        model: LR in [0, 1] -> SR; of several outputs 'sr' counts.
        lr: (height, width, channels) float in [0, 1].

    Returns:
        (height x scale, width x scale, channels) float32, not clipped.
    """
    batch = np.asarray(lr, np.float32)[None]
    if keras.backend.backend() == "tensorflow":
        model.jit_compile = False  # XLA compiles anew for every image size
        made = model.predict_on_batch(batch)
    else:
        made = model(keras.ops.convert_to_tensor(batch), training=False)
    made = made["sr"] if isinstance(made, dict) else made
    return keras.ops.convert_to_numpy(made)[0]


def channels_of(model: keras.Model) -> int:
    """Return how many channels a model's image has: 1 for a model of luma, else 3."""
    shape = model.input_shape
    if isinstance(shape, dict | list):
        raise RequestError(f"a model with several inputs ({', '.join(tensor.name for tensor in model.inputs)}) cannot enlarge a single image")
    return shape[-1]


def upscale(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """Enlarge an image with a model.

    A model of luma enlarges Y; Cb and Cr are enlarged by bicubic.

    Args:
        model: what `vf.build` or `vf.load` returned.
        image: (height, width, 3) or (height, width) uint8.

    Returns:
        The enlarged image, uint8, grey where it came in grey.

    Raises:
        RequestError: the array is no such image, or the model takes several inputs.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or not image.size:
        raise RequestError(f"an image is (height, width) or (height, width, 3) uint8, not {image.shape} {image.dtype}")
    rgb = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    made = _upscale_luma(model, rgb) if channels_of(model) == 1 else super_resolve(model, rgb / np.float32(255)) * 255.0
    made = np.clip(np.round(made), 0, 255).astype(np.uint8)
    return made if image.ndim == 3 else np.round(made.mean(axis=2)).astype(np.uint8)


def _upscale_luma(model: keras.Model, rgb: np.ndarray) -> np.ndarray:
    ycbcr = to_ycbcr(rgb)
    y = super_resolve(model, ycbcr[..., :1] / 255.0) * 255.0
    chroma = imresize(ycbcr[..., 1:], y.shape[0] / rgb.shape[0])
    return from_ycbcr(np.concatenate([y, chroma], axis=-1))
