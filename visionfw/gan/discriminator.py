"""The discriminator of an adversarial training: its dictionary, checked against the generator's, and its model."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from visionfw.config import TrainRequest
from visionfw.errors import RequestError
from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.language import loader as models
from visionfw.graph.language.defaults import LOGIT_OUTPUTS

_LEAST = 1e-6


def read_discriminator(request: TrainRequest, generator: Checked, log: Callable[[str], None]) -> Checked | None:
    """Read and check a request's discriminator; None for a plain training.

    Raises:
        RequestError: it cannot be read, or cannot judge what the generator makes of the request's patches.
    """
    if not request.adversarial:
        return None
    side, channels = request.patch_size * request.scale, generator.definition.channels
    source = models.load(request.discriminator, dict(request.discriminator_args), patch_size=side)
    if source.note:
        log(source.note)
    checked = examine(source.dictionary, None, source.functions)
    definition = checked.definition
    problems = []
    if len(definition.graph.inputs) > 1 or not set(dict(definition.graph.outputs)) & set(LOGIT_OUTPUTS):
        problems.append(f"a discriminator has one input, and an output named {' or '.join(map(repr, LOGIT_OUTPUTS))}")
    else:
        shape = definition.input_shape(definition.graph.inputs[0][0])
        fits = len(shape) == 3 and all(size in (None, made) for size, made in zip(shape, (side, side, channels), strict=True))
        if not fits:
            problems.append(f"judges images of {_said(shape)}, the generator makes {_said((side, side, channels))} of --patch_size={request.patch_size}")
        elif checked.shapes_at(side, side) is None:
            problems.append(f"cannot judge patches of {side} x {side} pixels")
    if request.adversarial == "wgan_gp" and checked.uses_layer("BatchNormalization"):
        problems.append("has batch normalization, which wgan_gp's penalty of single images does not go with (srgan_discriminator: norm=False)")
    if problems:
        raise RequestError("\n".join(f"--discriminator={request.discriminator}: {problem}" for problem in problems))
    return checked


def build_discriminator(checked: Checked) -> keras.Model:
    """Build it under Keras' current dtype policy: images -> logits, also of one that tells probabilities alone."""
    model, names = compile_model(checked), [name for name, _ in checked.definition.graph.outputs]
    told = dict(zip(names, [model.output], strict=True)) if len(names) == 1 else model.output
    logits = told["logits"] if "logits" in told else Logits()(told["probability"])
    return keras.Model(model.input, logits, name=model.name)


class Logits(keras.layers.Layer):
    """Turns probabilities back into logits, float32; none is taken for certain."""

    def __init__(self):
        super().__init__(name="logits_of_probability", dtype="float32")

    def call(self, probability):
        probability = ops.clip(probability, _LEAST, 1.0 - _LEAST)
        return ops.log(probability) - ops.log(1.0 - probability)


def _said(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape)
