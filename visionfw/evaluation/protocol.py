"""How a benchmark number is computed from one image, by the two protocols of the field.

RGB models: uint8 HR, cropped to a multiple of the scale -> LR by MATLAB's uint8 bicubic (or the set's own LR file) -> model on [0, 1]
-> clip, x255, round -> Y, not rounded -> crop `scale` pixels on each side -> PSNR and SSIM for a peak of 255.
Luma models, with bicubic LR images: Y of the uint8 HR, rounded to uint8 -> /255 -> float bicubic -> model -> x255, round, clip -> the same
against the uint8 Y.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from visionfw.data.pairs import read_whole_pair
from visionfw.errors import RequestError
from visionfw.imaging.color import from_ycbcr, luma, to_ycbcr
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.resize import imresize
from visionfw.metrics.arrays import psnr, ssim

#: Maps an LR image, (height, width, channels) float32 in [0, 1], to the SR image, (height x scale, width x scale, channels).
Upscale = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Protocol:
    """One of the two protocols, at a scale.

    Attributes:
        color: "rgb" or "y", as the model's dictionary says.
        scale: SR size / LR size of the model.
        degradation: creates the LR images, and sets HR size / LR size; MATLAB's bicubic at the model's scale where it is None. Where the
            model's scale differs from that ratio, bicubic resizes its output to the HR size.
        channel: what is compared: "y", or "rgb" for models of RGB.
        crop: pixels left out on each side; HR size / LR size, as in the field, where it is None.

    Raises:
        RequestError: RGB is to be compared, but the model computes luma only.
    """

    color: str
    scale: int
    degradation: Degradation | None = None
    channel: str = "y"
    crop: int | None = None

    def __post_init__(self) -> None:
        if self.channel == "rgb" and self.color == "y":
            raise RequestError("--channel=rgb: the model computes luma only, so only luma can be compared")

    @property
    def lr_degradation(self) -> Degradation:
        """The degradation that creates the LR images."""
        return self.degradation or Degradation.parse("bicubic", self.scale)

    @property
    def factor(self) -> int:
        """HR size / LR size."""
        return self.lr_degradation.scale

    @property
    def border(self) -> int:
        """Pixels left out on each side."""
        return self.factor if self.crop is None else self.crop

    @property
    def uses_float_luma(self) -> bool:
        """Whether LR images are computed from the luma in floating point, as the luma protocol demands."""
        return self.color == "y" and self.lr_degradation.is_bicubic

    @property
    def baseline(self) -> str:
        """What a gain is measured against: bicubic upscaling, which at a factor of 1 is the degraded image itself."""
        return "bicubic" if self.factor > 1 else "the degraded image"

    def record(self) -> dict[str, str | int]:
        """Return the protocol in words, for reports."""
        record: dict[str, str | int] = {
            "channel": self.channel.upper(),
            "model": self.color.upper(),
            "crop": self.border,
            "rounding": "uint8 before comparing",
            "resize": self._resize_text(),
        }
        if self.factor != self.scale:
            record["LR"] = f"1/{self.factor} of HR; bicubic resizes the output of the x{self.scale} model to HR"
        return record

    def _resize_text(self) -> str:
        if self.uses_float_luma:
            return "MATLAB bicubic, float, of the rounded Y"
        degradation = self.lr_degradation
        return "MATLAB bicubic, uint8" if degradation.is_bicubic else f"{degradation} (seed {degradation.seed}), uint8"


@dataclass(frozen=True)
class Score:
    """The metrics of one image.

    Attributes:
        image: its name.
        psnr, ssim: the model's, PSNR in dB.
        bicubic_psnr, bicubic_ssim: those of bicubic on the same pixels.
        metrics: further metrics by name.
    """

    image: str
    psnr: float
    ssim: float
    bicubic_psnr: float
    bicubic_ssim: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def gain(self) -> float:
        """PSNR over bicubic, dB.

        Where bicubic reproduces the image exactly, as it does a flat one, its PSNR is infinite: the gain is then 0 for a model that does
        so too, and minus infinity for any other.
        """
        return 0.0 if self.psnr == self.bicubic_psnr else self.psnr - self.bicubic_psnr

    def values(self) -> dict[str, float]:
        """Return all numbers by the names of their columns."""
        names = ("psnr", "ssim", "bicubic_psnr", "bicubic_ssim", "gain")
        return {name: getattr(self, name) for name in names} | dict(self.metrics)


@dataclass(frozen=True)
class EvalImage:
    """One test image, and everything about it that does not depend on the model.

    Only uint8 images are kept, and what follows from them is computed when it is needed: a hundred 2K images fit into memory.

    Attributes:
        name: the image's file name without suffix.
        protocol: how its metrics are computed.
        hr: the reference, (height, width, 3) uint8.
        lr_image: the LR image, (height / factor, width / factor, 3) uint8.
        bicubic_psnr, bicubic_ssim: those of bicubic.
    """

    name: str
    protocol: Protocol
    hr: np.ndarray
    lr_image: np.ndarray
    bicubic_psnr: float = math.nan
    bicubic_ssim: float = math.nan

    @property
    def lr(self) -> np.ndarray:
        """The model's input, (height, width, channels) float32 in [0, 1]."""
        if self.protocol.color == "rgb":
            return self.lr_image.astype(np.float32) / np.float32(255)
        return self._lr_luma()[..., None].astype(np.float32)

    @property
    def reference(self) -> np.ndarray:
        """What images are compared with, float64 in 0..255: (height, width) luma or (height, width, 3) RGB."""
        reference = self.select_channel(self.hr)
        return reference if self.protocol.color == "rgb" else np.round(reference)

    @property
    def lr_reference(self) -> np.ndarray:
        """What downscaled images are compared with, float64 in 0..255: (height, width) luma or (height, width, 3) RGB of the LR size."""
        if self.protocol.color == "rgb":
            return self.select_channel(self.lr_image)
        return np.clip(np.round(self._lr_luma() * 255.0), 0, 255)

    @property
    def bicubic(self) -> np.ndarray:
        """The LR image upscaled by bicubic, uint8: (height, width, 3) for RGB models, (height, width) for luma models."""
        if self.protocol.color == "rgb":
            return imresize(self.lr_image, self.protocol.factor)
        return _rounded(imresize(self._lr_luma(), self.protocol.factor) * 255.0)

    def _lr_luma(self) -> np.ndarray:
        """Return the luma of the LR image, (height, width) float64 in [0, 1]."""
        if self.protocol.uses_float_luma:
            return imresize(luma(self.hr).round() / 255.0, 1 / self.protocol.factor)
        return luma(self.lr_image) / 255.0

    def to_uint8(self, sr: np.ndarray) -> np.ndarray:
        """Turn a model's output into a uint8 image of the HR size.

        Args:
            sr: (height, width, channels), in [0, 1] but for overshoots.

        Returns:
            (height, width, 3) for RGB models, (height, width) for luma models.
        """
        sr = np.asarray(sr, np.float64)
        if self.protocol.factor != self.protocol.scale:
            sr = imresize(sr, self.protocol.factor / self.protocol.scale)
        image = _rounded(sr * 255.0)
        return image if self.protocol.color == "rgb" else image[..., 0]

    def to_rgb(self, image: np.ndarray) -> np.ndarray:
        """Return a uint8 image as (height, width, 3) uint8 RGB; luma gets the chroma of the LR image upscaled by bicubic."""
        if image.ndim == 3:
            return image
        chroma = to_ycbcr(imresize(self.lr_image, self.protocol.factor))[..., 1:]
        return _rounded(from_ycbcr(np.dstack([image.astype(np.float64), chroma])))

    def select_channel(self, image: np.ndarray) -> np.ndarray:
        """Return what is compared of a uint8 image, float64: of RGB its Y, not rounded, or all channels; luma as it is."""
        return luma(image) if image.ndim == 3 and self.protocol.channel == "y" else image.astype(np.float64)

    def psnr_and_ssim(self, image: np.ndarray) -> tuple[float, float]:
        """Return PSNR in dB and SSIM of a uint8 image, (height, width, 3) or (height, width), against the reference."""
        compared, reference = self.select_channel(image), self.reference
        return psnr(compared, reference, self.protocol.border), ssim(compared, reference, self.protocol.border)

    def score(self, sr: np.ndarray, metrics: Mapping[str, float] | None = None) -> Score:
        """Return the score of a model's uint8 image, as `to_uint8` returns it, with further metrics by name."""
        return Score(self.name, *self.psnr_and_ssim(sr), self.bicubic_psnr, self.bicubic_ssim, metrics or {})


def _rounded(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)


def load_eval_image(hr_path: Path, lr_path: Path | None, protocol: Protocol) -> EvalImage:
    """Read one test image and measure bicubic on it.

    Args:
        hr_path: the HR file.
        lr_path: the LR file; None where the protocol's degradation creates the LR image.
        protocol: how its metrics are computed.

    Raises:
        ImageError: a file cannot be read.
        RequestError: the image is too small for the crop or for SSIM.
    """
    lr, hr = read_whole_pair(hr_path, None if protocol.uses_float_luma else lr_path, protocol.lr_degradation)
    image = EvalImage(hr_path.stem, protocol, hr, lr)
    bicubic_psnr, bicubic_ssim = image.psnr_and_ssim(image.bicubic)
    return replace(image, bicubic_psnr=bicubic_psnr, bicubic_ssim=bicubic_ssim)
