"""Statistics of a feature map or of a part of its axes, and pooling to a fraction of its size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from visionfw.layers.windows import POINTWISE, WHOLE_IMAGE, Window
from visionfw.numerics import Tensor


@keras.saving.register_keras_serializable(package="visionfw")
class GlobalDeviationPooling2D(keras.layers.Layer):
    """The standard deviation of every channel over all pixels: contrast, beside Keras' GlobalAveragePooling2D.

    Args:
        keepdims: keep height and width as axes of length 1.

    Shapes: (batch, height, width, c) -> (batch, c), or (batch, 1, 1, c).

    Reference: Hui et al., Lightweight Image Super-Resolution with Information Multi-distillation Network, ACM MM 2019.
    """

    def __init__(self, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.keepdims = keepdims

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, _, _, channels = input_shape
        return (batch, 1, 1, channels) if self.keepdims else (batch, channels)

    def call(self, x: Tensor) -> Tensor:
        variance = ops.var(ops.cast(x, "float32"), axis=(1, 2), keepdims=self.keepdims)
        return ops.cast(ops.sqrt(ops.maximum(variance, 1e-12)), x.dtype)  # above 0, where the gradient of the root is finite

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"keepdims": self.keepdims}


def _reduce_windows(x: Tensor, axis: int, old: Tensor, new: Tensor, most: int, kind: str) -> Tensor:
    """Pool one axis of `old` samples to `new`: sample p of the result is of samples floor(p old / new) up to ceil((p + 1) old / new), at most `most`."""
    places = ops.arange(new)
    start, stop = ops.floor_divide(places * old, new), ops.floor_divide((places + 1) * old + new - 1, new)
    shape = [1, -1, 1, 1] if axis == 1 else [1, 1, -1, 1]
    pooled = ops.take(x, start, axis=axis)
    for number in range(1, most):
        sample = ops.take(x, ops.minimum(start + number, stop - 1), axis=axis)
        if kind == "max":
            pooled = ops.maximum(pooled, sample)
        else:
            pooled = pooled + ops.where(ops.reshape(start + number < stop, shape), sample, ops.zeros_like(sample))
    return pooled if kind == "max" else pooled / ops.cast(ops.reshape(stop - start, shape), x.dtype)


@keras.saving.register_keras_serializable(package="visionfw")
class AdaptivePooling2D(keras.layers.Layer):
    """Pools an image to a fraction of its size, whatever its size is: PyTorch's adaptive pooling to (height // divisor, width // divisor).

    Args:
        divisor: a whole number of at least 1; what is left is at least 1 pixel.
        kind: 'max' or 'average'.

    Shapes: (batch, height, width, c) -> (batch, height // divisor, width // divisor, c).
    """

    def __init__(self, divisor: int = 2, kind: str = "max", **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(divisor, bool) or not isinstance(divisor, int) or divisor < 1:
            raise ValueError(f"divisor must be a whole number of at least 1, not {divisor!r}")
        if kind not in ("max", "average"):
            raise ValueError(f"kind must be max or average, not {kind!r}")
        self.divisor, self.kind = divisor, kind

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, *sizes, channels = input_shape
        return batch, *(None if size is None else max(1, size // self.divisor) for size in sizes), channels

    def call(self, x: Tensor) -> Tensor:
        for axis in (1, 2):
            old = ops.shape(x)[axis]
            if isinstance(old, int):
                new = max(1, old // self.divisor)
                most = -(-old // new) + (old % new > 0)
            else:
                new, most = ops.maximum(1, old // self.divisor), 2 * self.divisor  # what is left over is shared out among the windows
            x = _reduce_windows(x, axis, old, new, most, self.kind)
        return x

    def receptive_window(self, axis: int) -> Window:
        return Window.around(math.inf, self.divisor)  # where the divisor does not divide the size, windows lie elsewhere in a tile

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"divisor": self.divisor, "kind": self.kind}


#: Statistic -> its value over some axes, which are kept with length 1.
STATISTICS: dict[str, Callable[[Tensor, tuple[int, ...]], Tensor]] = {
    "mean": lambda x, axes: ops.mean(x, axis=axes, keepdims=True),
    "max": lambda x, axes: ops.max(x, axis=axes, keepdims=True),
    "sum": lambda x, axes: ops.sum(x, axis=axes, keepdims=True),
    "variance": lambda x, axes: ops.var(x, axis=axes, keepdims=True),
    "norm": lambda x, axes: ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=axes, keepdims=True), 1e-24)),  # above 0: a finite gradient
}
#: What a statistic is computed over -> its axes.
REDUCED_AXES = {"channels": (3,), "image": (1, 2), "rows": (1,), "columns": (2,)}


@keras.saving.register_keras_serializable(package="visionfw")
class Reduce(keras.layers.Layer):
    """A statistic of an image over some of its axes, which stay with length 1, so that it can be added to or multiplied with the image.

    Args:
        statistic: 'mean', 'max', 'sum', 'variance' (of the population) or 'norm' (the root of the sum of squares).
        over: 'channels', 'image' (rows and columns), 'rows' or 'columns'.

    Shapes: (batch, height, width, c) -> (batch, height, width, 1) over channels, (batch, 1, 1, c) over the image.
    """

    def __init__(self, statistic: str = "mean", over: str = "channels", **kwargs: Any):
        super().__init__(**kwargs)
        if statistic not in STATISTICS:
            raise ValueError(f"statistic must be {', '.join(STATISTICS)}, not {statistic!r}")
        if over not in REDUCED_AXES:
            raise ValueError(f"over must be {', '.join(REDUCED_AXES)}, not {over!r}")
        self.statistic, self.over = statistic, over

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return tuple(1 if axis in REDUCED_AXES[self.over] else size for axis, size in enumerate(input_shape))

    def call(self, x: Tensor) -> Tensor:
        return ops.cast(STATISTICS[self.statistic](ops.cast(x, "float32"), REDUCED_AXES[self.over]), x.dtype)

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE if 1 + axis in REDUCED_AXES[self.over] else POINTWISE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"statistic": self.statistic, "over": self.over}
