"""Attention by a dictionary of learned tokens: what each pixel resembles, groups of pixels that resemble the same token, and tokens made anew."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras
from keras import ops

from visionfw.layers.attention.window import TRUNCATED_NORMAL
from visionfw.layers.windows import POINTWISE, WHOLE_IMAGE, Window
from visionfw.numerics import Tensor

_SMALLEST_NORM = 1e-12
_NORM_EPSILON = 1e-5
#: The largest temperature of the attention inside a category.
_MAX_LOGIT_SCALE = math.log(100)


@keras.saving.register_keras_serializable(package="visionfw")
class TokenDictionary(keras.layers.Layer):
    """Learned tokens, the same ones for every image of a batch. Of its source only the number of images and channels is read.

    Args:
        tokens: number of tokens.

    Shapes: (batch, height, width, c) -> (batch, tokens, c).

    Reference: Zhang et al. (ATD), CVPR 2024.
    """

    torch_weights: ClassVar[dict[str, str]] = {"tokens": "td"}
    #: Of its source only the size is read.
    value_sources = 0

    def __init__(self, tokens: int = 64, **kwargs: Any):
        super().__init__(**kwargs)
        if tokens < 1:
            raise ValueError(f"tokens must be at least 1, not {tokens!r}")
        self.count = tokens

    def build(self, input_shape: tuple) -> None:
        initializer = keras.initializers.RandomNormal(stddev=1.0)
        self.tokens = self.add_weight(name="tokens", shape=(self.count, input_shape[-1]), initializer=initializer)
        self.built = True

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape[0], self.count, input_shape[-1]

    def call(self, x: Tensor) -> Tensor:
        tokens = ops.cast(self.tokens, x.dtype)
        return ops.broadcast_to(tokens[None], (ops.shape(x)[0], *tokens.shape))

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"tokens": self.count}


@keras.saving.register_keras_serializable(package="visionfw")
class TokenSimilarity(keras.layers.Layer):
    """How much each pixel resembles each token, as shares of one: the softmax of scaled cosines of queries and keys of few channels.

    Args:
        reduced: channels of queries and keys.
        use_bias: queries and keys have a bias.

    Shapes: pixels (batch, height, width, c) and tokens (batch, n, c) -> (batch, height, width, n).

    Reference: the attention map of adaptive token dictionary cross-attention, Zhang et al. (ATD), CVPR 2024.
    """

    torch_weights: ClassVar[dict[str, str]] = {
        "query_kernel": "wq.weight",
        "query_bias": "wq.bias",
        "key_kernel": "wk.weight",
        "key_bias": "wk.bias",
        "scale": "scale",
    }

    def __init__(self, reduced: int = 4, use_bias: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        if reduced < 1:
            raise ValueError(f"reduced must be at least 1, not {reduced!r}")
        self.reduced, self.use_bias = reduced, use_bias

    def build(self, input_shape: list[tuple]) -> None:
        (*_, channels), (_, count, _) = input_shape
        for name in ("query", "key"):
            kernel = self.add_weight(name=f"{name}_kernel", shape=(channels, self.reduced), initializer=TRUNCATED_NORMAL)
            bias = self.add_weight(name=f"{name}_bias", shape=(self.reduced,), initializer="zeros") if self.use_bias else None
            setattr(self, f"{name}_kernel", kernel)
            setattr(self, f"{name}_bias", bias)
        self.scale = self.add_weight(name="scale", shape=(count,), initializer=keras.initializers.Constant(0.5))
        self.built = True

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        pixels, tokens = input_shape
        return (*pixels[:-1], tokens[1])

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, tokens = inputs
        _, height, width, channels = ops.shape(x)
        query = _unit(self._project(ops.reshape(x, (-1, height * width, channels)), "query"))
        key = _unit(self._project(tokens, "key"))
        count = tokens.shape[1]
        factor = 1 + ops.clip(ops.cast(self.scale, query.dtype), 0, 1) * math.log(count)
        shares = ops.softmax(ops.matmul(query, ops.swapaxes(key, 1, 2)) * factor, axis=-1)
        return ops.reshape(shares, (-1, height, width, count))

    def _project(self, x: Tensor, name: str) -> Tensor:
        x = ops.matmul(x, getattr(self, f"{name}_kernel"))
        return x + getattr(self, f"{name}_bias") if self.use_bias else x

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = input_shape
        count = output_shape[-1]
        return self.reduced * (height * width * (channels + count) + count * channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"reduced": self.reduced, "use_bias": self.use_bias}


@keras.saving.register_keras_serializable(package="visionfw")
class TokenMixture(keras.layers.Layer):
    """For each pixel the sum of all tokens, weighted by its shares of them.

    Shapes: shares (batch, height, width, n) and tokens (batch, n, c) -> (batch, height, width, c).

    Reference: adaptive token dictionary cross-attention, Zhang et al. (ATD), CVPR 2024.
    """

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        shares, tokens = input_shape
        if shares[-1] != tokens[1]:
            raise ValueError(f"has shares of {shares[-1]} tokens, and {tokens[1]} tokens")
        return (*shares[:-1], tokens[2])

    def call(self, inputs: list[Tensor]) -> Tensor:
        shares, tokens = inputs
        _, height, width, count = ops.shape(shares)
        mixed = ops.matmul(ops.reshape(shares, (-1, height * width, count)), tokens)
        return ops.reshape(mixed, (-1, height, width, tokens.shape[2]))

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        return math.prod(input_shape[1:]) * output_shape[-1]


@keras.saving.register_keras_serializable(package="visionfw")
class CategoryAttention(keras.layers.Layer):
    """Multi-head self-attention inside groups of pixels that resemble the same token most, wherever they lie.

    Pixels are sorted by that token, those of one token in the order of the image, and cut into groups of equal size; the last group is
    filled up by mirroring the sorted pixels.

    Args:
        heads: number of heads; divides the channels.
        category_size: pixels in a group; all of them in a smaller image.

    Shapes: queries, keys and values (batch, height, width, 3 c) and shares of tokens (batch, height, width, n) -> (batch, height, width, c).

    Reference: adaptive category-based attention, Zhang et al. (ATD), CVPR 2024.
    """

    torch_weights: ClassVar[dict[str, str]] = {"logit_scale": "logit_scale"}

    def __init__(self, heads: int = 6, category_size: int = 256, **kwargs: Any):
        super().__init__(**kwargs)
        if heads < 1 or category_size < 1:
            raise ValueError(f"heads and category_size must be at least 1, not {heads!r} and {category_size!r}")
        self.heads, self.category_size = heads, category_size

    def _check(self, channels: int) -> None:
        if channels % (3 * self.heads):
            raise ValueError(f"{channels} channels cannot be split into queries, keys and values of {self.heads} heads")

    def build(self, input_shape: list[tuple]) -> None:
        self._check(input_shape[0][-1])
        self.logit_scale = self.add_weight(name="logit_scale", shape=(1, 1), initializer=keras.initializers.Constant(math.log(10)))
        self.built = True

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        qkv = input_shape[0]
        self._check(qkv[-1])
        return (*qkv[:-1], qkv[-1] // 3)

    def call(self, inputs: list[Tensor]) -> Tensor:
        qkv, shares = inputs
        _, height, width, channels = ops.shape(qkv)
        count = height * width
        tokens = ops.argmax(ops.reshape(shares, (-1, count, shares.shape[-1])), axis=-1)
        # Keys that are all different: no backend's order of equal ones matters.
        order = ops.argsort(ops.cast(tokens, "int32") * count + ops.arange(count, dtype="int32"), axis=-1)
        grouped, size = self._groups(count)
        groups = _rows(ops.reshape(qkv, (-1, count, channels)), ops.take(order, grouped, axis=1))
        mixed = ops.reshape(self._attend(ops.reshape(groups, (-1, size, channels))), (-1, ops.shape(grouped)[0], channels // 3))
        return ops.reshape(_rows(mixed, ops.argsort(order, axis=-1)), (-1, height, width, channels // 3))

    def _groups(self, count: Any) -> tuple[Tensor, Any]:
        """Return which of `count` sorted pixels stand in all groups behind each other, and the size of a group."""
        size = min(count, self.category_size) if isinstance(count, int) else ops.minimum(count, self.category_size)
        places = ops.arange((count + size - 1) // size * size, dtype="int32")
        return ops.where(places < count, places, 2 * count - 1 - places), size

    def _attend(self, qkv: Tensor) -> Tensor:
        """Attend inside groups: (groups, pixels, 3 c) -> (groups, pixels, c)."""
        _, size, channels = ops.shape(qkv)
        qkv = ops.transpose(ops.reshape(qkv, (-1, size, 3, self.heads, channels // 3 // self.heads)), (2, 0, 3, 1, 4))
        scale = ops.exp(ops.minimum(ops.cast(self.logit_scale, qkv.dtype), _MAX_LOGIT_SCALE))
        weights = ops.softmax(ops.matmul(qkv[0], ops.swapaxes(qkv[1], -1, -2)) * scale, axis=-1)
        return ops.reshape(ops.transpose(ops.matmul(weights, qkv[2]), (0, 2, 1, 3)), (-1, size, channels // 3))

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = output_shape
        size = min(height * width, self.category_size)
        return 2 * -(-height * width // size) * size * size * channels

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"heads": self.heads, "category_size": self.category_size}


@keras.saving.register_keras_serializable(package="visionfw")
class TokenRefinement(keras.layers.Layer):
    """Tokens mixed with what the pixels that resemble them have become, by a learned share for each token.

    Shapes: pixels (batch, height, width, c), their shares of tokens (batch, height, width, n) and tokens (batch, n, c) -> (batch, n, c).

    Reference: adaptive token refinement, Zhang et al. (ATD), CVPR 2024.
    """

    torch_weights: ClassVar[dict[str, str]] = {"gamma": "norm3.weight", "beta": "norm3.bias", "sigma": "sigma"}

    def build(self, input_shape: list[tuple]) -> None:
        count = input_shape[2][1]
        self.gamma = self.add_weight(name="gamma", shape=(count,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(count,), initializer="zeros")
        self.sigma = self.add_weight(name="sigma", shape=(count, 1), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        return tuple(input_shape[2])

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, shares, tokens = inputs
        _, height, width, channels = ops.shape(x)
        count = shares.shape[-1]
        shares = ops.cast(ops.reshape(shares, (-1, height * width, count)), "float32")
        mean, variance = ops.moments(shares, axes=1, keepdims=True)
        normalized = (shares - mean) * ops.rsqrt(variance + _NORM_EPSILON) * ops.cast(self.gamma, "float32") + ops.cast(self.beta, "float32")
        weights = ops.cast(ops.softmax(normalized, axis=1), x.dtype)
        seen = ops.matmul(ops.swapaxes(weights, 1, 2), ops.reshape(x, (-1, height * width, channels)))
        kept = ops.sigmoid(ops.cast(self.sigma, x.dtype))
        return kept * tokens + (1 - kept) * seen

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        return math.prod(input_shape[1:]) * output_shape[1]


def _unit(x: Tensor) -> Tensor:
    """Divide by the Euclidean norm along the last axis, computed in float32."""
    wide = ops.cast(x, "float32")
    norm = ops.sqrt(ops.maximum(ops.sum(ops.square(wide), axis=-1, keepdims=True), _SMALLEST_NORM**2))
    return ops.cast(wide / norm, x.dtype)


def _rows(x: Tensor, index: Tensor) -> Tensor:
    """Return rows of each image by their numbers: (batch, n, c) and (batch, m) -> (batch, m, c)."""
    images, count, channels = ops.shape(x)
    offsets = ops.arange(images, dtype="int32")[:, None] * count
    return ops.take(ops.reshape(x, (-1, channels)), ops.cast(index, "int32") + offsets, axis=0)
