"""Augmentation of whole batches of uint8 patches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from visionfw.errors import RequestError, unknown
from visionfw.imaging.uint8 import to_uint8

Pair = tuple[np.ndarray, np.ndarray]

#: Where a random choice is made for each patch of its own, as often as not.
_SHARE = 0.5


def dihedral(patches: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Turn and mirror square patches: each by one of the eight symmetries of the square.

    Args:
        patches: (n, side, side, channels).
        which: (n,) numbers 0..7: bit 0 mirrors columns, bit 1 mirrors rows, bit 2 swaps rows and columns; 0 changes nothing.

    Returns:
        A new array of the same shape. The same number does the same to an LR patch and to its HR patch.
    """
    turned = np.empty_like(patches)
    for alike, turn in groups(which):
        copy_turned(turned, alike, patches[alike], turn)
    return turned


def groups(which: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the places of each value and the value: what is turned alike is turned together."""
    for value in np.unique(which).tolist():
        yield np.flatnonzero(which == value), value


def copy_turned(target: np.ndarray, places: np.ndarray, patches: np.ndarray, turn: int) -> None:
    """Put patches, turned by one symmetry, at some places; channel by channel where NumPy would copy pixel by pixel, five times as slow."""
    turned = transform(patches, turn)
    if turn in (0, 2):
        target[places] = turned
        return
    for channel in range(patches.shape[-1]):
        target[..., channel][places] = turned[..., channel]


def transform(patches: np.ndarray, number: int) -> np.ndarray:
    """Apply one of the eight symmetries to (n, height, width, channels)."""
    if number & 1:
        patches = patches[:, :, ::-1]
    if number & 2:
        patches = patches[:, ::-1]
    return patches.swapaxes(1, 2) if number & 4 else patches


def _color_jitter(lr: np.ndarray, hr: np.ndarray, random: np.random.Generator) -> Pair:
    """Change brightness, contrast and saturation of each pair by up to a fifth, in this order, LR and HR alike."""
    bright, contrast, saturation = (random.uniform(0.8, 1.2, (len(lr), 1, 1, 1)).astype(np.float32) for _ in range(3))
    middle = hr.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32) * bright

    def changed(patches: np.ndarray) -> np.ndarray:
        values = (patches * bright - middle) * contrast + middle
        gray = values.mean(axis=-1, keepdims=True)
        return to_uint8((values - gray) * saturation + gray)

    return changed(lr), changed(hr)


def _sharpness(lr: np.ndarray, hr: np.ndarray, random: np.random.Generator) -> Pair:
    """Sharpen or soften half of the HR patches by up to as much as a 3 x 3 mean takes away, LR patches by a like amount."""
    amount = random.uniform(-1, 1, (len(lr), 1, 1, 1)) * (random.random((len(lr), 1, 1, 1)) < _SHARE)

    def changed(patches: np.ndarray) -> np.ndarray:
        padded = np.pad(patches.astype(np.float32), [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
        rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
        mean = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9
        return to_uint8(patches + amount.astype(np.float32) * (patches - mean))

    return changed(lr), changed(hr)


def _permute_channels(lr: np.ndarray, hr: np.ndarray, random: np.random.Generator) -> Pair:
    """Put R, G and B of each pair into a random order."""
    order = np.argsort(random.random((len(lr), 1, 1, 3)), axis=-1)
    return np.take_along_axis(lr, order, axis=-1), np.take_along_axis(hr, order, axis=-1)


def _mixup(lr: np.ndarray, hr: np.ndarray, random: np.random.Generator) -> Pair:
    """Mix half of the pairs with another one, in a random ratio."""
    other = random.permutation(len(lr))
    share = np.where(random.random(len(lr)) < _SHARE, random.beta(1.2, 1.2, len(lr)), 1.0).astype(np.float32).reshape(-1, 1, 1, 1)
    return to_uint8(lr * share + lr[other] * (1 - share)), to_uint8(hr * share + hr[other] * (1 - share))


def _cutmix(lr: np.ndarray, hr: np.ndarray, random: np.random.Generator) -> Pair:
    """Replace a rectangle of half of the pairs by that of another one."""
    other, scale = random.permutation(len(lr)), hr.shape[1] // lr.shape[1]
    new_lr, new_hr = lr.copy(), hr.copy()
    for number in np.flatnonzero(random.random(len(lr)) < _SHARE):
        rows, columns = _rectangle(lr.shape[1], random)
        new_lr[number, rows, columns] = lr[other[number], rows, columns]
        big = tuple(slice(part.start * scale, part.stop * scale) for part in (rows, columns))
        new_hr[number][big] = hr[other[number]][big]
    return new_lr, new_hr


def _cutblur(lr: np.ndarray, hr: np.ndarray, random: np.random.Generator) -> Pair:
    """In half of the pairs put a rectangle of the HR patch, shrunk to its mean, into the LR patch, or all but a rectangle.

    CutBlur (Yoo et al., 2020, arXiv 2004.00448) does it at HR size; here the model reads LR patches, so a rectangle of the LR
    patch becomes the mean of the HR pixels under it: the model learns where, and not only how, to sharpen.
    """
    scale, side = hr.shape[1] // lr.shape[1], lr.shape[1]
    clean = to_uint8(hr.reshape(len(hr), side, scale, side, scale, -1).mean(axis=(2, 4), dtype=np.float32))
    new = lr.copy()
    for number in np.flatnonzero(random.random(len(lr)) < _SHARE):
        inside = np.zeros((side, side), bool)
        inside[_rectangle(side, random)] = True
        new[number] = np.where((inside ^ (random.random() < 0.5))[..., None], clean[number], lr[number])
    return new, hr


def _rectangle(side: int, random: np.random.Generator) -> tuple[slice, slice]:
    """Draw a rectangle of 0.2 to 0.8 of the sides, in LR pixels."""
    lengths = np.maximum(1, (side * random.uniform(0.2, 0.8, 2)).astype(int))
    starts = [int(random.integers(side - length + 1)) for length in lengths]
    return tuple(slice(start, start + int(length)) for start, length in zip(starts, lengths, strict=True))


@dataclass(frozen=True)
class Kind:
    """An augmentation that can be named: what it does to lr, hr with a random generator (None where reading does it), and how that is said."""

    apply: Callable[[np.ndarray, np.ndarray, np.random.Generator], Pair] | None
    text: str


AUGMENTATIONS = {
    "dihedral": Kind(None, "one of the eight turns and mirrorings of the square"),
    "color_jitter": Kind(_color_jitter, "brightness, contrast, saturation by up to a fifth"),
    "sharpness": Kind(_sharpness, "half of the pairs sharper or softer"),
    "permute_channels": Kind(_permute_channels, "R, G and B in a random order"),
    "mixup": Kind(_mixup, "half of the pairs mixed with another"),
    "cutmix": Kind(_cutmix, "a rectangle of half of the pairs from another"),
    "cutblur": Kind(_cutblur, "a rectangle of half of the LR patches clean, or all but a rectangle"),
}


@dataclass(frozen=True)
class Augmentation:
    """Augmentations in their order, by name.

    Raises:
        RequestError: an unknown name, or one given twice.
    """

    names: tuple[str, ...] = ("dihedral",)

    def __post_init__(self) -> None:
        wrong = [unknown("augmentation", name, AUGMENTATIONS) for name in self.names if name not in AUGMENTATIONS]
        wrong += [f"{name} is given twice" for name in sorted(set(self.names)) if self.names.count(name) > 1]
        if wrong:
            raise RequestError("\n".join(wrong))

    @property
    def changes_values(self) -> bool:
        """It does more than turn patches."""
        return any(AUGMENTATIONS[name].apply for name in self.names)

    def turns(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Draw the symmetry of each patch, (count,)."""
        return random.integers(8, size=count) if "dihedral" in self.names else np.zeros(count, np.int64)

    def apply(self, lr: np.ndarray, hr: np.ndarray, random: np.random.Generator) -> Pair:
        """Do to a batch all but the turning: lr, (n, side, side, 3), and hr, (n, side x scale, side x scale, 3), uint8, which stay aligned."""
        for name in self.names:
            if AUGMENTATIONS[name].apply:
                lr, hr = AUGMENTATIONS[name].apply(lr, hr, random)
        return lr, hr


def augmentation(names: str) -> Augmentation:
    """Read augmentations as they are written: names joined by commas, or 'none'. Raises RequestError."""
    parts = [part.strip() for part in names.split(",") if part.strip()]
    if "none" in parts and len(parts) > 1:
        raise RequestError("--augment: none stands alone")
    try:
        return Augmentation(() if parts == ["none"] else tuple(parts))
    except RequestError as error:
        raise RequestError("\n".join(f"--augment: {line}" for line in str(error).splitlines())) from error
