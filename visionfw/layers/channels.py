"""Layers that work on channels alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from visionfw.layers.windows import POINTWISE, Window
from visionfw.numerics import Tensor


@keras.saving.register_keras_serializable(package="visionfw")
class MeanShift(keras.layers.Layer):
    """Adds sign x mean to every channel: sign -1 subtracts the mean color before a network, sign 1 restores it behind.

    Computes in float32 under mixed precision too: in an image in 0..255, bfloat16 has no half gray levels.

    Args:
        mean: one value per channel, in the image's range; the default is DIV2K's mean in [0, 1], as in EDSR.
        sign: 1 or -1.

    Shapes: (..., c) -> (..., c), c the length of `mean`.

    Reference: Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPRW 2017.
    """

    def __init__(self, mean: Sequence[float] = (0.4488, 0.4371, 0.4040), sign: int = -1, dtype: Any = "float32", **kwargs: Any):
        super().__init__(dtype=dtype, **kwargs)
        self.mean = [float(value) for value in mean]
        self.sign = sign
        if sign not in (1, -1):
            raise ValueError(f"sign must be 1 or -1, not {sign!r}")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        if input_shape[-1] != len(self.mean):
            raise ValueError(f"mean has {len(self.mean)} values for {input_shape[-1]} channels")
        return tuple(input_shape)

    def call(self, x: Tensor) -> Tensor:
        return x + ops.convert_to_tensor(self.sign * np.array(self.mean), x.dtype)

    def torch_buffers(self) -> dict[str, np.ndarray]:
        """Return the reference's 1x1 convolution, which is not learned: an identity kernel, and the mean as its bias."""
        kernel = np.eye(len(self.mean), dtype="float32")[:, :, None, None]
        return {"weight": kernel, "bias": np.array([self.sign * value for value in self.mean], "float32")}

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mean": self.mean, "sign": self.sign}


@keras.saving.register_keras_serializable(package="visionfw")
class ChannelSlice(keras.layers.Layer):
    """Keeps the channels from `start` up to, but not including, `stop`, as a Python slice does.

    Args:
        start: first channel kept.
        stop: first channel that is dropped again; None to keep all that follow.

    Shapes: (..., channels) -> (..., kept channels).

    Raises:
        ValueError: nothing would be kept, or `stop` lies beyond the last channel.
    """

    def __init__(self, start: int = 0, stop: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.start, self.stop = start, stop

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        channels = input_shape[-1]
        kept = len(range(*slice(self.start, self.stop).indices(channels)))
        if not kept or (self.stop is not None and self.stop > channels):
            raise ValueError(f"channels {self.start} to {self.stop} of {channels} cannot be kept")
        return (*input_shape[:-1], kept)

    def call(self, x: Tensor) -> Tensor:
        return x[..., self.start : self.stop]

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"start": self.start, "stop": self.stop}


@keras.saving.register_keras_serializable(package="visionfw")
class LayerScale(keras.layers.Layer):
    """Multiplies every channel by a learned factor, which starts small, so that a residual branch begins as almost nothing.

    Args:
        initial: what every factor starts from.

    Shapes: (..., channels) -> the same.

    Reference: Touvron et al., Going Deeper with Image Transformers, ICCV 2021; in NAFNet from 0.
    """

    def __init__(self, initial: float = 1e-5, **kwargs: Any):
        super().__init__(**kwargs)
        self.initial = float(initial)

    def build(self, input_shape: tuple) -> None:
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer=keras.initializers.Constant(self.initial))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return tuple(input_shape)

    def call(self, x: Tensor) -> Tensor:
        return x * ops.cast(self.gamma, x.dtype)

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"initial": self.initial}


@keras.saving.register_keras_serializable(package="visionfw")
class ChannelShuffle(keras.layers.Layer):
    """Interleaves groups of channels, so that what follows mixes channels of all groups: a, b | c, d -> a, c, b, d.

    Args:
        groups: groups of as many channels each.

    Shapes: (..., channels) -> the same.

    Raises:
        ValueError: the channels cannot be split into so many groups.

    Reference: Zhang et al. (ShuffleNet), CVPR 2018.
    """

    def __init__(self, groups: int = 8, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
            raise ValueError(f"groups must be a whole number of at least 1, not {groups!r}")
        self.groups = groups

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        if input_shape[-1] % self.groups:
            raise ValueError(f"{input_shape[-1]} channels cannot be split into {self.groups} groups")
        return tuple(input_shape)

    def call(self, x: Tensor) -> Tensor:
        outer, each = ops.shape(x)[:-1], x.shape[-1] // self.groups
        grouped = ops.reshape(x, (*outer, self.groups, each))
        return ops.reshape(ops.swapaxes(grouped, -1, -2), (*outer, self.groups * each))

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"groups": self.groups}


@keras.saving.register_keras_serializable(package="visionfw")
class ChannelRepeat(keras.layers.Layer):
    """Repeats each channel `times` times: a, b -> a, a, b, b.

    Before a pixel shuffle of size s, an image whose channels are repeated s x s times becomes itself, upscaled by nearest-neighbor.

    Args:
        times: copies of each channel, at least 1.

    Shapes: (..., c) -> (..., c x times).
    """

    def __init__(self, times: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise ValueError(f"times must be a whole number of at least 1, not {times!r}")
        self.times = times

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], input_shape[-1] * self.times)

    def call(self, x: Tensor) -> Tensor:
        return ops.repeat(x, self.times, axis=-1)

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"times": self.times}
