"""Whole images through a feed-forward model: tiles, self-ensemble, luma models with bicubic chroma."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from numbers import Integral
from typing import Any

import keras
import numpy as np

from visionfw.backend.memory import device_bytes, free_bytes
from visionfw.errors import RequestError
from visionfw.graph.analysis.receptive_field import ReceptiveField, receptive_field_of
from visionfw.imaging.color import from_ycbcr, to_ycbcr
from visionfw.imaging.resize import imresize
from visionfw.inference.checked_run import require_finite, run_checked
from visionfw.inference.tiles import Span, tile_size_for, tiles

_GLOBAL_OVERLAP = 32  # LR pixels, for a model that sees the whole image: no overlap makes its tiles exact
_CHROMA_OVERLAP = 3  # LR pixels: the receptive field of bicubic upscaling
_MAX_TILE_BYTES = 2**30  # of a tile's forward pass, however much memory is free
_MEMORY_FRACTION = 0.5  # of the free memory, that a tile's forward pass may take

ArrayFunction = Callable[[np.ndarray], np.ndarray]


def super_resolve(model: keras.Model, lr: np.ndarray) -> np.ndarray:
    """Run a model on one image as a whole.

    Args:
        model: LR in [0, 1] -> SR; of several outputs 'sr' counts.
        lr: (height, width, channels) float in [0, 1].

    Returns:
        (height x scale, width x scale, channels) float32, not clipped.

    Raises:
        VisionfwError: the memory does not suffice, the model does not take images of this size, or its output is not finite.
    """
    return require_finite(model, run_checked(model, np.asarray(lr, np.float32)[None], lr.shape[:2])[0])


def mean_over_flips_and_rotations(upscale: ArrayFunction, lr: np.ndarray) -> np.ndarray:
    """Upscale an image's eight flips and rotations, undo each, and return the mean.

    Args:
        upscale: (height, width, channels) -> (height x scale, width x scale, channels).
        lr: (height, width, channels).

    Reference: Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPRW 2017.
    """
    total: Any = 0.0
    for quarter_turns in range(4):
        for is_flipped in (False, True):
            transformed = np.rot90(lr[:, ::-1] if is_flipped else lr, quarter_turns)
            sr = np.rot90(upscale(np.ascontiguousarray(transformed)), -quarter_turns)
            total = total + (sr[:, ::-1] if is_flipped else sr)
    return total / np.float32(8)


@dataclass(frozen=True)
class Upscaler:
    """A feed-forward model and how it is applied to images; an `inference.ImageUpscaler`.

    Attributes:
        model: one input, one image output.
        tile: side of a tile in LR pixels, without its overlap; None for as large as the free memory allows, 0 for the whole image.
        self_ensemble: return the mean over eight flips and rotations.
    """

    model: keras.Model
    tile: int | None = None
    self_ensemble: bool = False

    @cached_property
    def receptive_field(self) -> ReceptiveField:
        """The model's receptive field, strides and memory."""
        return receptive_field_of(self.model)

    @property
    def scale(self) -> Fraction:
        """SR size / LR size."""
        return self.receptive_field.scale

    @property
    def color(self) -> str:
        """'y' for a model of luma, else 'rgb'."""
        return "y" if image_channels(self.model) == 1 else "rgb"

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        """Upscale (height, width, channels) float in [0, 1], of the model's channels: float32, not clipped."""
        return self._tile_by_tile(lr, np.dtype(np.float32), self._run)

    def upscale_image(self, image: np.ndarray) -> np.ndarray:
        """Upscale gray or RGB pixels, tile by tile, so that no more than the two images is held as a whole.

        A model of luma upscales Y; Cb and Cr are upscaled by bicubic.

        Args:
            image: (height, width) or (height, width, 3), uint8 or uint16.

        Returns:
            The same dtype and number of axes.
        """
        largest = np.iinfo(image.dtype).max
        upscale = self._upscale_rgb if self.color == "rgb" else self._upscale_luma

        def upscale_part(part: np.ndarray) -> np.ndarray:
            rgb = part if part.ndim == 3 else np.repeat(part[..., None], 3, axis=2)
            sr = upscale(rgb, largest)
            return np.clip(np.round((sr if part.ndim == 3 else sr.mean(axis=2)) * largest), 0, largest)

        return self._tile_by_tile(image, image.dtype, upscale_part)

    def _upscale_rgb(self, rgb: np.ndarray, largest: int) -> np.ndarray:
        """Upscale integers in 0..largest to [0, 1]."""
        return self._run(rgb / np.float32(largest))

    def _upscale_luma(self, rgb: np.ndarray, largest: int) -> np.ndarray:
        """Upscale integers in 0..largest to [0, 1], their Y with the model and the rest by bicubic."""
        ycbcr = to_ycbcr(rgb.astype(np.float64) / largest * 255.0)
        y = self._run(ycbcr[..., :1] / 255.0) * 255.0
        chroma = imresize(ycbcr[..., 1:], float(self.scale))
        return from_ycbcr(np.concatenate([y, chroma], axis=-1)) / 255.0

    def _run(self, lr: np.ndarray) -> np.ndarray:
        """Run the model, or its self-ensemble, on an image or tile of the model's channels."""
        if self.self_ensemble:
            return mean_over_flips_and_rotations(lambda transformed: super_resolve(self.model, transformed), lr)
        return super_resolve(self.model, lr)

    def _tile_by_tile(self, image: np.ndarray, dtype: np.dtype, upscale: ArrayFunction) -> np.ndarray:
        """Upscale an image tile by tile. Sides that the model's strides do not divide are padded by the edge, and the output is cropped."""
        height, width = image.shape[:2]
        padding = [(0, -side % self.receptive_field.multiple) for side in (height, width)]
        if any(after for _, after in padding):
            image = np.pad(image, [*padding, *[(0, 0)] * (image.ndim - 2)], mode="edge")
        scale = self.scale
        sr = np.empty((int(image.shape[0] * scale), int(image.shape[1] * scale), *image.shape[2:]), dtype)
        for rows, columns in self._tiles(image.shape[:2]):
            part = upscale(image[rows.input(), columns.input()])
            sr[rows.kept(scale), columns.kept(scale)] = part[rows.kept_in_tile(scale), columns.kept_in_tile(scale)]
        return sr[: int(height * scale), : int(width * scale)]

    def _tiles(self, shape: tuple[int, int]) -> Iterator[tuple[Span, Span]]:
        """Yield the tiles of an image: one where it fits into memory or `tile` is 0."""
        field = self.receptive_field
        overlap = max(_GLOBAL_OVERLAP if field.overlap is None else field.overlap, _CHROMA_OVERLAP)
        overlap = -(-overlap // field.step) * field.step
        size = self._size_that_fits(shape, overlap) if self.tile is None else self.tile
        return tiles(shape, size or max(shape), overlap, field.step)

    def _size_that_fits(self, shape: tuple[int, int], overlap: int) -> int:
        """Return the side of the largest tiles whose forward pass fits into the free memory; 0 where that of the whole image does."""
        free = free_bytes()
        budget = _MEMORY_FRACTION * min(free, device_bytes() or free)
        if self.receptive_field.overlap is not None:
            budget = min(_MAX_TILE_BYTES, budget)
        memory = self.receptive_field.memory * (2 if self.self_ensemble else 1)
        return 0 if memory.bytes_for(shape[0] * shape[1]) <= budget else tile_size_for(memory.pixels_within(budget), overlap)


def image_channels(model: keras.Model) -> int:
    """Return the channels of a model's input image: 1 for a model of luma, else 3. Raises RequestError for a model of several inputs."""
    shape = model.input_shape
    if isinstance(shape, dict | list):
        raise RequestError(f"a model with several inputs ({', '.join(tensor.name for tensor in model.inputs)}) cannot upscale a single image")
    return shape[-1]


def upscale(model: keras.Model, image: np.ndarray, tile: int | None = None, self_ensemble: bool = False) -> np.ndarray:
    """Upscale an image with a model.

    A model of luma upscales Y; Cb and Cr are upscaled by bicubic. Tiles overlap by the model's receptive field, so the result is that of
    the whole image; for a model that sees all of an image (global pooling, attention) tiles are an approximation.

    Args:
        model: what `vf.build` or `vf.load` returned.
        image: (height, width, 3) or (height, width), uint8 or uint16.
        tile: side of a tile in LR pixels; None for as large as the free memory allows, 0 for the whole image at once.
        self_ensemble: return the mean over eight flips and rotations, in eight times the time.

    Returns:
        The upscaled image, of the same dtype; gray for a gray image.

    Raises:
        RequestError: the array is not an image, `tile` is not such a number, or the model takes several inputs.
        VisionfwError: the memory does not suffice, or the model's output is not finite.
    """
    image = np.asarray(image)
    image = image.astype(image.dtype.newbyteorder("=")) if not image.dtype.isnative else image
    if image.dtype not in (np.uint8, np.uint16) or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or not image.size:
        raise RequestError(f"image must be (height, width) or (height, width, 3) uint8 or uint16, not {image.shape} {image.dtype}")
    if tile is not None and (isinstance(tile, bool) or not isinstance(tile, Integral) or tile < 0):
        raise RequestError(f"tile must be a whole number of at least 0, not {tile!r}")
    return Upscaler(model, None if tile is None else int(tile), self_ensemble).upscale_image(image)
