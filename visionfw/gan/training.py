"""Adversarial training as a plain Keras `fit`: one model whose loss is the sum of the generator's and the discriminator's.

Each network gets the gradient of its own loss only. The discriminator sees the SR patches twice: once with their gradient stopped, which
trains the discriminator, and once with its own weights frozen, which trains the generator. Both updates use the weights from before the
step, and the generator runs once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
from keras import ops

from visionfw.backend.gradients import input_gradient
from visionfw.gan import GAN_LOSSES
from visionfw.gan.losses import accuracy, gradient_penalty
from visionfw.layers.uint8_images import uint8_to_float
from visionfw.numerics import Tensor

#: Metrics of adversarial training, logged beside the loss.
FIGURES = ("content", "adversarial", "discriminator", "real_accuracy", "fake_accuracy", "color_shift")
_PENALTY = 10.0  # weight of the gradient penalty, lambda in the WGAN-GP paper
_MAX_SHIFT = 16  # pixels: the total stride of the built-in discriminators
_SATURATED = 0.99  # accuracy
_MAX_COLOR_SHIFT = 3.0  # gray levels


class Adversarial(keras.Model):
    """A generator that reads uint8 patches, and the discriminator it is trained against.

    Args:
        generator: maps uint8 LR patches to SR patches in [0, 1].
        discriminator: maps images to logits.
        loss_name: name in GAN_LOSSES.
        weight: weight of the generator's adversarial loss; its content loss has weight 1.
        color: color mode of the generator's images.
        seed: seed of the random shifts and of the gradient penalty's interpolation.
    """

    def __init__(self, generator: keras.Model, discriminator: keras.Model, loss_name: str, weight: float, color: str, seed: int):
        super().__init__(name=generator.name)
        self.generator, self.discriminator = generator, discriminator
        self.gan_loss, self.loss_name, self.weight, self.color = GAN_LOSSES.load(loss_name), loss_name, weight, color
        self.random_seed = keras.random.SeedGenerator(seed)
        self.figures = {name: keras.metrics.Mean(name=name) for name in FIGURES}
        self.built = True

    def call(self, patches: Tensor, training: bool | None = None) -> Tensor:
        return self.generator(patches, training=training)

    def compute_loss(self, x: Tensor = None, y: Tensor = None, y_pred: Tensor = None, sample_weight: Tensor = None, training: bool = True) -> Tensor:
        content = super().compute_loss(x, y, y_pred, sample_weight, training)
        real, fake = uint8_to_float(y, self.color), ops.cast(y_pred, "float32")
        shift = self._random_shift(real)
        real, fake = shift(real), shift(fake)
        detached = ops.stop_gradient(fake)
        real_logits, fake_logits = self._logits(real), self._logits(detached)
        adversarial = self.gan_loss.generator(ops.stop_gradient(real_logits), self._logits_frozen(fake))
        discriminator = self.gan_loss.discriminator(real_logits, fake_logits)
        if GAN_LOSSES.get(self.loss_name).has_gradient_penalty:
            discriminator = discriminator + _PENALTY * self._penalty(real, detached)
        accuracies = accuracy(self.gan_loss, real_logits, fake_logits)
        color_shift = ops.mean(ops.abs(ops.mean(detached, axis=(1, 2)) - ops.mean(uint8_to_float(x, self.color), axis=(1, 2)))) * 255.0
        for metric, value in zip(self.figures.values(), (content, adversarial, discriminator, *accuracies, color_shift), strict=True):
            metric.update_state(value)
        return content + self.weight * adversarial + discriminator

    def _random_shift(self, images: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function that rolls images by a random number of pixels along both axes, the same for every call.

        Without it, the discriminator's strides stay aligned with the generator's pixel shuffle, and the generator learns a checkerboard pattern.
        """
        height, width = (ops.shape(images)[axis] for axis in (1, 2))
        down, right = (keras.random.randint((), 0, _MAX_SHIFT, seed=self.random_seed) for _ in range(2))
        rows, columns = (ops.arange(height) + down) % height, (ops.arange(width) + right) % width
        return lambda batch: ops.take(ops.take(batch, rows, axis=1), columns, axis=2)

    def _logits(self, images: Tensor) -> Tensor:
        """Return the logits of images, with gradients to the discriminator's weights."""
        return ops.cast(self.discriminator(images, training=True), "float32")

    def _logits_frozen(self, images: Tensor) -> Tensor:
        """Return the logits of images, with gradients to the images only."""
        trainable, others = self._values()
        logits, _ = self.discriminator.stateless_call([ops.stop_gradient(value) for value in trainable], others, images, training=True)
        return ops.cast(logits, "float32")

    def _penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the gradient penalty at random interpolations of real and fake images (WGAN-GP)."""
        mix = keras.random.uniform((ops.shape(real)[0], 1, 1, 1), seed=self.random_seed)
        trainable, others = self._values()

        def total(images: Tensor) -> Tensor:
            return ops.sum(ops.cast(self.discriminator.stateless_call(trainable, others, images, training=True)[0], "float32"))

        return gradient_penalty(input_gradient(total, mix * real + (1.0 - mix) * fake))

    def _values(self) -> list[list[Tensor]]:
        variables = self.discriminator.trainable_variables, self.discriminator.non_trainable_variables
        return [[ops.convert_to_tensor(variable) for variable in kind] for kind in variables]


def format_metrics(figures: Mapping[str, float]) -> str:
    """Return the metrics of adversarial training as part of a log line."""
    return (
        f"content {figures['content']:.4g}, adversarial {figures['adversarial']:.4g}, discriminator {figures['discriminator']:.4g} "
        f"(accuracy: real {figures['real_accuracy']:.0%}, fake {figures['fake_accuracy']:.0%}), color shift {figures['color_shift']:.1f} levels"
    )


def training_warnings(figures: Mapping[str, float], initial_color_shift: float, loss_name: str) -> list[str]:
    """Return warnings about a saturated or collapsed discriminator and about shifting colors.

    Args:
        figures: metrics since the previous validation, by name.
        initial_color_shift: color_shift at the first validation, in gray levels.
        loss_name: name in GAN_LOSSES; a WGAN-GP critic may separate all images and still train the generator.
    """
    real, fake = figures["real_accuracy"], figures["fake_accuracy"]
    warnings = []
    if min(real, fake) > _SATURATED and not GAN_LOSSES.get(loss_name).has_gradient_penalty:
        warnings.append(
            f"the discriminator is correct on {min(real, fake):.1%} of the images and gives the generator little gradient: try a lower --discriminator_lr"
        )
    if min(real, fake) < 1 - _SATURATED:
        warnings.append(
            f"the discriminator has collapsed, it is wrong on {1 - min(real, fake):.1%} of the real or fake images: try a higher --discriminator_lr"
        )
    if figures["color_shift"] > initial_color_shift + _MAX_COLOR_SHIFT:
        warnings.append(f"mean colors differ from the LR patches by {figures['color_shift']:.1f} gray levels: try a lower --adversarial_weight")
    return warnings
