"""Padding that continues the image instead of surrounding it with zeros, and padding to a multiple of a number of pixels, with its removal."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import keras
from keras import ops

from visionfw.layers.windows import POINTWISE, Window
from visionfw.numerics import Tensor

Sides = tuple[tuple[int, int], tuple[int, int]]


def replicated(positions: Tensor, size: Tensor) -> Tensor:
    """Return the positions inside an axis of `size` samples that repeat its edges at `positions`, some of them outside."""
    return ops.clip(positions, 0, size - 1)


def reflected(positions: Tensor, size: Tensor) -> Tensor:
    """Return the positions inside an axis of `size` samples that mirror it at `positions`, the edge not repeated, as often as needed."""
    period = ops.maximum(2 * (size - 1), 1)
    positions = ops.mod(positions, period)
    return ops.minimum(ops.where(positions < size, positions, period - positions), size - 1)


def mirrored(positions: Tensor, size: Tensor) -> Tensor:
    """Return the positions inside an axis of `size` samples that mirror it at `positions`, the edge repeated, as often as needed."""
    positions = ops.mod(positions, 2 * size)
    return ops.minimum(positions, 2 * size - 1 - positions)


#: How an image is continued beyond its edge -> the samples that stand there; None for zeros.
EDGES = {"reflect": reflected, "symmetric": mirrored, "replicate": replicated, "zeros": None}


def _sides(padding: Any) -> Sides:
    """Read 2, (1, 2) or ((1, 1), (2, 2)) as ((top, bottom), (left, right))."""
    pair = (padding, padding) if isinstance(padding, int) else tuple(padding)
    sides = tuple((side, side) if isinstance(side, int) else tuple(side) for side in pair)
    if len(sides) != 2 or any(len(side) != 2 or min(side) < 0 for side in sides):
        raise ValueError(f"padding must be a number, (rows, columns) or ((top, bottom), (left, right)), not {padding!r}")
    return sides


def _multiple(multiple: Any) -> int:
    if isinstance(multiple, bool) or not isinstance(multiple, int) or multiple < 1:
        raise ValueError(f"multiple must be a whole number of at least 1, not {multiple!r}")
    return multiple


class _Padding(keras.layers.Layer):
    """The base of both paddings: a subclass says which sample stands at a position outside the image."""

    def __init__(self, padding: Any = 1, multiple: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.padding, self.multiple = _sides(padding), _multiple(multiple)

    def source(self, positions: Tensor, size: Tensor) -> Tensor:
        """Return the positions inside an axis of `size` samples whose values stand at `positions`, some of them outside."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, *sizes, channels = input_shape
        grown = [None if size is None else sum(sides) + size + -size % self.multiple for size, sides in zip(sizes, self.padding, strict=True)]
        return batch, *grown, channels

    def call(self, x: Tensor) -> Tensor:
        for axis, (before, after) in zip((1, 2), self.padding, strict=True):
            size = ops.shape(x)[axis]
            x = ops.take(x, self.source(ops.arange(-before, size + -size % self.multiple + after), size), axis=axis)
        return x

    def alignment(self) -> int:
        """Return `multiple`: a tile is padded like the image where it begins at a multiple and ends with the image or at another."""
        return self.multiple

    def receptive_window(self, axis: int) -> Window:
        added = float(sum(self.padding[axis]) + self.multiple - 1)
        return Window(1, Fraction(1), -added, added)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"padding": [list(sides) for sides in self.padding], "multiple": self.multiple}


@keras.saving.register_keras_serializable(package="visionfw")
class ReplicatePadding(_Padding):
    """Padding that repeats the edge.

    Args:
        padding: pixels on every side, or (rows, columns), or ((top, bottom), (left, right)).
        multiple: besides that, the bottom and the right are padded so far that `multiple` divides the sides without `padding`.

    Shapes: (batch, height, width, c) -> (batch, top + height + bottom, left + width + right, c), height and width rounded up to `multiple`.
    """

    def source(self, positions: Tensor, size: Tensor) -> Tensor:
        return replicated(positions, size)


@keras.saving.register_keras_serializable(package="visionfw")
class ReflectPadding(_Padding):
    """Padding that mirrors the image without repeating the edge.

    Args:
        padding: pixels on every side, or (rows, columns), or ((top, bottom), (left, right)).
        multiple: besides that, the bottom and the right are padded so far that `multiple` divides the sides without `padding`.

    Shapes: (batch, height, width, c) -> (batch, top + height + bottom, left + width + right, c), height and width rounded up to `multiple`.
    """

    def source(self, positions: Tensor, size: Tensor) -> Tensor:
        return reflected(positions, size)

    def receptive_window(self, axis: int) -> Window:
        before, after = self.padding[axis][0], self.padding[axis][1] + self.multiple - 1
        return Window(1, Fraction(1), -float(before + 2 * after), float(before))  # the last sample outside is one from inside the far edge


class _EndPadding(keras.layers.Layer):
    """The base of padding at the bottom and on the right alone: a subclass says how many samples are added.

    Args:
        edge: how the image is continued: 'reflect' (mirrored without its edge, several times where it is smaller than the padding),
            'symmetric' (mirrored with its edge), 'replicate' (the edge repeated) or 'zeros'.
    """

    def __init__(self, edge: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.edge = edge
        if edge not in EDGES:
            raise ValueError(f"edge must be {', '.join(EDGES)}, not {edge!r}")

    def added(self, size: Any) -> Any:
        """Return how many samples are added to an axis of `size` samples, a number or a tensor."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, *sizes, channels = input_shape
        return batch, *(None if size is None else size + self.added(size) for size in sizes), channels

    def call(self, x: Tensor) -> Tensor:
        for axis in (1, 2):
            size = ops.shape(x)[axis]
            added = self.added(size)
            if not isinstance(added, int) or added:  # a size that is known and fits is left as it is
                x = self._padded(x, axis, size, added)
        return x

    def _padded(self, x: Tensor, axis: int, size: Tensor, added: Tensor) -> Tensor:
        source = EDGES[self.edge]
        if source is not None:
            return ops.take(x, source(ops.arange(size + added), size), axis=axis)
        return ops.pad(x, [(0, added if each == axis else 0) for each in range(4)])

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE  # what stands outside comes from samples that are nearer to every sample inside

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"edge": self.edge}


@keras.saving.register_keras_serializable(package="visionfw")
class PadToMultiple(_EndPadding):
    """Padding at the bottom and on the right, to the next height and width that a number of pixels divides; none where it divides them.

    Computes in float32 under mixed precision too: its input usually is the image.

    Args:
        multiple: what divides the padded height and width.
        edge: how the image is continued: 'reflect' (mirrored without its edge, several times where it is smaller than the padding),
            'symmetric' (mirrored with its edge), 'replicate' (the edge repeated) or 'zeros'.

    Shapes: (batch, height, width, c) -> (batch, ceil(height / multiple) x multiple, ceil(width / multiple) x multiple, c).
    """

    def __init__(self, multiple: int = 8, edge: str = "reflect", dtype: Any = "float32", **kwargs: Any):
        super().__init__(edge=edge, dtype=dtype, **kwargs)
        self.multiple = _multiple(multiple)

    def added(self, size: Any) -> Any:
        return -size % self.multiple

    def alignment(self) -> int:
        """Return `multiple`: the padding of a tile falls where that of the image does."""
        return self.multiple

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"multiple": self.multiple}


@keras.saving.register_keras_serializable(package="visionfw")
class PadToMinimum(_EndPadding):
    """Padding at the bottom and on the right of images that are too small for what follows, such as pooling by large windows.

    Args:
        minimum: the least height and width, at least 1.
        edge: how the image is continued: 'reflect' (mirrored without its edge, several times where it is smaller than the padding),
            'symmetric' (mirrored with its edge), 'replicate' (the edge repeated) or 'zeros'.

    Shapes: (batch, height, width, c) -> (batch, max(height, minimum), max(width, minimum), c).
    """

    def __init__(self, minimum: int = 16, edge: str = "replicate", **kwargs: Any):
        super().__init__(edge=edge, **kwargs)
        if isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 1:
            raise ValueError(f"minimum must be a whole number of at least 1, not {minimum!r}")
        self.minimum = minimum

    def added(self, size: Any) -> Any:
        return max(self.minimum - size, 0) if isinstance(size, int) else ops.maximum(self.minimum - size, 0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"minimum": self.minimum}


@keras.saving.register_keras_serializable(package="visionfw")
class CropPadding(keras.layers.Layer):
    """Removes from a padded image, or from one computed from it, what `PadToMultiple` added.

    Computes in float32 under mixed precision too: its input usually is the output of a model.

    Args:
        multiple: that of the padding.
        scale: size of the image that is cropped / size of the padded image; half pixels are kept.

    Shapes: (batch, scale x padded height, scale x padded width, c) and the image before padding, (batch, height, width, any)
        -> (batch, scale x height, scale x width, c).
    """

    #: Of the image before padding only the size is read.
    value_sources = 1

    def __init__(self, multiple: int = 8, scale: float = 1, dtype: Any = "float32", **kwargs: Any):
        super().__init__(dtype=dtype, **kwargs)
        self.multiple, self.scale = _multiple(multiple), scale
        if not scale > 0:
            raise ValueError(f"scale must be above 0, not {scale!r}")

    def _kept(self, size: Any, original: Any) -> Any:
        """Return how many of `size` samples are kept."""
        ratio = Fraction(self.scale).limit_denominator(64)
        return size - (-original % self.multiple) * ratio.numerator // ratio.denominator

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        (batch, *sizes, channels), (_, *originals, _) = input_shape
        kept = [None if None in pair else self._kept(*pair) for pair in zip(sizes, originals, strict=True)]
        return batch, *kept, channels

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, original = inputs
        rows, columns = (self._kept(ops.shape(x)[axis], ops.shape(original)[axis]) for axis in (1, 2))
        return x[:, :rows, :columns]

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"multiple": self.multiple, "scale": self.scale}
