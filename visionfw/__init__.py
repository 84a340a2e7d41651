"""visionfw: single-image super-resolution on Keras 3, where an architecture is a plain dictionary.

The table of contents. Everything is loaded when it is first touched: `import visionfw` imports neither Keras nor TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_CONTENTS = {
    "ModelDefinitionError": "visionfw.errors",
    "VisionfwError": "visionfw.errors",
    "build": "visionfw.graph.build",
    "check": "visionfw.graph.checking.check",
    "cost": "visionfw.graph.analysis.cost",
    "data": "visionfw.data",
    "definition": "visionfw.graph.language.loader",
    "degrade": "visionfw.imaging.degradations.pipeline",
    "describe": "visionfw.graph.analysis.describe",
    "diff": "visionfw.graph.analysis.describe",
    "draw": "visionfw.graph.analysis.draw",
    "fold": "visionfw.graph.folding.fold",
    "imresize": "visionfw.imaging.resize",
    "load": "visionfw.runs.checkpoints",
    "load_weights": "visionfw.runs.checkpoints",
    "luma": "visionfw.imaging.color",
    "canonicalize": "visionfw.graph.language.parser",
    "open": "visionfw.runs.opening",
    "psnr": "visionfw.metrics.arrays",
    "register_augmentation": "visionfw.data.augmentation",
    "register_block": "visionfw.graph.language.blocks",
    "register_degradation": "visionfw.imaging.degradations",
    "register_gan_loss": "visionfw.gan",
    "register_layer": "visionfw.layers",
    "register_loss": "visionfw.losses",
    "register_metric": "visionfw.metrics",
    "register_noise_schedule": "visionfw.diffusion",
    "register_optimizer": "visionfw.optimizers",
    "register_sampler": "visionfw.samplers",
    "register_sampling": "visionfw.diffusion",
    "register_schedule": "visionfw.optimizers",
    "samplers": "visionfw.samplers",
    "save_weights": "visionfw.runs.checkpoints",
    "schema": "visionfw.graph.schema",
    "ssim": "visionfw.metrics.arrays",
    "upscale": "visionfw.inference.upscaler",
}
_PACKAGES = ("data", "samplers")

__all__ = sorted([*_CONTENTS, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _CONTENTS:
        raise AttributeError(f"module 'visionfw' has no attribute {name!r}")
    module = import_module(_CONTENTS[name])
    return module if name in _PACKAGES else getattr(module, name)


def __dir__() -> list[str]:
    return __all__
