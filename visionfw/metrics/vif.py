"""Visual information fidelity, by torchmetrics."""

from __future__ import annotations

import numpy as np

from visionfw.errors import RequestError

_MIN_SIDE = 41  # pixels: what four scales of its windows need


def vif(a: np.ndarray, b: np.ndarray) -> float:
    """Return the visual information fidelity in the pixel domain (VIFp), 1 where the images are equal.

    Args:
        a, b: the image and the reference, (height, width) or (height, width, channels), values 0..255.

    Raises:
        RequestError: torchmetrics is not installed, or the images are smaller than 41 x 41.

    Reference: Sheikh, Bovik, Image Information and Visual Quality, IEEE TIP 2006.
    """
    try:
        import torchmetrics.functional.image as library
        from torch import from_numpy
    except ImportError as error:
        raise RequestError("--metrics=vif needs torchmetrics: pip install 'visionfw[quality]'") from error
    if min(a.shape[:2]) < _MIN_SIDE:
        raise RequestError(f"VIF needs {_MIN_SIDE} x {_MIN_SIDE} pixels, but the images have {a.shape[0]} x {a.shape[1]} without their borders")
    pair = [from_numpy(np.ascontiguousarray(np.atleast_3d(image).transpose(2, 0, 1)[None])).float() for image in (a, b)]
    return float(library.visual_information_fidelity(*pair))
