"""How a benchmark number is made from one image: the field's two protocols.

RGB models: uint8 HR, cropped to a multiple of the scale -> LR by MATLAB's uint8 bicubic (or the set's own LR file) -> model on
[0, 1] -> clip, x255, round -> Y not rounded -> crop `scale` pixels a side -> PSNR and SSIM with peak 255.
Luma models, of bicubic LR images: Y of the uint8 HR rounded to uint8 -> /255 -> float bicubic -> model -> x255, round, clip -> against the uint8 Y.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from visionfw.data.pairs import read_whole_pair
from visionfw.errors import RequestError
from visionfw.imaging.color import from_ycbcr, luma, to_ycbcr
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.resize import imresize
from visionfw.metrics.arrays import psnr, ssim

Enlarge = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Protocol:
    """Which of the two protocols, at which scale.

    Attributes:
        color: 'rgb' or 'y', as the model's dictionary says.
        scale: SR size / LR size of the model.
        degradation: how LR images are made, and HR size / LR size; MATLAB's bicubic at the model's scale unless given. Where the model
            enlarges less or more than that, bicubic does the rest.
        channel: what is compared: 'y', or 'rgb' for models of RGB.
        crop: pixels left out on each side; None for HR size / LR size, as the field has it.
    """

    color: str
    scale: int
    degradation: Degradation | None = None
    channel: str = "y"
    crop: int | None = None

    def __post_init__(self) -> None:
        if self.channel == "rgb" and self.color == "y":
            raise RequestError("--channel=rgb: the model makes luma alone, so only that can be compared")

    @property
    def how(self) -> Degradation:
        """How LR images are made."""
        return self.degradation or Degradation.parse("bicubic", self.scale)

    @property
    def factor(self) -> int:
        """HR size / LR size."""
        return self.how.scale

    @property
    def border(self) -> int:
        """Pixels left out on each side."""
        return self.factor if self.crop is None else self.crop

    @property
    def is_float(self) -> bool:
        """LR images are made of the luma in floats, as the luma protocol has it."""
        return self.color == "y" and self.how.is_bicubic

    @property
    def baseline(self) -> str:
        """What a gain is measured against: bicubic's enlargement, which at scale 1 is the degraded image itself."""
        return "bicubic" if self.factor > 1 else "the degraded image"

    def record(self) -> dict[str, str | int]:
        """Return the protocol in words, for reports."""
        made = f"{self.how} (seed {self.how.seed}), uint8"
        resize = "MATLAB bicubic, float, of the rounded Y" if self.is_float else "MATLAB bicubic, uint8" if self.how.is_bicubic else made
        told = {"channel": self.channel.upper(), "model": self.color.upper(), "crop": self.border, "rounding": "uint8 before comparing", "resize": resize}
        return told | ({} if self.factor == self.scale else {"LR": f"1/{self.factor} of HR; bicubic enlarges the model's x{self.scale} to it"})


@dataclass(frozen=True)
class Score:
    """One image's figures; PSNR in dB, `more` by name."""

    image: str
    psnr: float
    ssim: float
    bicubic_psnr: float
    bicubic_ssim: float
    more: tuple[tuple[str, float], ...] = ()

    @property
    def gain(self) -> float:
        """PSNR above bicubic's on the same pixels, dB."""
        return self.psnr - self.bicubic_psnr if math.isfinite(self.bicubic_psnr) else 0.0


@dataclass(frozen=True)
class EvalImage:
    """One test image, ready: everything that does not depend on the model.

    Only bytes are kept of the images, and what follows from them is computed when it is asked for: a hundred 2K images fit.

    Attributes:
        name: the image's file name without suffix.
        protocol: how its figures are made.
        hr: what a model should make, (H, W, 3) uint8.
        lr_image: the LR image, (h, w, 3) uint8.
        bicubic_psnr, bicubic_ssim: bicubic's figures.
    """

    name: str
    protocol: Protocol
    hr: np.ndarray
    lr_image: np.ndarray
    bicubic_psnr: float = math.nan
    bicubic_ssim: float = math.nan

    @property
    def lr(self) -> np.ndarray:
        """What the model is given, (h, w, channels) float32 in [0, 1]."""
        if self.protocol.color == "rgb":
            return self.lr_image.astype(np.float32) / np.float32(255)
        return self._small_luma()[..., None].astype(np.float32)

    @property
    def reference(self) -> np.ndarray:
        """What is compared with, float64, 0..255: (H, W) luma or (H, W, 3)."""
        compared = self.compared(self.hr)
        return compared if self.protocol.color == "rgb" else np.round(compared)

    @property
    def bicubic(self) -> np.ndarray:
        """The LR image enlarged by bicubic, (H, W, 3) uint8 for RGB models, (H, W) for luma."""
        if self.protocol.color == "rgb":
            return imresize(self.lr_image, self.protocol.factor)
        return np.clip(np.round(imresize(self._small_luma(), self.protocol.factor) * 255.0), 0, 255).astype(np.uint8)

    def _small_luma(self) -> np.ndarray:
        if self.protocol.is_float:
            return imresize(luma(self.hr).round() / 255.0, 1 / self.protocol.factor)
        return luma(self.lr_image) / 255.0

    def score(self, enlarge: Enlarge) -> Score:
        """Score a model: `enlarge` maps (h, w, channels) float32 in [0, 1] to the enlarged image."""
        return self.score_of(self.finish(enlarge(self.lr)))

    def score_of(self, levels: np.ndarray, more: Mapping[str, float] | None = None) -> Score:
        """Score uint8 levels, (H, W, 3), or (H, W) for luma; `more` are figures beside PSNR and SSIM."""
        return Score(self.name, *self.figures(levels), self.bicubic_psnr, self.bicubic_ssim, tuple((more or {}).items()))

    def figures(self, levels: np.ndarray) -> tuple[float, float]:
        """Return PSNR and SSIM of uint8 levels, (H, W, 3), or (H, W) for luma, against the reference."""
        made, reference = self.compared(levels), self.reference
        return psnr(made, reference, self.protocol.border), ssim(made, reference, self.protocol.border)

    def compared(self, levels: np.ndarray) -> np.ndarray:
        """Return what is compared of levels, float64: Y, not rounded, of an RGB image, or all its channels; a luma image as it is."""
        return luma(levels) if levels.ndim == 3 and self.protocol.channel == "y" else levels.astype(np.float64)

    def finish(self, made: np.ndarray) -> np.ndarray:
        """Turn a model's output in [0, 1] into uint8 levels of HR's size: (H, W, 3), or (H, W) for luma."""
        made = np.asarray(made, np.float64)
        if self.protocol.factor != self.protocol.scale:
            made = imresize(made, self.protocol.factor / self.protocol.scale)
        levels = np.clip(np.round(made * 255.0), 0, 255).astype(np.uint8)
        return levels if self.protocol.color == "rgb" else levels[..., 0]

    def consistency(self, levels: np.ndarray) -> float:
        """Return the PSNR in dB of levels, shrunk by bicubic, against the LR image: what a generative model must not change."""
        small = imresize(levels, 1 / self.protocol.factor)
        given = self.lr_image if levels.ndim == 3 else np.clip(np.round(self._small_luma() * 255.0), 0, 255)
        return psnr(self.compared(small), self.compared(given))

    def pictured(self, levels: np.ndarray) -> np.ndarray:
        """Return levels as (H, W, 3) uint8 RGB; those of luma get the chroma of the bicubic enlargement."""
        if levels.ndim == 3:
            return levels
        chroma = to_ycbcr(imresize(self.lr_image, self.protocol.factor))[..., 1:]
        return np.clip(np.round(from_ycbcr(np.dstack([levels.astype(np.float64), chroma]))), 0, 255).astype(np.uint8)


def prepare(hr_path: Path, lr_path: Path | None, protocol: Protocol) -> EvalImage:
    """Make one test image ready. Raises ImageError where a file cannot be read."""
    lr, hr = read_whole_pair(hr_path, None if protocol.is_float else lr_path, protocol.how)
    case = EvalImage(hr_path.stem, protocol, hr, lr)
    return replace(case, **dict(zip(("bicubic_psnr", "bicubic_ssim"), case.figures(case.bicubic), strict=True)))
