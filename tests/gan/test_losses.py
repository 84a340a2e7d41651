"""The games, against the formulae of their papers."""

import keras
import numpy as np
import pytest
from configs import training

from visionfw.gan import GAN_LOSSES, GanLossEntry
from visionfw.gan.losses import GanLoss, accuracy, gradient_penalty

RANDOM = np.random.default_rng(0)
REAL, FAKE = RANDOM.normal(1, 2, (4, 3, 3, 1)).astype(np.float32), RANDOM.normal(-1, 2, (4, 3, 3, 1)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def by_formula(name):
    """Return the discriminator's and the generator's loss, written with probabilities."""
    if name == "vanilla":
        return -np.log(sigmoid(REAL)).mean() - np.log(1 - sigmoid(FAKE)).mean(), -np.log(sigmoid(FAKE)).mean()
    if name == "lsgan":
        return 0.5 * ((REAL - 1) ** 2).mean() + 0.5 * (FAKE**2).mean(), 0.5 * ((FAKE - 1) ** 2).mean()
    if name == "wgan_gp":
        return FAKE.mean() - REAL.mean(), -FAKE.mean()
    more_real, more_fake = sigmoid(REAL - FAKE.mean()), sigmoid(FAKE - REAL.mean())
    discriminator = -np.log(more_real).mean() - np.log(1 - more_fake).mean()
    generator = -np.log(1 - more_real).mean() - np.log(more_fake).mean()
    return discriminator / 2, generator / 2


@pytest.mark.parametrize("name", sorted(GAN_LOSSES))
def test_losses_are_the_papers(name):
    game = GAN_LOSSES.load(name)
    assert (float(game.discriminator(REAL, FAKE)), float(game.generator(REAL, FAKE))) == pytest.approx(by_formula(name), rel=1e-5)


@pytest.mark.parametrize("name", sorted(GAN_LOSSES))
def test_who_tells_all_apart_is_right_every_time(name):
    far = np.full((2, 1), 9.0, np.float32)
    assert [float(share) for share in accuracy(GAN_LOSSES.load(name), far, -far)] == [1, 1]
    assert [float(share) for share in accuracy(GAN_LOSSES.load(name), -far, far)] == [0, 0]


def test_accuracy_counts_each_kind_by_itself():
    real, fake = np.array([[1.0], [-1.0], [2.0], [3.0]], np.float32), np.array([[-1.0], [-2.0], [0.5], [-4.0]], np.float32)
    assert [float(share) for share in accuracy(GAN_LOSSES.load("vanilla"), real, fake)] == [0.75, 0.75]
    assert [float(share) for share in accuracy(GAN_LOSSES.load("lsgan"), real, fake)] == [0.75, 0.75]


def test_the_penalty_is_of_each_images_slope():
    gradient = np.zeros((2, 4, 4, 3), np.float32)
    gradient[0, 0, 0, 0] = 3.0
    gradient[1, 1, 1] = 1 / np.sqrt(3)
    assert float(gradient_penalty(gradient)) == pytest.approx(((3 - 1) ** 2 + 0) / 2, abs=1e-4)


def test_a_penalty_is_learned_from(monkeypatch):
    """The gradient of a gradient: a linear critic w x has the slope w, and the penalty's gradient is 2 (w - 1)."""
    import tensorflow as tf

    from visionfw.backend.gradients import input_gradient

    weight = keras.Variable(3.0)
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(input_gradient(lambda x: keras.ops.sum(x * weight), np.ones((1, 1, 1, 1), np.float32) + tf.zeros(())))
    assert float(tape.gradient(penalty, weight.value)) == pytest.approx(4.0, rel=1e-3)


def test_a_registered_gan_loss_is_chosen_by_the_text_of_a_flag():
    """Added in one place, from outside the package: logits as far apart as they get."""
    hinge = GanLoss(
        lambda real, fake: keras.ops.mean(keras.ops.relu(1 - real)) + keras.ops.mean(keras.ops.relu(1 + fake)),
        lambda real, fake: -keras.ops.mean(fake),
        lambda real, fake: (0.0, 0.0),
    )
    with GAN_LOSSES.temporary(GanLossEntry(name="hinge", target=hinge, help="hinge loss (Miyato et al., ICLR 2018)")):
        config = training(adversarial="hinge")
        loss = GAN_LOSSES.load(config.gan.loss.name)
        assert loss is hinge
    expected = np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + FAKE).mean()
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(expected, rel=1e-5)
