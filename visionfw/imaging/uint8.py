"""Rounding of computed values to uint8 pixels."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_uint8(values: Any) -> np.ndarray:
    """Round half up and clip to 0..255, as MATLAB's uint8() does.

    Args:
        values: an array of any shape, in gray levels.

    Returns:
        The same shape, uint8.
    """
    return np.clip(np.floor(np.asarray(values) + 0.5), 0, 255).astype(np.uint8)
