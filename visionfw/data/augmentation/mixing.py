"""Augmentations that mix pairs, or a pair's LR and HR patch: lr, (n, side, side, 3), hr, (n, side x scale, side x scale, 3), uint8."""

from __future__ import annotations

import numpy as np

from visionfw.imaging.uint8 import to_uint8

Pair = tuple[np.ndarray, np.ndarray]

_PROBABILITY = 0.5  # that a pair is changed


def mixup(lr: np.ndarray, hr: np.ndarray, *, random: np.random.Generator) -> Pair:
    """Blend half of the pairs with another pair, in a random ratio.

    Reference: Zhang et al., mixup, ICLR 2018.
    """
    other = random.permutation(len(lr))
    is_changed = random.random(len(lr)) < _PROBABILITY
    weight = np.where(is_changed, random.beta(1.2, 1.2, len(lr)), 1.0).astype(np.float32).reshape(-1, 1, 1, 1)
    return to_uint8(lr * weight + lr[other] * (1 - weight)), to_uint8(hr * weight + hr[other] * (1 - weight))


def cutmix(lr: np.ndarray, hr: np.ndarray, *, random: np.random.Generator) -> Pair:
    """Replace a rectangle of half of the pairs by that of another pair.

    Reference: Yun et al., CutMix, ICCV 2019.
    """
    other, scale = random.permutation(len(lr)), hr.shape[1] // lr.shape[1]
    new_lr, new_hr = lr.copy(), hr.copy()
    for number in np.flatnonzero(random.random(len(lr)) < _PROBABILITY):
        rows, columns = _draw_rectangle(lr.shape[1], random)
        new_lr[number, rows, columns] = lr[other[number], rows, columns]
        hr_rectangle = tuple(slice(part.start * scale, part.stop * scale) for part in (rows, columns))
        new_hr[number][hr_rectangle] = hr[other[number]][hr_rectangle]
    return new_lr, new_hr


def cutblur(lr: np.ndarray, hr: np.ndarray, *, random: np.random.Generator) -> Pair:
    """Paste HR pixels, shrunk to the mean of each square, into half of the LR patches: inside a rectangle, or all around one.

    CutBlur does it at HR size; here the model reads LR patches, so a pixel of the LR patch becomes the mean of the HR pixels under
    it. The model learns where to sharpen, and not only how.

    Reference: Yoo et al., CutBlur, CVPR 2020 (arXiv 2004.00448).
    """
    scale, side = hr.shape[1] // lr.shape[1], lr.shape[1]
    shrunk = to_uint8(hr.reshape(len(hr), side, scale, side, scale, -1).mean(axis=(2, 4), dtype=np.float32))
    new_lr = lr.copy()
    for number in np.flatnonzero(random.random(len(lr)) < _PROBABILITY):
        is_inside = np.zeros((side, side), bool)
        is_inside[_draw_rectangle(side, random)] = True
        is_inverted = random.random() < 0.5
        new_lr[number] = np.where((is_inside ^ is_inverted)[..., None], shrunk[number], lr[number])
    return new_lr, hr


def _draw_rectangle(side: int, random: np.random.Generator) -> tuple[slice, slice]:
    """Draw a rectangle of 0.2 to 0.8 of the sides, in LR pixels."""
    height, width = np.maximum(1, (side * random.uniform(0.2, 0.8, 2)).astype(int)).tolist()
    top, left = int(random.integers(side - height + 1)), int(random.integers(side - width + 1))
    return slice(top, top + height), slice(left, left + width)
