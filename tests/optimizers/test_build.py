"""Optimizers as they are built: Keras' own updates, clipped where that is asked for."""

import keras
import numpy as np
import pytest

from visionfw.optimizers import OPTIMIZERS
from visionfw.optimizers.build import build_optimizer

BUILT_IN = ("adam", "adamw", "muon", "sgd", "rmsprop")


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_optimizer_takes_every_setting(name):
    optimizer = build_optimizer(OPTIMIZERS.parse(name), 0.1, clip_norm=0.5)
    assert type(optimizer).__name__.lower() == name
    assert (optimizer.global_clipnorm, optimizer.clipvalue, optimizer.use_ema) == (0.5, None, False)
    assert build_optimizer(OPTIMIZERS.parse(name), 0.1, clip_value=0.25).clipvalue == 0.25
    averaging = build_optimizer(OPTIMIZERS.parse(name), 0.1, ema=0.9)
    assert averaging.use_ema and averaging.global_clipnorm is None


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("adam", lambda: keras.optimizers.Adam(0.01)),
        ("adamw", lambda: keras.optimizers.AdamW(0.01)),
        ("sgd", lambda: keras.optimizers.SGD(0.01, momentum=0.9)),
        ("rmsprop", lambda: keras.optimizers.RMSprop(0.01)),
    ],
)
def test_the_defaults_are_kerass_to_the_bit(name, plain):
    gradients = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    results = []
    for optimizer in (build_optimizer(OPTIMIZERS.parse(name), 0.01), plain()):
        variable = keras.Variable(np.ones((4, 3), np.float32))
        for gradient in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        results.append(keras.ops.convert_to_numpy(variable))
    np.testing.assert_array_equal(*results)
