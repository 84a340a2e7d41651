"""Adversarial training as a plain fit: one model whose loss is the sum of the generator's and the discriminator's.

Each network is trained by its own part alone. The discriminator sees the SR images twice: once without a gradient to the generator,
and once with its own weights held constant, which gives the generator's gradient. Both updates start from the weights of the same
step, and the generator runs once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
from keras import ops

from visionfw.backend.gradients import input_gradient
from visionfw.gan.losses import GanLoss, gradient_penalty
from visionfw.layers.uint8_images import uint8_to_float
from visionfw.numerics import Tensor

#: Metrics of a round of adversarial training, in addition to the loss.
GAN_METRICS = ("content", "adversarial", "discriminator", "real_accuracy", "fake_accuracy", "color_shift")
_MAX_SHIFT = 16  # pixels: the product of a discriminator's strides
_SATURATED = 0.99  # accuracy
_MAX_COLOR_SHIFT = 3.0  # gray levels more than in the first round


class GanModel(keras.Model):
    """A generator that reads uint8 patches, trained together with a discriminator.

    Args:
        generator: uint8 LR patches -> SR images in [0, 1].
        discriminator: images -> logits.
        gan_loss: what both minimize.
        adversarial_weight: weight of the generator's adversarial loss, next to its content loss.
        color: of the generator's images, 'rgb' or 'y'.
        seed: of the random shifts and of the gradient penalty.
        max_shift: the discriminator's images are shifted by a random number of pixels below this; 1 for no shift.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        gan_loss: GanLoss,
        adversarial_weight: float,
        color: str,
        seed: int,
        max_shift: int = _MAX_SHIFT,
    ):
        super().__init__(name=generator.name)
        self.generator, self.discriminator = generator, discriminator
        self.gan_loss, self.adversarial_weight, self.color, self.max_shift = gan_loss, adversarial_weight, color, max_shift
        self.random = keras.random.SeedGenerator(seed)
        self.gan_metrics = {name: keras.metrics.Mean(name=name) for name in GAN_METRICS}
        self.built = True

    def call(self, patches: Tensor, training: bool | None = None) -> Tensor:
        """Return SR images in [0, 1] of uint8 LR patches."""
        return self.generator(patches, training=training)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Return the sum of the content loss, the weighted adversarial loss and the discriminator's loss.

        Args:
            x, y: uint8 LR and HR patches.
            y_pred: SR images in [0, 1].
            sample_weight: of the content loss.
            training: as Keras passes it.
        """
        content = super().compute_loss(x, y, y_pred, sample_weight, training)
        real, fake = uint8_to_float(y, self.color), ops.cast(y_pred, "float32")
        shift = self._random_shift(real)
        real, fake = shift(real), shift(fake)
        constant_fake = ops.stop_gradient(fake)
        real_logits, fake_logits = self._logits(real), self._logits(constant_fake)
        adversarial = self.gan_loss.generator(ops.stop_gradient(real_logits), self._logits_with_constant_weights(fake))
        discriminator = self.gan_loss.discriminator(real_logits, fake_logits)
        if self.gan_loss.gradient_penalty:
            discriminator = discriminator + self.gan_loss.gradient_penalty * self._gradient_penalty(real, constant_fake)
        accuracy = self.gan_loss.accuracy(real_logits, fake_logits)
        color_shift = _color_distance(constant_fake, uint8_to_float(x, self.color))
        for metric, value in zip(self.gan_metrics.values(), (content, adversarial, discriminator, *accuracy, color_shift), strict=True):
            metric.update_state(value)
        return content + self.adversarial_weight * adversarial + discriminator

    def _random_shift(self, images: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function that shifts images cyclically by a random number of pixels, the same for everything that it is called on.

        Without it, the discriminator's strides always meet the same phase of the generator's pixel shuffle and leave a grid in the images.
        """
        height, width = (ops.shape(images)[axis] for axis in (1, 2))
        down, right = (keras.random.randint((), 0, self.max_shift, seed=self.random) for _ in range(2))
        rows, columns = (ops.arange(height) + down) % height, (ops.arange(width) + right) % width
        return lambda tensor: ops.take(ops.take(tensor, rows, axis=1), columns, axis=2)

    def _logits(self, images: Tensor) -> Tensor:
        """Return the discriminator's logits, which have a gradient to its weights."""
        return ops.cast(self.discriminator(images, training=True), "float32")

    def _logits_with_constant_weights(self, images: Tensor) -> Tensor:
        """Return the discriminator's logits, which have a gradient to the images alone."""
        trainable, non_trainable = self._discriminator_values()
        constants = [ops.stop_gradient(value) for value in trainable]
        logits, _ = self.discriminator.stateless_call(constants, non_trainable, images, training=True)
        return ops.cast(logits, "float32")

    def _gradient_penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the penalty on slopes other than 1 at random points between real and fake images."""
        fraction = keras.random.uniform((ops.shape(real)[0], 1, 1, 1), seed=self.random)
        trainable, non_trainable = self._discriminator_values()

        def sum_of_logits(images: Tensor) -> Tensor:
            return ops.sum(ops.cast(self.discriminator.stateless_call(trainable, non_trainable, images, training=True)[0], "float32"))

        return gradient_penalty(input_gradient(sum_of_logits, fraction * real + (1.0 - fraction) * fake))

    def _discriminator_values(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the values of the discriminator's trainable and non-trainable variables."""
        trainable, non_trainable = self.discriminator.trainable_variables, self.discriminator.non_trainable_variables
        return [ops.convert_to_tensor(variable) for variable in trainable], [ops.convert_to_tensor(variable) for variable in non_trainable]


def _color_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean distance between the mean colors of pairs of images in [0, 1], in gray levels."""
    return ops.mean(ops.abs(ops.mean(a, axis=(1, 2)) - ops.mean(b, axis=(1, 2)))) * 255.0


def format_metrics(metrics: Mapping[str, float]) -> str:
    """Return the metrics of a round as part of a log line."""
    return (
        f"content {metrics['content']:.4g}, adversarial {metrics['adversarial']:.4g}, discriminator {metrics['discriminator']:.4g} "
        f"(accuracy: real {metrics['real_accuracy']:.0%}, fake {metrics['fake_accuracy']:.0%}), color shift {metrics['color_shift']:.1f} levels"
    )


def training_warnings(metrics: Mapping[str, float], initial_color_shift: float, saturates: bool) -> list[str]:
    """Return warnings about a round: a discriminator that saturates or has collapsed, colors that shift.

    Args:
        metrics: of the round.
        initial_color_shift: color_shift of the first round, in gray levels.
        saturates: whether a discriminator that separates all images is a problem (see GanLossEntry).
    """
    accuracy = min(metrics["real_accuracy"], metrics["fake_accuracy"])
    warnings = []
    if accuracy > _SATURATED and saturates:
        warnings.append(f"the discriminator is correct on {accuracy:.1%} of the images and gives the generator little gradient: try a lower --discriminator_lr")
    if accuracy < 1 - _SATURATED:
        warnings.append(f"the discriminator has collapsed, it is wrong on {1 - accuracy:.1%} of the real or fake images: try a higher --discriminator_lr")
    if metrics["color_shift"] > initial_color_shift + _MAX_COLOR_SHIFT:
        warnings.append(f"mean colors differ from the LR patches by {metrics['color_shift']:.1f} gray levels: try a lower --adversarial_weight")
    return warnings
