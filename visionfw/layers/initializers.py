"""Initializers of kernels by name: `he_normal`, `normal:0.001`.

A new initializer is one entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from visionfw.registry import Entry, Option, Registry, Spec, number


@dataclass(frozen=True, kw_only=True)
class InitializerEntry(Entry):
    """An initializer of Keras; its options are the initializer's own arguments.

    Attributes:
        mirrored: option -> argument that gets the negative of its value.
    """

    mirrored: tuple[str, str] | None = None


def _entry(name: str, class_name: str, help: str, options: Mapping[str, Option] | None = None, **facts: Any) -> InitializerEntry:
    return InitializerEntry(name=name, target=f"keras.initializers:{class_name}", help=help, options=options or {}, **facts)


_STDDEV = {"stddev": number(0.05, "standard deviation", above=0)}

INITIALIZERS: Registry[InitializerEntry] = Registry(
    "initializer",
    [
        _entry("normal", "RandomNormal", "normal distribution", _STDDEV),
        _entry("truncated_normal", "TruncatedNormal", "normal distribution cut at two standard deviations", _STDDEV),
        _entry("uniform", "RandomUniform", "uniform distribution from -maxval to maxval", {"maxval": number(0.05, above=0)}, mirrored=("maxval", "minval")),
        _entry("he_normal", "HeNormal", "normal distribution scaled by the fan-in, for ReLU networks (He et al., ICCV 2015)"),
        _entry("he_uniform", "HeUniform", "uniform distribution scaled by the fan-in, for ReLU networks"),
        _entry("glorot_normal", "GlorotNormal", "normal distribution scaled by fan-in and fan-out (Glorot and Bengio, AISTATS 2010)"),
        _entry("glorot_uniform", "GlorotUniform", "uniform distribution scaled by fan-in and fan-out"),
        _entry("orthogonal", "Orthogonal", "orthogonal matrix (Saxe et al., ICLR 2014)", {"gain": number(1.0, above=0)}),
    ],
    InitializerEntry,
)


def keras_initializer(spec: Spec) -> dict[str, Any]:
    """Return an initializer as Keras' class_name and config, plain data that a dictionary can hold."""
    entry = INITIALIZERS.get(spec.name)
    config = dict(spec.options)
    if entry.mirrored:
        source, negative = entry.mirrored
        config[negative] = -config[source]
    return {"class_name": entry.target.partition(":")[2], "config": config}
