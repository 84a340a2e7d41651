"""Optimizers and schedules by name: options, members from outside the package, learning rates of layers."""

import keras
import numpy as np
import pytest
from configs import training

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.optimizers import OPTIMIZERS, SCHEDULES, parse_layer_lr, register_schedule
from visionfw.optimizers.build import build_optimizer
from visionfw.optimizers.schedules import build_learning_rate


def test_options_change_an_optimizer():
    spec = OPTIMIZERS.parse("sgd:momentum=0.5")
    assert str(spec) == "sgd:momentum=0.5,nesterov=false"
    assert build_optimizer(spec, 0.1).momentum == 0.5
    adam = build_optimizer(OPTIMIZERS.parse("adam:beta_1=0.5,beta_2=0.9"), 0.1)
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.5, 0.9, 1e-7)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"optimizer": "adan"}, "--optimizer: no optimizer 'adan'; did you mean 'adam"),
        ({"optimizer": "sgd:momentum=1"}, "--optimizer: sgd: momentum must be a number of at least 0 and below 1, not '1'"),
        ({"optimizer": "adam:beta_1=0.5,beta_1=0.6"}, "--optimizer: adam: beta_1 is given twice"),
        ({"schedule": "cosin"}, "--schedule: no schedule 'cosin'; did you mean 'cosine'?"),
        ({"schedule": "step:drops=0"}, "--schedule: step: drops must be a whole number of at least 1, not '0'"),
        ({"schedule": "constant:final=1"}, "--schedule: constant takes no options, but 'final=1' is given"),
    ],
)
def test_a_wrong_name_or_option_is_refused(changes, sentence):
    with pytest.raises(RequestError) as refusal:
        training(**changes)
    assert sentence in str(refusal.value)


def test_a_registered_optimizer_is_used_by_the_text_of_a_flag(restored):
    restored(OPTIMIZERS)

    @vf.register_optimizer(name="test_lion")
    class Lion(keras.optimizers.Lion):
        """Evolved sign momentum."""

        def __init__(self, learning_rate, *, beta_1=0.9, **arguments):
            super().__init__(learning_rate, beta_1=beta_1, **arguments)

    optimizer = build_optimizer(training(optimizer="test_lion:beta_1=0.8").optimizer.optimizer, 0.1, clip_norm=2.0, ema=0.9)
    assert (optimizer.beta_1, optimizer.global_clipnorm, optimizer.use_ema) == (0.8, 2.0, True)
    variable = keras.Variable(np.ones(3, np.float32))
    optimizer.apply([keras.ops.convert_to_tensor([1.0, -1.0, 0.0])], [variable])
    np.testing.assert_allclose(variable, [0.9, 1.1, 1.0], rtol=1e-6)
    assert OPTIMIZERS.get("test_lion").help == "Evolved sign momentum."


def test_a_registered_schedule_is_used_by_the_text_of_a_flag(restored):
    restored(SCHEDULES)

    @register_schedule
    def test_halfway(peak, steps, *, factor=0.1):
        """Drops once."""
        return keras.optimizers.schedules.PiecewiseConstantDecay([steps // 2], [peak, peak * factor])

    rate = build_learning_rate(training(schedule="test_halfway:factor=0.5").optimizer.schedule, 0.2, 100)
    assert [float(rate(step)) for step in (50, 51)] == pytest.approx([0.2, 0.1])


def test_what_is_not_a_class_or_takes_a_taken_name_is_refused():
    with pytest.raises(RequestError, match="register_optimizer takes a class of Keras optimizers, not 3"):
        vf.register_optimizer(3)
    with pytest.raises(RequestError, match=r"an? optimizer 'adam' is registered already"):
        vf.register_optimizer(keras.optimizers.Lion, name="adam")


def test_learning_rates_of_layers_are_parsed():
    assert parse_layer_lr("conv_tail=0.1, head*=2") == (("conv_tail", 0.1), ("head*", 2.0))
    assert parse_layer_lr("") == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("conv_tail", "'conv_tail' is not PATTERN=FACTOR; several are joined by commas: conv_tail=0.1,head*=0.5"),
        ("conv_tail=fast", "'conv_tail=fast' is not PATTERN=FACTOR"),
        ("=0.1", "'=0.1' is not PATTERN=FACTOR"),
        ("a=-1", "the factor of 'a' must be a number of at least 0, not -1"),
        ("a=inf", "the factor of 'a' must be a number of at least 0, not inf"),
        ("a=1,b=3,a=2", "a is given twice"),
    ],
)
def test_wrong_learning_rates_of_layers_are_refused(text, sentence):
    with pytest.raises(RequestError) as refusal:
        parse_layer_lr(text)
    assert str(refusal.value).startswith(f"--layer_lr: {sentence}")


def test_all_wrong_learning_rates_of_layers_are_reported_under_the_flags_name():
    with pytest.raises(RequestError) as refusal:
        parse_layer_lr("a=1,a=2,b", "layer_lr")
    assert [line.partition(":")[0] for line in str(refusal.value).splitlines()] == ["--layer_lr"] * 2
