"""A second-order chain of random degradations, in the manner of Real-ESRGAN (Wang et al., 2021, arXiv 2107.10833, section 3).

Blur, resize, noise and JPEG, twice, with random kinds and strengths, then a sinc filter for ringing. The probabilities and
ranges are the paper's; resizing is Pillow's, and kernels are as large as their width needs, up to 21.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from visionfw.imaging.degradations.steps import filter_with, jpeg, noise, poisson

_FILTERS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


def second_order(image: np.ndarray, random: np.random.Generator, scale: int, sigma: float = 3.0, noise_sigma: float = 30.0, quality: int = 30) -> np.ndarray:
    """Degrade an image by the whole chain.

    Args:
        image: (height, width, 3) uint8.
        random: where all choices come from.
        scale: HR size / LR size.
        sigma: widest blur of the first stage in pixels; half of it in the second.
        noise_sigma: strongest noise in gray levels.
        quality: worst JPEG quality; the best is 95.
    """
    height, width = image.shape[0] // scale, image.shape[1] // scale
    image = filter_with(image, _sinc(random) if random.random() < 0.1 else _gaussian(random, sigma))
    image = _resized(image, random, image.shape[:2], random.choice([_up(random, 1.5), _down(random, 0.15), 1.0], p=[0.2, 0.7, 0.1]))
    image = jpeg(_noisy(image, random, noise_sigma), int(random.integers(quality, 96)))
    if random.random() < 0.8:
        image = filter_with(image, _sinc(random) if random.random() < 0.1 else _gaussian(random, sigma / 2))
    image = _resized(image, random, (height, width), random.choice([_up(random, 1.2), _down(random, 0.3), 1.0], p=[0.3, 0.4, 0.3]))
    image = _noisy(image, random, noise_sigma * 25 / 30)
    last_is_jpeg = random.random() < 0.5
    if not last_is_jpeg:
        image = jpeg(image, int(random.integers(quality, 96)))
    image = _resized(image, random, (height, width), 1.0)
    if random.random() < 0.8:
        image = filter_with(image, _sinc(random))
    return jpeg(image, int(random.integers(quality, 96))) if last_is_jpeg else image


def _up(random: np.random.Generator, most: float) -> float:
    return random.uniform(1, most)


def _down(random: np.random.Generator, least: float) -> float:
    return random.uniform(least, 1)


def _resized(image: np.ndarray, random: np.random.Generator, size: tuple[int, int], factor: float) -> np.ndarray:
    """Resize to `factor` times a size by a filter drawn from area, bilinear and bicubic."""
    height, width = (max(1, round(side * factor)) for side in size)
    if image.shape[:2] == (height, width):
        return image
    return np.array(Image.fromarray(image).resize((width, height), _FILTERS[random.integers(3)]))


def _noisy(image: np.ndarray, random: np.random.Generator, sigma: float) -> np.ndarray:
    """Add Gaussian or Poisson noise, in four of ten cases gray."""
    kind = "gray" if random.random() < 0.4 else "color"
    if random.random() < 0.5:
        return noise(image, random, random.uniform(min(1.0, sigma), sigma), kind)
    return poisson(image, random, random.uniform(0.05, max(0.05, sigma / 10)), kind)


def _offsets(size: int) -> tuple[np.ndarray, np.ndarray]:
    side = np.arange(size) - size // 2
    return np.meshgrid(side, side, indexing="ij")


def _size(random: np.random.Generator) -> int:
    return 2 * int(random.integers(3, 11)) + 1


def _gaussian(random: np.random.Generator, most: float) -> np.ndarray:
    """Draw a Gaussian (0.7), generalized (0.15) or plateau-shaped (0.15) kernel, isotropic in half of the cases."""
    size, (least, most) = _size(random), (min(0.2, most), max(most, 1e-3))
    first = random.uniform(least, most)
    second, angle = (first, 0.0) if random.random() < 0.5 else (random.uniform(least, most), random.uniform(-math.pi, math.pi))
    row, column = _offsets(size)
    along, across = column * math.cos(angle) + row * math.sin(angle), row * math.cos(angle) - column * math.sin(angle)
    distance = (along / first) ** 2 + (across / second) ** 2
    shape = random.random()
    if shape < 0.7:
        kernel = np.exp(-distance / 2)
    elif shape < 0.85:
        kernel = np.exp(-0.5 * distance ** random.uniform(0.5, 4))
    else:
        kernel = 1 / (1 + distance ** random.uniform(1, 2))
    return kernel / kernel.sum()


def _sinc(random: np.random.Generator) -> np.ndarray:
    """Draw a circular low-pass filter, whose ringing is that of over-sharpened images."""
    from scipy.special import j1

    size = _size(random)
    cutoff = random.uniform(math.pi / 3 if size < 13 else math.pi / 5, math.pi)
    radius = np.hypot(*_offsets(size))
    radius[size // 2, size // 2] = 1.0
    kernel = cutoff * j1(cutoff * radius) / (2 * math.pi * radius)
    kernel[size // 2, size // 2] = cutoff**2 / (4 * math.pi)
    return kernel / kernel.sum()
