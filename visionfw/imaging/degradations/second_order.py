"""A second-order chain of random degradations, after Real-ESRGAN (Wang et al., 2021, arXiv 2107.10833, section 3).

Blur, resize, noise and JPEG, twice, with random kinds and strengths, then a sinc filter for ringing, before or after the last JPEG.
The order, the probabilities of the stages and the ranges are the paper's. It differs from the authors' code in details: a kernel
is isotropic in half of the cases, whatever its shape; generalized shapes are drawn uniformly; the final sinc filter's cutoff depends
on its size as those of the blur stages do; photon noise is that of 255 photons; resizing is Pillow's, antialiased.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from visionfw.imaging.degradations.steps import filter_with, jpeg, noise, poisson

_FILTERS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
_BEST_QUALITY = 95
_SINC_BLUR = 0.1  # probability that a blur is a sinc filter
_SECOND_BLUR = _FINAL_SINC = 0.8  # probabilities of these stages
_SECOND_NOISE = 25 / 30  # the second stage's strongest noise / the first one's


def second_order(image: np.ndarray, *, random: np.random.Generator, scale: int, sigma: float = 3.0, noise_sigma: float = 30.0, quality: int = 30) -> np.ndarray:
    """Degrade an image by the whole chain.

    Args:
        image: (height, width, 3) uint8.
        random: the source of all random choices.
        scale: HR size / LR size.
        sigma: widest blur of the first stage in pixels; half of it in the second.
        noise_sigma: strongest noise in gray levels.
        quality: worst JPEG quality; the best is 95.
    """
    lr_size = image.shape[0] // scale, image.shape[1] // scale
    image = filter_with(image, _blur_kernel(random, sigma))
    image = _resize(image, random, image.shape[:2], _draw_factor(random, 1.5, 0.15, (0.2, 0.7, 0.1)))
    image = _compress(_add_noise(image, random, noise_sigma), random, quality)
    if random.random() < _SECOND_BLUR:
        image = filter_with(image, _blur_kernel(random, sigma / 2))
    image = _resize(image, random, lr_size, _draw_factor(random, 1.2, 0.3, (0.3, 0.4, 0.3)))
    image = _add_noise(image, random, noise_sigma * _SECOND_NOISE)
    ends_with_jpeg = random.random() < 0.5
    if not ends_with_jpeg:
        image = _compress(image, random, quality)
    image = _resize(image, random, lr_size, 1.0)
    if random.random() < _FINAL_SINC:
        image = filter_with(image, _sinc_kernel(random))
    return _compress(image, random, quality) if ends_with_jpeg else image


def _draw_factor(random: np.random.Generator, largest: float, smallest: float, probabilities: tuple[float, float, float]) -> float:
    """Draw a resize factor: up to `largest`, down to `smallest`, or 1, with these probabilities."""
    return random.choice([random.uniform(1, largest), random.uniform(smallest, 1), 1.0], p=probabilities)


def _resize(image: np.ndarray, random: np.random.Generator, size: tuple[int, ...], factor: float) -> np.ndarray:
    """Resize to `factor` times a (height, width) by a filter drawn from area, bilinear and bicubic."""
    height, width = (max(1, round(side * factor)) for side in size)
    if image.shape[:2] == (height, width):
        return image
    return np.array(Image.fromarray(image).resize((width, height), _FILTERS[random.integers(3)]))


def _add_noise(image: np.ndarray, random: np.random.Generator, sigma: float) -> np.ndarray:
    """Add Gaussian or Poisson noise, which is gray in four of ten cases."""
    kind = "gray" if random.random() < 0.4 else "color"
    if random.random() < 0.5:
        return noise(image, random=random, sigma=random.uniform(min(1.0, sigma), sigma), kind=kind)
    return poisson(image, random=random, strength=random.uniform(0.05, max(0.05, sigma / 10)), kind=kind)


def _compress(image: np.ndarray, random: np.random.Generator, worst_quality: int) -> np.ndarray:
    return jpeg(image, quality=int(random.integers(worst_quality, _BEST_QUALITY + 1)))


def _blur_kernel(random: np.random.Generator, max_sigma: float) -> np.ndarray:
    return _sinc_kernel(random) if random.random() < _SINC_BLUR else _gaussian_kernel(random, max_sigma)


def _draw_size(random: np.random.Generator) -> int:
    """Draw the side of a kernel: odd, 7 to 21."""
    return 2 * int(random.integers(3, 11)) + 1


def _offsets(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the row and column offsets of a kernel's samples from its center, (size, size) each."""
    side = np.arange(size) - size // 2
    rows, columns = np.meshgrid(side, side, indexing="ij")
    return rows, columns


def _gaussian_kernel(random: np.random.Generator, max_sigma: float) -> np.ndarray:
    """Draw a Gaussian (0.7), generalized Gaussian (0.15) or plateau-shaped (0.15) kernel, isotropic in half of the cases."""
    size, (low, high) = _draw_size(random), (min(0.2, max_sigma), max(max_sigma, 1e-3))
    sigma = random.uniform(low, high)
    other_sigma, angle = (sigma, 0.0) if random.random() < 0.5 else (random.uniform(low, high), random.uniform(-math.pi, math.pi))
    row, column = _offsets(size)
    along, across = column * math.cos(angle) + row * math.sin(angle), row * math.cos(angle) - column * math.sin(angle)
    distance = (along / sigma) ** 2 + (across / other_sigma) ** 2
    shape = random.random()
    if shape < 0.7:
        kernel = np.exp(-distance / 2)
    elif shape < 0.85:
        kernel = np.exp(-0.5 * distance ** random.uniform(0.5, 4))
    else:
        kernel = 1 / (1 + distance ** random.uniform(1, 2))
    return kernel / kernel.sum()


def _sinc_kernel(random: np.random.Generator) -> np.ndarray:
    """Draw a circular low-pass filter, whose ringing is that of over-sharpened images."""
    from scipy.special import j1

    size = _draw_size(random)
    cutoff = random.uniform(math.pi / 3 if size < 13 else math.pi / 5, math.pi)
    radius = np.hypot(*_offsets(size))
    radius[size // 2, size // 2] = 1.0
    kernel = cutoff * j1(cutoff * radius) / (2 * math.pi * radius)
    kernel[size // 2, size // 2] = cutoff**2 / (4 * math.pi)
    return kernel / kernel.sum()
