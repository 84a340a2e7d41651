"""Attention of all pixels to a few that a strided convolution, applied again and again, makes of the image."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from visionfw.layers.windows import WHOLE_IMAGE, Window
from visionfw.numerics import Tensor

_STRIDE = 4
#: An image is shrunk at least so often outside training.
_MIN_RECURSIONS = 2
#: And at most so often: enough for sides of a million pixels.
_MAX_RECURSIONS = 8
_NORM_EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="visionfw")
class RecursiveGeneralizationAttention(keras.layers.Layer):
    """Multi-head attention of all pixels to representative ones, which one strided convolution makes of images of any size.

    A depthwise 4x4 convolution of stride 4 is applied until 4 to 16 pixels remain on the longer side in training, and at least twice and
    until 16 to 64 remain otherwise. A side that is shorter than 4 is padded with zeros first.

    Args:
        heads: number of heads; divides the channels.
        ratio: channels of queries and keys / channels.
        qkv_bias: queries, keys and values have a bias.

    Shapes: (batch, height, width, c) -> the same.

    Reference: Chen et al., Recursive Generalization Transformer for Image Super-Resolution (RGT), ICLR 2024.
    """

    torch_weights: ClassVar[dict[str, str]] = {
        "reduction_depthwise_kernel": "reduction1.weight",
        "reduction_bias": "reduction1.bias",
        "local_depthwise_kernel": "dwconv.weight",
        "local_bias": "dwconv.bias",
        "squeeze_kernel": "conv.weight",
        "squeeze_bias": "conv.bias",
        "norm_gamma": "norm_act.0.weight",
        "norm_beta": "norm_act.0.bias",
        "query_kernel": "q.weight",
        "query_bias": "q.bias",
        "key_kernel": "k.weight",
        "key_bias": "k.bias",
        "value_kernel": "v.weight",
        "value_bias": "v.bias",
        "encoding_depthwise_kernel": "cpe.weight",
        "encoding_bias": "cpe.bias",
        "projection_kernel": "proj.weight",
        "projection_bias": "proj.bias",
    }

    def __init__(self, heads: int = 6, ratio: float = 0.5, qkv_bias: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        if heads < 1 or ratio <= 0:
            raise ValueError(f"heads must be at least 1 and ratio above 0, not {heads!r} and {ratio!r}")
        self.heads, self.ratio, self.has_qkv_bias = heads, ratio, qkv_bias

    def _squeezed(self, channels: int) -> int:
        """Return the channels of queries and keys."""
        squeezed = int(channels * self.ratio + 1e-6)  # a ratio that was found by division may be a little too small
        if channels % self.heads or squeezed % self.heads or not squeezed:
            raise ValueError(f"{channels} and {squeezed} channels cannot be split among {self.heads} heads")
        return squeezed

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        squeezed = self._squeezed(channels)
        self._add("reduction_depthwise_kernel", (_STRIDE, _STRIDE, channels, 1), "reduction_bias", channels)
        self._add("local_depthwise_kernel", (3, 3, channels, 1), "local_bias", channels)
        self._add("squeeze_kernel", (1, 1, channels, squeezed), "squeeze_bias", squeezed)
        self.norm_gamma = self.add_weight(name="norm_gamma", shape=(squeezed,), initializer="ones")
        self.norm_beta = self.add_weight(name="norm_beta", shape=(squeezed,), initializer="zeros")
        for name, inputs, outputs in (("query", channels, squeezed), ("key", squeezed, squeezed), ("value", squeezed, channels)):
            self._add(f"{name}_kernel", (inputs, outputs), f"{name}_bias" if self.has_qkv_bias else "", outputs)
        self._add("encoding_depthwise_kernel", (3, 3, channels, 1), "encoding_bias", channels)
        self._add("projection_kernel", (channels, channels), "projection_bias", channels)
        self.built = True

    def _add(self, kernel: str, shape: tuple[int, ...], bias: str, outputs: int) -> None:
        """Add a kernel, and a bias unless its name is empty."""
        setattr(self, kernel, self.add_weight(name=kernel, shape=shape, initializer="glorot_uniform"))
        if bias:
            setattr(self, bias, self.add_weight(name=bias, shape=(outputs,), initializer="zeros"))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        self._squeezed(input_shape[-1])
        return tuple(input_shape)

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        _, height, width, channels = ops.shape(x)
        squeezed, depth = self._squeezed(channels), channels // self.heads
        tokens = self._representatives(x, bool(training))
        _, rows, columns, _ = ops.shape(tokens)
        query = self._split(self._dense(ops.reshape(x, (-1, height * width, channels)), "query"))
        tokens = ops.reshape(tokens, (-1, rows * columns, squeezed))
        key, value = self._dense(tokens, "key"), self._dense(tokens, "value")
        # A depthwise convolution of the values says where they lie (conditional position encoding).
        encoding = self._depthwise(ops.reshape(value, (-1, rows, columns, channels)), "encoding")
        value = self._split(value + ops.reshape(encoding, (-1, rows * columns, channels)))
        logits = ops.matmul(query * (depth * self.ratio) ** -0.5, ops.swapaxes(self._split(key), -1, -2))
        weights = ops.ones_like(logits) if logits.shape[-1] == 1 else ops.softmax(logits, axis=-1)  # Keras warns of a softmax of one number
        mixed = ops.matmul(weights, value)
        mixed = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, height, width, channels))
        return self._dense(mixed, "projection")

    def _representatives(self, x: Tensor, training: bool) -> Tensor:
        """Return the few pixels that all attend to: (batch, rows, columns, squeezed channels)."""
        _, height, width, _ = ops.shape(x)
        longer = max(height, width) if isinstance(height, int) and isinstance(width, int) else ops.maximum(height, width)
        for number in range(_MAX_RECURSIONS):
            x = self._reduced_if(_is_needed(number, longer, training), x)
        x = ops.conv(self._depthwise(x, "local"), self.squeeze_kernel, padding="same") + self.squeeze_bias
        return ops.gelu(ops.layer_normalization(x, self.norm_gamma, self.norm_beta, epsilon=_NORM_EPSILON), approximate=False)

    def _reduced_if(self, needed: Any, x: Tensor) -> Tensor:
        """Apply the strided convolution; by a branch of the graph where the image's size is known only when it runs."""
        if isinstance(needed, bool):
            return self._reduced(x) if needed else x
        return ops.cond(needed, lambda: self._reduced(x), lambda: x)

    def _reduced(self, x: Tensor) -> Tensor:
        _, height, width, _ = ops.shape(x)
        missing = [max(_STRIDE - size, 0) if isinstance(size, int) else ops.maximum(_STRIDE - size, 0) for size in (height, width)]
        x = ops.pad(x, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)))
        return ops.depthwise_conv(x, self.reduction_depthwise_kernel, strides=_STRIDE, padding="valid") + self.reduction_bias

    def _depthwise(self, x: Tensor, name: str) -> Tensor:
        return ops.depthwise_conv(x, getattr(self, f"{name}_depthwise_kernel"), padding="same") + getattr(self, f"{name}_bias")

    def _dense(self, x: Tensor, name: str) -> Tensor:
        x = ops.matmul(x, getattr(self, f"{name}_kernel"))
        return x + getattr(self, f"{name}_bias") if hasattr(self, f"{name}_bias") else x

    def _split(self, tokens: Tensor) -> Tensor:
        """Split channels among heads: (batch, tokens, c) -> (batch, heads, tokens, c / heads)."""
        _, count, channels = ops.shape(tokens)
        return ops.transpose(ops.reshape(tokens, (-1, count, self.heads, channels // self.heads)), (0, 2, 1, 3))

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = input_shape
        squeezed, pixels, few = self._squeezed(channels), height * width, height * width
        count = 0
        for number in range(_MAX_RECURSIONS):
            if _is_needed(number, max(height, width), training=False):
                height, width = max(height // _STRIDE, 1), max(width // _STRIDE, 1)
                few = height * width
                count += few * _STRIDE**2 * channels
        count += few * (2 * 9 * channels + 2 * channels * squeezed + squeezed**2)
        return count + pixels * (channels * squeezed + few * (squeezed + channels) + channels**2)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"heads": self.heads, "ratio": self.ratio, "qkv_bias": self.has_qkv_bias}


def _is_needed(number: int, longer: Any, training: bool) -> Any:
    """Return whether an image is shrunk once more after `number` times, from its longer side: a bool, or a tensor for a tensor."""
    if not training and number < _MIN_RECURSIONS:
        return True
    return longer >= _STRIDE ** (number + (2 if training else 3))
