"""Augmentations of pixel values: lr, (n, side, side, 3), and hr, (n, side x scale, side x scale, 3), uint8, are changed alike."""

from __future__ import annotations

import numpy as np

from visionfw.imaging.uint8 import to_uint8

Pair = tuple[np.ndarray, np.ndarray]


def color_jitter(lr: np.ndarray, hr: np.ndarray, *, random: np.random.Generator) -> Pair:
    """Change brightness, contrast and saturation of each pair by up to a fifth, in this order."""
    brightness, contrast, saturation = (random.uniform(0.8, 1.2, (len(lr), 1, 1, 1)).astype(np.float32) for _ in range(3))
    mean = hr.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32) * brightness

    def jitter(patches: np.ndarray) -> np.ndarray:
        values = (patches * brightness - mean) * contrast + mean
        gray = values.mean(axis=-1, keepdims=True)
        return to_uint8((values - gray) * saturation + gray)

    return jitter(lr), jitter(hr)


def sharpness(lr: np.ndarray, hr: np.ndarray, *, random: np.random.Generator) -> Pair:
    """Sharpen or soften half of the pairs, by up to as much as a 3 x 3 mean takes away."""
    amount = random.uniform(-1, 1, (len(lr), 1, 1, 1)).astype(np.float32)
    amount *= random.random((len(lr), 1, 1, 1)) < 0.5

    def sharpen(patches: np.ndarray) -> np.ndarray:
        padded = np.pad(patches.astype(np.float32), [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
        rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
        mean = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9
        return to_uint8(patches + amount * (patches - mean))

    return sharpen(lr), sharpen(hr)


def permute_channels(lr: np.ndarray, hr: np.ndarray, *, random: np.random.Generator) -> Pair:
    """Put R, G and B of each pair into a random order."""
    order = np.argsort(random.random((len(lr), 1, 1, 3)), axis=-1)
    return np.take_along_axis(lr, order, axis=-1), np.take_along_axis(hr, order, axis=-1)
