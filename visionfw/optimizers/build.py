"""Build an optimizer from a parsed --optimizer and the settings that all optimizers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from visionfw.backend.keras_internals import backend_optimizer_class
from visionfw.optimizers import OPTIMIZERS
from visionfw.optimizers.ema import EmaWarmUp
from visionfw.optimizers.layer_lr import LayerLearningRates
from visionfw.optimizers.nonfinite import SkipNonfinite
from visionfw.registry import Spec


def build_optimizer(
    spec: Spec,
    learning_rate: Any,
    *,
    clip_norm: float = 0.0,
    clip_value: float = 0.0,
    ema: float = 0.0,
    layer_lr: Mapping[str, float] | None = None,
) -> keras.optimizers.Optimizer:
    """Return an optimizer that skips gradients that are not finite; `.nonfinite_steps` counts them.

    Args:
        spec: which optimizer, parsed by OPTIMIZERS.
        learning_rate: a number or a schedule.
        clip_norm: largest norm of the whole gradient; 0 for no limit.
        clip_value: largest absolute value in the gradient; 0 for no limit.
        ema: largest decay of the moving average of the weights, which `finalize_variable_values` writes into given variables; 0 for none.
        layer_lr: multipliers of the learning rate of some variables, by the variables' paths.
    """
    optimizer_class = OPTIMIZERS.load(spec.name)
    settings: dict[str, Any] = {"global_clipnorm": clip_norm or None, "clipvalue": clip_value or None}
    extensions: list[type] = [SkipNonfinite]
    if ema:
        extensions.append(EmaWarmUp)
        settings |= {"use_ema": True, "ema_momentum": ema}
    if layer_lr:
        extensions.append(LayerLearningRates)
        settings["layer_lr"] = layer_lr
    else:  # on PyTorch a class that updates all variables at once, at one learning rate
        optimizer_class = backend_optimizer_class(optimizer_class)
    extended_class = type(optimizer_class.__name__, (*extensions, optimizer_class), {})
    return extended_class(learning_rate, **spec.options, **settings)
