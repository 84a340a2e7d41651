"""Visual information fidelity, which torchmetrics computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from visionfw.errors import RequestError

_LEAST = 41  # pixels a side: what four scales of its windows need


def visual_information_fidelity() -> Callable[[np.ndarray, np.ndarray], float]:
    """Return the measure in the pixel domain (VIFp), a function of two images in 0..255; 1 where they are equal.

    Raises:
        RequestError: torchmetrics is not installed; or, by the function, an image is too small.

    Reference: Sheikh, Bovik, Image Information and Visual Quality, IEEE TIP 2006.
    """
    try:
        import torchmetrics.functional.image as library
        from torch import from_numpy
    except ImportError as error:
        raise RequestError("--metrics=vif is torchmetrics': pip install 'visionfw[quality]'") from error

    def vif(made: np.ndarray, reference: np.ndarray) -> float:
        if min(made.shape[:2]) < _LEAST:
            raise RequestError(f"VIF needs {_LEAST} x {_LEAST} pixels, and {made.shape[0]} x {made.shape[1]} are left")
        pair = [from_numpy(np.ascontiguousarray(np.atleast_3d(image).transpose(2, 0, 1)[None])).float() for image in (made, reference)]
        return float(library.visual_information_fidelity(*pair))

    return vif
