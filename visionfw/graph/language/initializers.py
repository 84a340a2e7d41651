"""First weights as they are written: a name, and a size after a colon. No Keras here."""

from __future__ import annotations

import math
from typing import Any

from visionfw.errors import RequestError, unknown

INITIALIZERS = {
    "normal": "RandomNormal",
    "truncated_normal": "TruncatedNormal",
    "uniform": "RandomUniform",
    "he_normal": "HeNormal",
    "he_uniform": "HeUniform",
    "glorot_normal": "GlorotNormal",
    "glorot_uniform": "GlorotUniform",
    "orthogonal": "Orthogonal",
}
_WITH_SIZE = {"normal": "stddev", "truncated_normal": "stddev", "uniform": "maxval", "orthogonal": "gain"}


def read_initializer(text: str) -> dict[str, Any] | None:
    """Read an initializer: NAME, or NAME:SIZE: 'he_normal', 'normal:0.001' (its standard deviation). Raises RequestError.

    Returns:
        Keras' class_name and config; None for ''.
    """
    name, colon, size = text.partition(":")
    if not text:
        return None
    if name not in INITIALIZERS:
        raise RequestError(f"--initializer: {unknown('initializer', name, INITIALIZERS)}")
    if not colon:
        return {"class_name": INITIALIZERS[name], "config": {}}
    try:
        value = float(size)
    except ValueError:
        value = math.nan
    if name not in _WITH_SIZE or not 0 < value < math.inf:
        takes = "takes no size" if name not in _WITH_SIZE else f"a size is a number above 0, not {size!r}"
        raise RequestError(f"--initializer={text}: {takes}")
    config = {_WITH_SIZE[name]: value} | ({"minval": -value} if name == "uniform" else {})
    return {"class_name": INITIALIZERS[name], "config": config}
