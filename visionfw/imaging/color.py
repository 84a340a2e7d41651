"""Luma and YCbCr with the constants of MATLAB's rgb2ycbcr (BT.601, limited range)."""

from __future__ import annotations

import numpy as np

from visionfw.errors import RequestError
from visionfw.numerics import LUMA_COEFFICIENTS, LUMA_OFFSET

#: Rows: Y, Cb, Cr for R, G, B in 0..1; add the offsets afterwards.
_TO_YCBCR = np.array([LUMA_COEFFICIENTS, (-37.797, -74.203, 112.0), (112.0, -93.786, -18.214)])
_OFFSETS = np.array([LUMA_OFFSET, 128.0, 128.0])


def luma(image: np.ndarray) -> np.ndarray:
    """Return Y of an image, not rounded (`vf.luma`).

    Args:
        image: (height, width, 3) RGB, or gray as (height, width) or (height, width, 1), which counts as R = G = B; values 0..255,
            uint8 or float.

    Returns:
        (height, width) float64 in 16..235.

    Raises:
        RequestError: an array of another shape: alpha, batches and channels in front are refused.
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise RequestError(f"luma is taken of one image, (height, width, 3) RGB or (height, width) gray, not of shape {image.shape}")
    image = image.astype(np.float64)
    if image.ndim == 3 and image.shape[2] == 3:
        return LUMA_OFFSET + image @ (np.array(LUMA_COEFFICIENTS) / 255.0)
    gray = image[..., 0] if image.ndim == 3 else image
    return LUMA_OFFSET + gray * (sum(LUMA_COEFFICIENTS) / 255.0)


def to_ycbcr(image: np.ndarray) -> np.ndarray:
    """Return Y, Cb, Cr of an RGB image in 0..255: (height, width, 3) float64, Y in 16..235, chroma in 16..240, not rounded."""
    return np.asarray(image, np.float64) @ (_TO_YCBCR.T / 255.0) + _OFFSETS


def from_ycbcr(ycbcr: np.ndarray) -> np.ndarray:
    """Return R, G, B in 0..255 of a YCbCr image: (height, width, 3) float64, not clipped, not rounded."""
    return (np.asarray(ycbcr, np.float64) - _OFFSETS) @ (np.linalg.inv(_TO_YCBCR).T * 255.0)
