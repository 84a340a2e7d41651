"""The discriminator of an adversarial training: its dictionary, checked against the generator's, and its model."""

from __future__ import annotations

import keras

from visionfw import models
from visionfw.config import TrainRequest
from visionfw.errors import RequestError
from visionfw.graph.build import compile_model
from visionfw.graph.check import Checked, examine
from visionfw.graph.groups import VERDICTS


def read_discriminator(request: TrainRequest, generator: Checked) -> Checked | None:
    """Read and check a request's discriminator; None for a plain training.

    Raises:
        RequestError: it cannot be read, or cannot judge what the generator makes of the request's patches.
    """
    if not request.adversarial:
        return None
    side, channels = request.patch_size * request.scale, generator.definition.channels
    source = models.load(request.discriminator, dict(request.discriminator_args), patch_size=side)
    checked = examine(source.dictionary, None, source.functions)
    definition = checked.definition
    problems = []
    if len(definition.graph.inputs) > 1 or not set(dict(definition.graph.outputs)) & set(VERDICTS):
        problems.append(f"a discriminator has one input, and an output named {' or '.join(map(repr, VERDICTS))}")
    else:
        shape = definition.input_shape(definition.graph.inputs[0][0])
        fits = len(shape) == 3 and all(size in (None, made) for size, made in zip(shape, (side, side, channels), strict=True))
        if not fits:
            problems.append(f"judges images of {_said(shape)}, the generator makes {_said((side, side, channels))} of --patch_size={request.patch_size}")
    if request.adversarial == "wgan_gp" and any(call.link.layer == "BatchNormalization" for call in checked.expanded.calls):
        problems.append("has batch normalisation, which wgan_gp's penalty of single images does not go with (srgan_discriminator: norm=False)")
    if problems:
        raise RequestError("\n".join(f"--discriminator={request.discriminator}: {problem}" for problem in problems))
    return checked


def build_discriminator(checked: Checked, request: TrainRequest) -> keras.Model:
    """Build it under Keras' current dtype policy. Raises RequestError where HR patches are too small for it."""
    side = request.patch_size * request.scale
    model = compile_model(checked)
    try:
        model(keras.KerasTensor((request.batch_size, side, side, model.input_shape[-1])))
    except Exception as error:
        raise RequestError(f"--discriminator={request.discriminator}: cannot judge patches of {side} x {side} pixels") from error
    return model


def _said(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape)
