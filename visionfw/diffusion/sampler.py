"""Sampling: an image of a diffusion model, denoised step by step from Gaussian noise, conditioned on the LR image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise

import keras
import numpy as np

from visionfw.diffusion import SAMPLING
from visionfw.diffusion.noise_schedule import NoiseSchedule
from visionfw.diffusion.target import Target
from visionfw.graph.analysis.receptive_field import side_multiple
from visionfw.imaging.resize import imresize
from visionfw.inference.checked_run import require_finite, run_checked
from visionfw.inference.tiles import Span, tiles
from visionfw.registry import Spec

_TILE, _OVERLAP = 32, 8  # LR pixels


def noise_level_input(network: keras.Model) -> str:
    """Return the name of the input that conditions a network on the amount of noise: 'noise_level' (the root of gamma) or 'step'."""
    return "noise_level" if "noise_level" in network.input else "step"


@dataclass(frozen=True)
class DiffusionSampler:
    """A diffusion model and how images are sampled from it; an `inference.ImageUpscaler`.

    Attributes:
        model: {'lr', 'noisy', 'noise_level' or 'step'} -> the target's prediction type.
        schedule, target: those that it was trained with.
        scale: SR size / LR size.
        steps: denoising steps of an image (NFE).
        sampling: a parsed member of `diffusion.SAMPLING`.
        seed: of all noise, one number or several; equal seeds give equal images.
        tile: side of a tile in LR pixels; None for 32 where the image is larger, 0 for the whole image. Tiles overlap and share one noise,
            so that no seams show.
        on_step: called after every denoising step of an image.
    """

    model: keras.Model
    schedule: NoiseSchedule
    target: Target
    scale: int
    steps: int = 50
    sampling: Spec = field(default_factory=lambda: SAMPLING.parse("ddim"))
    seed: int | tuple[int, ...] = 0
    tile: int | None = None
    on_step: Callable[[], None] | None = None

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        """Upscale (height, width, 3) float in [0, 1] to (height x scale, width x scale, 3) float32 in [0, 1]."""
        return self.upscale_batch(np.asarray(lr, np.float32)[None])[0]

    def upscale_image(self, image: np.ndarray) -> np.ndarray:
        """Upscale gray or RGB pixels, (height, width) or (height, width, 3) uint8 or uint16, to the same dtype and number of axes."""
        largest, is_gray = np.iinfo(image.dtype).max, image.ndim == 2
        sr = self((np.repeat(image[..., None], 3, axis=2) if is_gray else image) / np.float32(largest))
        sr = sr.mean(axis=2) if is_gray else sr
        return np.round(sr.astype(np.float64) * largest).astype(image.dtype)

    def upscale_batch(self, lr: np.ndarray) -> np.ndarray:
        """Upscale images of one size, (n, height, width, 3) float32 in [0, 1], to (n, height x scale, width x scale, 3) float32 in [0, 1].

        Raises:
            VisionfwError: the memory does not suffice, or the network's output is not finite.
        """
        height, width = lr.shape[1:3]
        padding = [(0, -side % self._side_multiple) for side in (height, width)]
        lr = np.pad(lr, [(0, 0), *padding, (0, 0)], mode="edge")
        upscaled = np.stack([imresize(image, self.scale) for image in lr]).astype(np.float32)
        x0 = self._sample(lr, upscaled)
        sr = require_finite(self.model, np.clip(self.target.decode(x0, upscaled), 0.0, 1.0))
        return sr[:, : height * self.scale, : width * self.scale]

    def _sample(self, lr: np.ndarray, upscaled: np.ndarray) -> np.ndarray:
        """Return x0, denoised from noise in the shape of the upscaled images."""
        take_step = partial(SAMPLING.load(self.sampling.name), **self.sampling.options)
        random = np.random.default_rng(self.seed)
        noisy = random.standard_normal(upscaled.shape, np.float32)
        gammas = self.schedule.gammas()
        for step, next_step in pairwise(self.schedule.sampling_steps(self.steps)):
            gamma, next_gamma = float(gammas[step]), float(gammas[next_step])
            level = math.sqrt(gamma) if noise_level_input(self.model) == "noise_level" else float(step)
            x0 = self.target.predict_x0(noisy, self._predict(lr, noisy, level), gamma)
            x0 = self.target.encode(np.clip(self.target.decode(x0, upscaled), 0.0, 1.0), upscaled)
            fresh = random.standard_normal(upscaled.shape, np.float32)
            noisy = np.asarray(take_step(noisy, x0, gamma, next_gamma, fresh), np.float32)
            if self.on_step:
                self.on_step()
        return noisy

    def _predict(self, lr: np.ndarray, noisy: np.ndarray, level: float) -> np.ndarray:
        """Return the network's prediction for images of any size, tile by tile."""
        prediction = np.empty_like(noisy)
        for rows, columns in self._tiles(lr.shape[1:3]):
            hr_rows, hr_columns = rows.input(self.scale), columns.input(self.scale)
            part = self._run_network(lr[:, rows.input(), columns.input()], noisy[:, hr_rows, hr_columns], level)
            kept = part[:, rows.kept_in_tile(self.scale), columns.kept_in_tile(self.scale)]
            prediction[:, rows.kept(self.scale), columns.kept(self.scale)] = kept
        return prediction

    def _tiles(self, shape: tuple[int, int]) -> Iterator[tuple[Span, Span]]:
        """Return the tiles of an image: one where `tile` is 0, or None and the image is hardly larger than a tile."""
        if self.tile == 0 or (self.tile is None and max(shape) <= _TILE + 2 * _OVERLAP):
            return iter([(Span(0, shape[0], 0, shape[0]), Span(0, shape[1], 0, shape[1]))])
        alignment = self._side_multiple
        size, overlap = (-(-length // alignment) * alignment for length in (self.tile or _TILE, _OVERLAP))
        return tiles(shape, size, overlap, alignment)

    def _run_network(self, lr: np.ndarray, noisy: np.ndarray, level: float) -> np.ndarray:
        levels = np.full((len(lr), 1), level, np.float32)
        batch = {"lr": np.ascontiguousarray(lr), "noisy": np.ascontiguousarray(noisy), noise_level_input(self.model): levels}
        return run_checked(self.model, batch, lr.shape[1:3])

    @cached_property
    def _side_multiple(self) -> int:
        """What the sides of an LR image must be multiples of."""
        return side_multiple(self.model, self.scale)
