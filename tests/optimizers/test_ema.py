"""The moving average of the weights: short at first."""

import keras
import numpy as np
import pytest

from visionfw.optimizers import OPTIMIZERS
from visionfw.optimizers.build import build_optimizer


@pytest.mark.parametrize("largest", [0.99, 0.3])
def test_the_average_follows_its_formula(largest):
    optimizer, variable = build_optimizer(OPTIMIZERS.parse("sgd:momentum=0"), 1.0, ema=largest), keras.Variable(np.zeros(1, np.float32))
    weight, average = 0.0, 0.0
    for step in range(8):
        optimizer.apply([keras.ops.convert_to_tensor([-1.0])], [variable])
        weight += 1.0
        decay = min(largest, (1 + step) / (10 + step)) if step else 0.0
        average = decay * average + (1 - decay) * weight
    final = keras.Variable(np.zeros(1, np.float32))
    optimizer.finalize_variable_values([final])
    assert float(final[0]) == pytest.approx(average, rel=1e-5)
    assert float(variable[0]) == 8
