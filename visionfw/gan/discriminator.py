"""The discriminator of an adversarial training: its dictionary, checked against the generator's, and its model."""

from __future__ import annotations

import keras
from keras import ops

from visionfw.errors import RequestError
from visionfw.gan import GAN_LOSSES
from visionfw.gan.config import GanConfig
from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.language import loader as models
from visionfw.graph.language.defaults import LOGIT_OUTPUTS
from visionfw.numerics import Tensor

_LEAST = 1e-6


def read_discriminator(config: GanConfig, generator: Checked, patch_size: int) -> Checked:
    """Load and check a discriminator.

    Args:
        config: which discriminator, and the GAN loss.
        generator: the checked generator.
        patch_size: side of the LR patches.

    Raises:
        RequestError: it cannot be loaded, or its input is not what the generator makes of such patches.
    """
    side, channels = patch_size * (generator.scale or 1), generator.definition.channels
    source = models.load(config.discriminator, config.discriminator_args or {}, patch_size=side)
    checked = examine(source.dictionary, None, source.functions)
    definition = checked.definition
    problems = []
    if len(definition.graph.inputs) > 1 or not set(dict(definition.graph.outputs)) & set(LOGIT_OUTPUTS):
        problems.append(f"a discriminator has one input, and an output named {' or '.join(map(repr, LOGIT_OUTPUTS))}")
    else:
        shape = definition.input_shape(definition.graph.inputs[0][0])
        fits = len(shape) == 3 and all(size in (None, made) for size, made in zip(shape, (side, side, channels), strict=True))
        if not fits:
            problems.append(f"judges images of {_said(shape)}, the generator makes {_said((side, side, channels))} of --patch_size={patch_size}")
        elif checked.shapes_at(side, side) is None:
            problems.append(f"cannot judge patches of {side} x {side} pixels")
    if GAN_LOSSES.get(config.loss.name).has_gradient_penalty and checked.uses_layer("BatchNormalization"):
        problems.append("has batch normalization, which wgan_gp's penalty of single images does not go with (srgan_discriminator: norm=False)")
    if problems:
        raise RequestError("\n".join(f"--discriminator={config.discriminator}: {problem}" for problem in problems))
    return checked


def build_discriminator(checked: Checked) -> keras.Model:
    """Build it under Keras' current dtype policy: images -> logits, also of one that tells probabilities alone."""
    model, names = compile_model(checked), [name for name, _ in checked.definition.graph.outputs]
    told = dict(zip(names, [model.output], strict=True)) if len(names) == 1 else model.output
    logits = told["logits"] if "logits" in told else Logits()(told["probability"])
    return keras.Model(model.input, logits, name=model.name)


class Logits(keras.layers.Layer):
    """Turns probabilities back into logits, float32; none is taken for certain."""

    def __init__(self) -> None:
        super().__init__(name="logits_of_probability", dtype="float32")

    def call(self, probability: Tensor) -> Tensor:
        probability = ops.clip(probability, _LEAST, 1.0 - _LEAST)
        return ops.log(probability) - ops.log(1.0 - probability)


def _said(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape)
