"""The discriminator: its dictionary, checked against the generator's, and its model."""

from __future__ import annotations

import keras
from keras import ops

from visionfw.errors import RequestError
from visionfw.gan import GAN_LOSSES
from visionfw.gan.config import GanConfig
from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.language import loader
from visionfw.graph.language.defaults import LOGIT_OUTPUTS
from visionfw.numerics import Tensor

_MIN_PROBABILITY = 1e-6


def load_discriminator(config: GanConfig, generator: Checked, patch_size: int) -> Checked:
    """Load and check a discriminator.

    Args:
        config: names the discriminator and the GAN loss.
        generator: whose images it takes.
        patch_size: side of the LR patches in pixels.

    Raises:
        RequestError: it cannot be loaded, is not a discriminator, cannot take the generator's patches, or does not work with the GAN loss.
    """
    hr_patch = patch_size * (generator.scale or 1)
    source = loader.load(config.discriminator, config.discriminator_args or {}, patch_size=hr_patch)
    checked = examine(source.dictionary, None, source.functions)
    problems = _interface_problems(checked, hr_patch, generator.definition.channels)
    name = config.loss.name
    if checked.uses_layer("BatchNormalization") and not GAN_LOSSES.get(name).allows_batch_normalization:
        problems.append(f"has batch normalization, which does not work with --adversarial={name} (srgan_discriminator: norm=False)")
    if problems:
        raise RequestError("\n".join(f"--discriminator={config.discriminator}: {problem}" for problem in problems))
    return checked


def _interface_problems(checked: Checked, hr_patch: int, channels: int) -> list[str]:
    """Return what is wrong with a discriminator's input and output."""
    definition = checked.definition
    if len(definition.graph.inputs) > 1 or not set(dict(definition.graph.outputs)) & set(LOGIT_OUTPUTS):
        return [f"a discriminator has one input, and an output named {' or '.join(map(repr, LOGIT_OUTPUTS))}"]
    image, accepted = (hr_patch, hr_patch, channels), definition.input_shape(definition.graph.inputs[0][0])
    if len(accepted) != 3 or any(size not in (None, actual) for size, actual in zip(accepted, image, strict=True)):
        return [f"takes images of {_shape_text(accepted)}, but the generator's patches are {_shape_text(image)}"]
    if checked.shapes_at(hr_patch, hr_patch) is None:
        return [f"cannot take patches of {hr_patch} x {hr_patch} pixels"]
    return []


def build_discriminator(checked: Checked) -> keras.Model:
    """Build a discriminator under Keras' current dtype policy: images -> logits, also where its dictionary only has probabilities."""
    model, names = compile_model(checked), [name for name, _ in checked.definition.graph.outputs]
    outputs = dict(zip(names, [model.output], strict=True)) if len(names) == 1 else model.output
    logits = outputs["logits"] if "logits" in outputs else Logits()(outputs["probability"])
    return keras.Model(model.input, logits, name=model.name)


class Logits(keras.layers.Layer):
    """Turns probabilities back into float32 logits, which stay finite at 0 and 1."""

    def __init__(self) -> None:
        super().__init__(name="logits_of_probability", dtype="float32")

    def call(self, probability: Tensor) -> Tensor:
        """Return the logits, in the shape of the probabilities."""
        probability = ops.clip(probability, _MIN_PROBABILITY, 1.0 - _MIN_PROBABILITY)
        return ops.log(probability) - ops.log(1.0 - probability)


def _shape_text(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape)
