"""Whole images through a model: tiles, self-ensemble, luma models with chroma beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any

import keras
import numpy as np

from visionfw.backend.forward import forward_pass
from visionfw.backend.memory import free_bytes, is_out_of_memory
from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.graph.analysis.receptive_field import ReceptiveField, receptive_field_of
from visionfw.imaging.color import from_ycbcr, to_ycbcr
from visionfw.imaging.resize import imresize
from visionfw.inference.tiles import size_for, tiles

_HALO = 32  # LR pixels, for a model that sees the whole image: no overlap makes its tiles exact
_CHROMA_HALO = 3  # what bicubic sees
_MOST_BYTES = 2**30  # of a tile's forward pass, however much memory is free

Progress = Callable[[int, int], None]


def super_resolve(model: keras.Model, lr: np.ndarray) -> np.ndarray:
    """Run a model on one image as it is.

    Args:
        model: LR in [0, 1] -> SR; of several outputs 'sr' counts.
        lr: (height, width, channels) float in [0, 1].

    Returns:
        (height x scale, width x scale, channels) float32, not clipped.

    Raises:
        VisionfwError: the model cannot be put on an image of this size, or makes values that are not finite.
    """
    batch = np.asarray(lr, np.float32)[None]
    try:
        made = forward_pass(model)(batch)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise VisionfwError(f"{model.name} cannot be put on an image of {lr.shape[1]} x {lr.shape[0]} pixels: {brief(error)}") from error
    made = made["sr"] if isinstance(made, dict) else made
    made = np.asarray(keras.ops.convert_to_numpy(made)[0], np.float32)
    if not np.isfinite(made).all():
        raise VisionfwError(f"{model.name}: what it makes is not finite (NaN or infinity); are its weights whole?")
    return made


def self_ensemble(enlarge: Callable[[np.ndarray], np.ndarray], lr: np.ndarray) -> np.ndarray:
    """Return the mean of what is made of an image's eight turns and mirrorings, each turned back.

    Reference: Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPRW 2017.
    """
    total = 0.0
    for turns in range(4):
        for mirrored in (False, True):
            turned = np.rot90(lr[:, ::-1] if mirrored else lr, turns)
            made = np.rot90(enlarge(np.ascontiguousarray(turned)), -turns)
            total = total + (made[:, ::-1] if mirrored else made)
    return total / np.float32(8)


@dataclass(frozen=True)
class Upscaler:
    """A model with the way it is put on images.

    Attributes:
        model: one input, one image.
        tile: side of a tile in LR pixels, without what it overlaps; None for as large as the free memory allows, 0 for the whole image.
        ensemble: the mean of eight turned and mirrored images is made.
    """

    model: keras.Model
    tile: int | None = None
    ensemble: bool = False

    @cached_property
    def reach(self) -> ReceptiveField:
        """How far the model sees."""
        return receptive_field_of(self.model)

    @property
    def scale(self):
        """SR size / LR size."""
        return self.reach.scale

    @property
    def color(self) -> str:
        """'y' for a model of luma, else 'rgb'."""
        return "y" if channels_of(self.model) == 1 else "rgb"

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        """Enlarge what the model is made for, (h, w, channels) float in [0, 1]: float32, not clipped."""
        return self._made(lr, np.float32, self._whole, None)

    def levels(self, image: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """Enlarge an image of gray or RGB levels, tile by tile, so that no more than the two images is held as a whole.

        A model of luma enlarges Y; Cb and Cr are enlarged by bicubic.

        Args:
            image: (height, width) or (height, width, 3), uint8 or uint16.
            progress: called with (tiles done, tiles in all).

        Returns:
            The same dtype and number of axes.
        """
        most = np.iinfo(image.dtype).max

        def enlarge(part: np.ndarray) -> np.ndarray:
            levels = self._levels_of(part.astype(np.float64) / most) * most
            return np.clip(np.round(levels), 0, most)

        return self._made(image, image.dtype, enlarge, progress)

    def _levels_of(self, part: np.ndarray) -> np.ndarray:
        """Enlarge gray or RGB in [0, 1] with whatever channels the model has."""
        is_gray = part.ndim == 2
        rgb = np.repeat(part[..., None], 3, axis=2) if is_gray else part
        if self.color == "rgb":
            made = self._whole(rgb)
        else:
            ycbcr = to_ycbcr(rgb * 255.0)
            y = self._whole(ycbcr[..., :1] / 255.0) * 255.0
            chroma = imresize(ycbcr[..., 1:], float(self.reach.scale))
            made = from_ycbcr(np.concatenate([y, chroma], axis=-1)) / 255.0
        return made.mean(axis=2) if is_gray else made

    def _whole(self, lr: np.ndarray) -> np.ndarray:
        if self.ensemble:
            return self_ensemble(lambda turned: super_resolve(self.model, turned), lr)
        return super_resolve(self.model, lr)

    def _made(self, image: np.ndarray, dtype: Any, enlarge: Callable[[np.ndarray], np.ndarray], progress: Progress | None) -> np.ndarray:
        """Enlarge an image tile by tile; one whose sides the model's strides do not divide is continued by its edge, and cropped."""
        height, width = image.shape[:2]
        over = [(0, -side % self.reach.multiple) for side in (height, width)]
        image = np.pad(image, [*over, *[(0, 0)] * (image.ndim - 2)], mode="edge") if any(after for _, after in over) else image
        scale = self.reach.scale
        made = np.empty((int(image.shape[0] * scale), int(image.shape[1] * scale), *image.shape[2:]), dtype)
        found = list(self._tiles(image.shape[:2]))
        for done, (rows, columns) in enumerate(found, 1):
            part = enlarge(image[rows.start : rows.stop, columns.start : columns.stop])
            inside = [slice(int((span.first - span.start) * scale), int((span.last - span.start) * scale)) for span in (rows, columns)]
            place = [slice(int(span.first * scale), int(span.last * scale)) for span in (rows, columns)]
            made[place[0], place[1]] = part[inside[0], inside[1]]
            if progress:
                progress(done, len(found))
        return made[: int(height * scale), : int(width * scale)]

    def _tiles(self, shape: tuple[int, int]):
        """Yield the tiles of an image: one where it fits into memory, or is asked for whole."""
        reach = self.reach
        halo = max(_HALO if reach.halo is None else reach.halo, _CHROMA_HALO)
        halo = -(-halo // reach.step) * reach.step
        size = self.tile
        if size is None:
            budget = free_bytes() / 2 if reach.halo is None else min(_MOST_BYTES, free_bytes() / 2)
            needed = reach.bytes_per_pixel * (2 if self.ensemble else 1)
            size = 0 if shape[0] * shape[1] * needed <= budget else size_for(budget, needed, halo)
        return tiles(shape, size or max(shape), halo, reach.step)


def channels_of(model: keras.Model) -> int:
    """Return how many channels a model's image has: 1 for a model of luma, else 3."""
    shape = model.input_shape
    if isinstance(shape, dict | list):
        raise RequestError(f"a model with several inputs ({', '.join(tensor.name for tensor in model.inputs)}) cannot enlarge a single image")
    return shape[-1]


def upscale(model: keras.Model, image: np.ndarray, tile: int | None = None, self_ensemble: bool = False) -> np.ndarray:
    """Enlarge an image with a model.

    A model of luma enlarges Y; Cb and Cr are enlarged by bicubic. Tiles overlap by what the model sees, so the result is that of the
    whole image; of a model that sees all of an image (global pooling, attention) tiles are an approximation.

    Args:
        model: what `vf.build` or `vf.load` returned.
        image: (height, width, 3) or (height, width), uint8 or uint16.
        tile: side of a tile in LR pixels; None for as large as the free memory allows, 0 for the whole image at once.
        self_ensemble: take the mean over eight turned and mirrored images; eight times the time.

    Returns:
        The enlarged image, of the same dtype, gray where it came in gray.

    Raises:
        RequestError: the array is no such image, the tile is no such number, or the model takes several inputs.
    """
    image = np.asarray(image)
    image = image.astype(image.dtype.newbyteorder("=")) if not image.dtype.isnative else image
    if image.dtype not in (np.uint8, np.uint16) or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or not image.size:
        raise RequestError(f"an image is (height, width) or (height, width, 3) uint8 or uint16, not {image.shape} {image.dtype}")
    if tile is not None and (isinstance(tile, bool) or not isinstance(tile, Integral) or tile < 0):
        raise RequestError(f"tile must be a whole number of at least 0, not {tile!r}")
    return Upscaler(model, None if tile is None else int(tile), self_ensemble).levels(image)
