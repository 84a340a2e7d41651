"""Images made by a diffusion model: noise, refined step by step, led by the LR image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import keras
import numpy as np

from visionfw.backend.forward import forward_pass
from visionfw.backend.memory import is_out_of_memory
from visionfw.diffusion.noise_schedule import NoiseSchedule, Target, ddim_step, ddpm_step
from visionfw.errors import VisionfwError, brief
from visionfw.graph.analysis.receptive_field import side_multiple
from visionfw.imaging.resize import imresize
from visionfw.inference.tiles import tiles

_TILE, _HALO = 32, 8  # LR pixels


def level_name(network: keras.Model) -> str:
    """Return the name of the input that tells a network how much noise there is."""
    return "noise_level" if "noise_level" in network.input else "step"


@dataclass(frozen=True)
class DiffusionSampler:
    """A diffusion model with the way it is put on images.

    Attributes:
        model: {'lr', 'noisy', 'noise_level' or 'step'} -> what the target says it tells.
        schedule: as it was trained with.
        target: as it was trained with.
        scale: SR size / LR size.
        steps: looks at each image.
        eta: 0 for DDIM, where only the first noise is drawn; None for DDPM.
        seed: of all noise, one number or several; equal seeds give equal images.
        tile: side of a tile in LR pixels; 0 for the whole image. Tiles share one noise and overlap, so that seams do not show.
        looked: called after every look at an image.
    """

    model: keras.Model
    schedule: NoiseSchedule
    target: Target
    scale: int
    steps: int = 50
    eta: float | None = 0.0
    seed: int | tuple[int, ...] = 0
    tile: int | None = None
    looked: Callable[[], None] | None = None

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        """Enlarge (h, w, 3) float in [0, 1]: (h x scale, w x scale, 3) float32 in [0, 1]."""
        return self.batch(np.asarray(lr, np.float32)[None])[0]

    def upscale_image(self, image: np.ndarray) -> np.ndarray:
        """Enlarge an image of gray or RGB levels, (height, width) or (height, width, 3), uint8 or uint16: the same dtype and axes."""
        most, is_gray = np.iinfo(image.dtype).max, image.ndim == 2
        made = self((np.repeat(image[..., None], 3, axis=2) if is_gray else image) / np.float32(most))
        made = made.mean(axis=2) if is_gray else made
        return np.round(made.astype(np.float64) * most).astype(image.dtype)

    def batch(self, lr: np.ndarray) -> np.ndarray:
        """Enlarge images of one size, (n, h, w, 3) float in [0, 1]."""
        height, width = lr.shape[1:3]
        over = [(0, -side % self._multiple) for side in (height, width)]
        lr = np.pad(lr, [(0, 0), *over, (0, 0)], mode="edge")
        enlarged = np.stack([imresize(image, self.scale) for image in lr]).astype(np.float32)
        random = np.random.default_rng(self.seed)
        noisy = random.standard_normal(enlarged.shape, np.float32)
        gammas, back = self.schedule.gammas(), self.schedule.steps_back(self.steps)
        for now, before in pairwise(back):
            level = math.sqrt(gammas[now]) if level_name(self.model) == "noise_level" else float(now)
            image = self.target.denoised(noisy, self._told(lr, noisy, level), float(gammas[now]))
            image = self.target.of(np.clip(self.target.back(image, enlarged), 0.0, 1.0), enlarged)
            fresh = random.standard_normal(enlarged.shape, np.float32)
            ends = float(gammas[now]), float(gammas[before])
            noisy = ddpm_step(noisy, image, *ends, fresh) if self.eta is None else ddim_step(noisy, image, *ends, fresh, self.eta)
            noisy = np.asarray(noisy, np.float32)
            if self.looked:
                self.looked()
        made = np.clip(self.target.back(noisy, enlarged), 0.0, 1.0)
        if not np.isfinite(made).all():
            raise VisionfwError(f"{self.model.name}: what it makes is not finite (NaN or infinity); are its weights whole?")
        return made[:, : height * self.scale, : width * self.scale]

    def _told(self, lr: np.ndarray, noisy: np.ndarray, level: float) -> np.ndarray:
        """Return what the network tells of images of any size, tile by tile."""
        if self.tile == 0 or (self.tile is None and max(lr.shape[1:3]) <= _TILE + 2 * _HALO):
            return self._look(lr, noisy, level)
        made, step = np.empty_like(noisy), self._multiple
        size = -(-(self.tile or _TILE) // step) * step
        for rows, columns in tiles(lr.shape[1:3], size, -(-_HALO // step) * step, step):
            spans = [(slice(span.start * by, span.stop * by)) for by in (1, self.scale) for span in (rows, columns)]
            part = self._look(lr[:, spans[0], spans[1]], noisy[:, spans[2], spans[3]], level)
            inside, place = (
                [slice((span.keep_start - origin) * self.scale, (span.keep_stop - origin) * self.scale) for span, origin in ((rows, a), (columns, b))]
                for a, b in ((rows.start, columns.start), (0, 0))
            )
            made[:, place[0], place[1]] = part[:, inside[0], inside[1]]
        return made

    def _look(self, lr: np.ndarray, noisy: np.ndarray, level: float) -> np.ndarray:
        told = np.full((len(lr), 1), level, np.float32)
        try:
            made = forward_pass(self.model)({"lr": np.ascontiguousarray(lr), "noisy": np.ascontiguousarray(noisy), level_name(self.model): told})
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise VisionfwError(f"{self.model.name} cannot be put on an image of {lr.shape[2]} x {lr.shape[1]} pixels: {brief(error)}") from error
        return keras.ops.convert_to_numpy(made).astype(np.float32)

    @cached_property
    def _multiple(self) -> int:
        """Return what the sides of an LR image must be multiples of."""
        return side_multiple(self.model, self.scale)
