"""Adversarial training as a plain fit: one model whose loss is the generator's and the discriminator's together.

Each network learns from its own part alone: the discriminator judges the enlarged patches twice, once as numbers that no gradient
leaves, and once with its weights held still, through which the generator's gradient goes. Both learn from the same step's weights, and
the generator runs once.
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

#: What a round tells of the game, beside the loss.
FIGURES = ("content", "adversarial", "discriminator", "real_accuracy", "fake_accuracy", "color_shift")
_PENALTY = 10.0  # WGAN-GP's
_MOST_SHIFT = 16  # pixels: of the strides of discriminators together
_SURE, _SHIFTED = 0.99, 3.0  # share of images told; gray levels


class Adversarial(keras.Model):
    """A generator that reads uint8 patches, and the discriminator it plays against.

    Args:
        enlarge: uint8 LR patches -> SR in [0, 1].
        discriminator: images -> logits.
        game: from adversarial.GAN_LOSSES.
        weight: of the generator's adversarial loss beside its content loss.
        color: of the generator's images.
        seed: of what is random in the game.
    """

    def __init__(self, enlarge: keras.Model, discriminator: keras.Model, game: str, weight: float, color: str, seed: int):
        super().__init__(name=enlarge.name)
        self.enlarge, self.discriminator = enlarge, discriminator
        self.game, self.game_name, self.weight, self.color = GAN_LOSSES.load(game), game, weight, color
        self.mixing = keras.random.SeedGenerator(seed)
        self.figures = {name: keras.metrics.Mean(name=name) for name in FIGURES}
        self.built = True

    def call(self, patches: Tensor, training: bool | None = None) -> Tensor:
        return self.enlarge(patches, training=training)

    def compute_loss(self, x: Tensor = None, y: Tensor = None, y_pred: Tensor = None, sample_weight: Tensor = None, training: bool = True) -> Tensor:
        content = super().compute_loss(x, y, y_pred, sample_weight, training)
        real, made = uint8_to_float(y, self.color), ops.cast(y_pred, "float32")
        shown = self._shifter(real)
        real, made = shown(real), shown(made)
        unmoved = ops.stop_gradient(made)
        real_logits, fake_logits = self._judge(real), self._judge(unmoved)
        adversarial = self.game.generator(ops.stop_gradient(real_logits), self._judge_held(made))
        discriminator = self.game.discriminator(real_logits, fake_logits)
        if GAN_LOSSES.get(self.game_name).has_gradient_penalty:
            discriminator = discriminator + _PENALTY * self._penalty(real, unmoved)
        told = accuracy(self.game, real_logits, fake_logits)
        shift = ops.mean(ops.abs(ops.mean(unmoved, axis=(1, 2)) - ops.mean(uint8_to_float(x, self.color), axis=(1, 2)))) * 255.0
        for metric, value in zip(self.figures.values(), (content, adversarial, discriminator, *told, shift), strict=True):
            metric.update_state(value)
        return content + self.weight * adversarial + discriminator

    def _shifter(self, images: Tensor) -> Callable[[Tensor], Tensor]:
        """Return what moves images around themselves by a random number of pixels each way, the same for all that it is put on.

        Strides of the discriminator otherwise always meet the same of the generator's pixel shuffle, and print their grid on it.
        """
        height, width = (ops.shape(images)[axis] for axis in (1, 2))
        down, right = (keras.random.randint((), 0, _MOST_SHIFT, seed=self.mixing) for _ in range(2))
        rows, columns = (ops.arange(height) + down) % height, (ops.arange(width) + right) % width
        return lambda moved: ops.take(ops.take(moved, rows, axis=1), columns, axis=2)

    def _judge(self, images: Tensor) -> Tensor:
        """Return the logits of images; the discriminator learns through them."""
        return ops.cast(self.discriminator(images, training=True), "float32")

    def _judge_held(self, images: Tensor) -> Tensor:
        """Return the same with the discriminator's weights held still."""
        trainable, others = self._values()
        told, _ = self.discriminator.stateless_call([ops.stop_gradient(value) for value in trainable], others, images, training=True)
        return ops.cast(told, "float32")

    def _penalty(self, real: Tensor, made: Tensor) -> Tensor:
        """Punish a slope other than 1 at images between the real and the made ones."""
        share = keras.random.uniform((ops.shape(real)[0], 1, 1, 1), seed=self.mixing)
        trainable, others = self._values()

        def total(images: Tensor) -> Tensor:
            return ops.sum(ops.cast(self.discriminator.stateless_call(trainable, others, images, training=True)[0], "float32"))

        return gradient_penalty(input_gradient(total, share * real + (1.0 - share) * made))

    def _values(self) -> list[list[Tensor]]:
        variables = self.discriminator.trainable_variables, self.discriminator.non_trainable_variables
        return [[ops.convert_to_tensor(variable) for variable in kind] for kind in variables]


def told_of(figures: Mapping[str, float]) -> str:
    """Say how the game stands, in the middle of a line."""
    return (
        f"content {figures['content']:.4g}, adversarial {figures['adversarial']:.4g}, discriminator {figures['discriminator']:.4g} "
        f"(knows {figures['real_accuracy']:.0%} of the real, {figures['fake_accuracy']:.0%} of the made), colors {figures['color_shift']:.1f} levels off"
    )


def warnings_of(figures: Mapping[str, float], color_before: float, game: str) -> list[str]:
    """Say what goes wrong in a round: a discriminator that always or never tells images apart, colors that shift.

    Args:
        figures: the round's.
        color_before: the first round's color_shift, gray levels.
        game: from adversarial.GAN_LOSSES; wgan_gp's critic may tell all apart and still lead the generator.
    """
    real, fake = figures["real_accuracy"], figures["fake_accuracy"]
    said = []
    if min(real, fake) > _SURE and not GAN_LOSSES.get(game).has_gradient_penalty:
        said.append(f"the discriminator tells {min(real, fake):.1%} apart, and the generator learns little from it: try a lower --discriminator_lr")
    if min(real, fake) < 1 - _SURE:
        said.append(f"the discriminator takes {1 - min(real, fake):.1%} for the other kind, and has collapsed: try a higher --discriminator_lr")
    if figures["color_shift"] > color_before + _SHIFTED:
        said.append(f"colors have shifted by {figures['color_shift']:.1f} gray levels from the LR patches': try a lower --adversarial_weight")
    return said
