"""GAN losses against the formulas of their papers."""

import keras
import numpy as np
import pytest
from configs import training

from visionfw.errors import RequestError
from visionfw.gan import GAN_LOSSES, build_gan_loss, register_gan_loss
from visionfw.gan.losses import GanLoss, gradient_penalty

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


NAMES = ("vanilla", "lsgan", "wgan_gp", "relativistic")


def tensors(*arrays):
    return [keras.ops.convert_to_tensor(array) for array in arrays]


def gan_loss(text):
    return build_gan_loss(GAN_LOSSES.parse(text))


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_the_papers(name):
    loss, logits = gan_loss(name), tensors(REAL, FAKE)
    assert (float(loss.discriminator(*logits)), float(loss.generator(*logits))) == pytest.approx(by_formula(name), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_logits_that_are_far_apart_are_all_right_or_all_wrong(name):
    high, low = tensors(np.full((2, 1), 9.0, np.float32), np.full((2, 1), -9.0, np.float32))
    assert [float(fraction) for fraction in gan_loss(name).accuracy(high, low)] == [1, 1]
    assert [float(fraction) for fraction in gan_loss(name).accuracy(low, high)] == [0, 0]


def test_accuracy_counts_each_kind_by_itself():
    real, fake = np.array([[1.0], [-1.0], [2.0], [3.0]], np.float32), np.array([[-1.0], [-2.0], [0.5], [-4.0]], np.float32)
    assert [float(fraction) for fraction in gan_loss("vanilla").accuracy(real, fake)] == [0.75, 0.75]
    assert [float(fraction) for fraction in gan_loss("lsgan").accuracy(real, fake)] == [0.75, 0.75]


def test_only_the_wasserstein_loss_has_a_gradient_penalty():
    assert {name: gan_loss(name).gradient_penalty for name in NAMES} == {"vanilla": 0, "lsgan": 0, "wgan_gp": 10, "relativistic": 0}
    assert gan_loss("wgan_gp:penalty=5").gradient_penalty == 5


def test_the_penalty_is_the_mean_over_images_of_the_distance_of_the_norm_from_one():
    gradient = np.zeros((2, 4, 4, 3), np.float32)
    gradient[0, 0, 0, 0] = 3.0
    gradient[1, 1, 1] = 1 / np.sqrt(3)
    assert float(gradient_penalty(gradient)) == pytest.approx(((3 - 1) ** 2 + 0) / 2, abs=1e-4)


def test_the_penalty_has_a_gradient():
    """The gradient of a gradient: a linear critic w x has the slope w, and the penalty's gradient is 2 (w - 1)."""
    import tensorflow as tf

    from visionfw.backend.gradients import input_gradient

    weight = keras.Variable(3.0)
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(input_gradient(lambda x: keras.ops.sum(x * weight), np.ones((1, 1, 1, 1), np.float32) + tf.zeros(())))
    assert float(tape.gradient(penalty, weight.value)) == pytest.approx(4.0, rel=1e-3)


def test_a_registered_gan_loss_is_used_by_the_text_of_a_flag(restored):
    restored(GAN_LOSSES)

    @register_gan_loss(name="hinge", allows_batch_normalization=False)
    class Hinge(GanLoss):
        """Hinge loss."""

        def __init__(self, *, margin=1.0):
            self.margin = margin

        def discriminator(self, real, fake):
            return keras.ops.mean(keras.ops.relu(self.margin - real)) + keras.ops.mean(keras.ops.relu(self.margin + fake))

        def generator(self, real, fake):
            return -keras.ops.mean(fake)

        def thresholds(self, real, fake):
            return 0.0, 0.0

    loss = build_gan_loss(training(adversarial="hinge:margin=0.5").gan.loss)
    expected = np.maximum(0, 0.5 - REAL).mean() + np.maximum(0, 0.5 + FAKE).mean()
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(expected, rel=1e-5)
    entry = GAN_LOSSES.get("hinge")
    assert (entry.help, entry.allows_batch_normalization, entry.saturates) == ("Hinge loss.", False, True)


def test_what_is_not_a_class_is_refused():
    with pytest.raises(RequestError, match="register_gan_loss takes a subclass of GanLoss, not 'hinge'"):
        register_gan_loss("hinge")
