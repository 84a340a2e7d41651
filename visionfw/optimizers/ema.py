"""Warm-up of the moving average of the weights."""

from __future__ import annotations

import keras
from keras import ops

from visionfw.numerics import Tensor


class EmaWarmUp(keras.optimizers.Optimizer):
    """Extends another optimizer's class, as its first base class: at step t the average's decay is at most (1 + t) / (10 + t).

    Without that, the initial weights would stay in the average for long.
    """

    @property
    def ema_momentum(self) -> Tensor:
        """The decay at the current step, a float32 scalar."""
        step = ops.cast(self.iterations, "float32")
        return ops.minimum(self._max_ema_momentum, (1.0 + step) / (10.0 + step))

    @ema_momentum.setter
    def ema_momentum(self, decay: float) -> None:
        self._max_ema_momentum = decay
