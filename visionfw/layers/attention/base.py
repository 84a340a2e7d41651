"""The bases of self-attention layers: heads and their output projection; queries, keys and values by one dense layer."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras
from keras import ops

from visionfw.numerics import Tensor


def mix_values(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
    """Return the mixture of values that the scaled products of queries and keys decide, heads behind each other.

    Args:
        queries: (groups, heads, tokens, depth).
        keys: (groups, heads, their tokens, depth).
        values: (groups, heads, their tokens, their depth).
        bias: added to the logits; broadcasts to (groups, heads, tokens, their tokens).
        mask: added to the logits of every image and head, (groups of one image, tokens, their tokens).

    Returns:
        (groups, tokens, heads x their depth).
    """
    _, heads, count, depth = ops.shape(queries)
    logits = ops.matmul(queries * (1 / math.sqrt(depth)), ops.swapaxes(keys, -1, -2))
    if bias is not None:
        logits = logits + bias
    if mask is not None:
        groups, tokens, others = ops.shape(mask)
        logits = ops.reshape(logits, (-1, groups, heads, tokens, others)) + mask[None, :, None]
        logits = ops.reshape(logits, (-1, heads, tokens, others))
    mixed = ops.matmul(ops.softmax(logits, axis=-1), values)
    return ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, count, heads * values.shape[-1]))


class Heads(keras.layers.Layer):
    """Attention of several heads with an output projection; a subclass makes queries, keys and values, of as many channels as its input.

    Args:
        heads: number of heads; divides the channels.
        qkv_bias: queries, keys and values have a bias.
    """

    #: The initializer of all kernels.
    kernel_initializer: Any = "glorot_uniform"
    #: The reference implementations' names of the weights, below the name of their module.
    torch_weights: ClassVar[dict[str, str]] = {"projection_kernel": "proj.weight", "projection_bias": "proj.bias"}

    def __init__(self, heads: int, qkv_bias: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        if heads < 1:
            raise ValueError(f"heads must be at least 1, not {heads!r}")
        self.heads, self.has_qkv_bias = heads, qkv_bias

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        self._check(channels)
        self.projection_kernel = self.add_kernel("projection_kernel", (channels, channels))
        self.projection_bias = self.add_weight(name="projection_bias", shape=(channels,), initializer="zeros")

    def add_kernel(self, name: str, shape: tuple[int, int]) -> Any:
        """Add the kernel of a dense layer."""
        return self.add_weight(name=name, shape=shape, initializer=self.kernel_initializer)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        self._check(input_shape[-1])
        return tuple(input_shape)

    def _check(self, channels: int) -> None:
        if channels % self.heads:
            raise ValueError(f"{channels} channels cannot be split among {self.heads} heads")

    def mix(self, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the projected mixture of values.

        Args:
            queries: (groups, heads, tokens, depth).
            keys, values: (groups, heads, their tokens, depth).
            bias: added to the logits; broadcasts to (groups, heads, tokens, their tokens).
            mask: added to the logits of every image and head, (groups of one image, tokens, their tokens).

        Returns:
            (groups, tokens, heads x depth).
        """
        mixed = mix_values(queries, keys, values, bias, mask)
        return ops.matmul(mixed, self.projection_kernel) + self.projection_bias

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"heads": self.heads, "qkv_bias": self.has_qkv_bias}


class MultiHeadSelfAttention(Heads):
    """Heads whose queries, keys and values come from one dense layer; a subclass says which pixels attend to which."""

    torch_weights: ClassVar[dict[str, str]] = {"qkv_kernel": "qkv.weight", "qkv_bias": "qkv.bias", **Heads.torch_weights}

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        self._check(channels)
        self.qkv_kernel = self.add_kernel("qkv_kernel", (channels, 3 * channels))
        if self.has_qkv_bias:
            self.qkv_bias = self.add_weight(name="qkv_bias", shape=(3 * channels,), initializer="zeros")
        super().build(input_shape)

    def project(self, x: Tensor) -> Tensor:
        """Return queries, keys and values behind each other: (..., channels) -> (..., 3 x channels)."""
        qkv = ops.matmul(x, self.qkv_kernel)
        return qkv + self.qkv_bias if self.has_qkv_bias else qkv

    def attend(self, tokens: Tensor, bias: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return attention among tokens.

        Args:
            tokens: (groups, tokens, channels).
            bias: added to the logits; broadcasts to (groups, heads, tokens, tokens).
            mask: added to the logits of every image and head, (groups of one image, tokens, tokens).

        Returns:
            (groups, tokens, channels).
        """
        _, count, channels = ops.shape(tokens)
        qkv = ops.reshape(self.project(tokens), (-1, count, 3, self.heads, channels // self.heads))
        qkv = ops.transpose(qkv, (2, 0, 3, 1, 4))
        return self.mix(qkv[0], qkv[1], qkv[2], bias, mask)
