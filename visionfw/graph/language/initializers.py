"""Initializers of kernels, as `--initializer` names them. No Keras here."""

from __future__ import annotations

from typing import Any

from visionfw.errors import RequestError
from visionfw.registry import Entry, Registry, number


def _entry(name: str, keras_name: str, help: str, **options: Any) -> Entry:
    return Entry(name=name, target=f"keras.initializers:{keras_name}", help=help, options=options)


INITIALIZERS: Registry[Entry] = Registry(
    "initializer",
    [
        _entry("normal", "RandomNormal", "normal distribution", stddev=number(0.05, "standard deviation", above=0)),
        _entry("truncated_normal", "TruncatedNormal", "normal distribution without its tails", stddev=number(0.05, "standard deviation", above=0)),
        _entry("uniform", "RandomUniform", "uniform distribution from -maxval to maxval", maxval=number(0.05, "bound", above=0)),
        _entry("he_normal", "HeNormal", "normal distribution, its variance 2 / fan-in (He et al., ICCV 2015)"),
        _entry("he_uniform", "HeUniform", "uniform distribution, its variance 2 / fan-in (He et al., ICCV 2015)"),
        _entry("glorot_normal", "GlorotNormal", "normal distribution, its variance 2 / (fan-in + fan-out) (Glorot and Bengio, AISTATS 2010)"),
        _entry("glorot_uniform", "GlorotUniform", "uniform distribution, its variance 2 / (fan-in + fan-out) (Glorot and Bengio, AISTATS 2010)"),
        _entry("orthogonal", "Orthogonal", "a random orthogonal matrix (Saxe et al., ICLR 2014)", gain=number(1.0, "factor", above=0)),
    ],
)


def read_initializer(text: str) -> dict[str, Any] | None:
    """Parse an initializer: NAME, or NAME:SIZE: 'he_normal', 'normal:0.001' (its standard deviation).

    Returns:
        Keras' class_name and config; None for ''.

    Raises:
        RequestError: no such initializer, or a size that it does not take.
    """
    if not text:
        return None
    spec = INITIALIZERS.parse(text, "initializer")
    target = INITIALIZERS.get(spec.name).target
    if not isinstance(target, str):
        raise RequestError(f"--initializer={text}: a registered initializer must be named by 'keras.initializers:CLASS'")
    config = dict(spec.options) | ({"minval": -spec.options["maxval"]} if "maxval" in spec.options else {})
    return {"class_name": target.partition(":")[2], "config": config}
