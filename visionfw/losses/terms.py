"""A loss as it is written: weighted terms joined by '+'. No Keras here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from visionfw.errors import RequestError, unknown

LOSSES = {
    "l1": "mean absolute error (EDSR, RCAN, RDN)",
    "mse": "mean squared error (SRCNN, VDSR, SRResNet)",
    "luma": "mean absolute error of the luma alone, beside another loss where colors count: l1+luma",
    "charbonnier": "sqrt(error^2 + 1e-6), a smooth l1 (LapSRN)",
    "mse_central": "mean squared error without a border of pixels (SRCNN): mse_central:border=6",
    "ssim": "1 - SSIM, on each channel",
    "total_variation": "squared differences of neighbors of the output alone (SRGAN), as a small weight beside another loss",
    "checkerboard": "fine detail that lies on some places of the enlarger's grid, beside another loss in adversarial training: l1+checkerboard",
    "vgg": "distance of VGG19's features (SRGAN), weights from --feature_weights: vgg:layer=relu5_4,distance=mse",
}
#: Distances of features, for `vgg`.
DISTANCES = ("mse", "l1")
#: VGG19's convolutions in its five blocks.
_VGG19 = (2, 2, 4, 4, 4)
#: Layers of VGG19 that `vgg` can compare, convN_M before and reluN_M after the activation, and how SRGAN calls two of them.
VGG_LAYERS = {f"{kind}{block}_{number}" for block, count in enumerate(_VGG19, 1) for number in range(1, count + 1) for kind in ("conv", "relu")}
_SRGANS = {"vgg22": "relu2_2", "vgg54": "relu5_4"}
_PARAMETERS = {"mse_central": "border=PIXELS", "vgg": "layer=NAME and distance=mse or l1"}
_PLUS = re.compile(r"(?<![0-9.]e)\+")  # but not the one in 1e+2
_SSIM_WINDOW = 11
_CHECKED = 16  # pixels a side that tell a grid
_BORDER = 6  # SRCNN's: what its three convolutions lose without padding


@dataclass(frozen=True)
class LossTerm:
    """One term of a loss.

    Attributes:
        name: from LOSSES.
        weight: factor.
        border: pixels that `mse_central` leaves out on each side.
        layer: of VGG19, from VGG_LAYERS, that `vgg` compares.
        distance: of its features, from DISTANCES.
    """

    name: str
    weight: float = 1.0
    border: int = _BORDER
    layer: str = "relu5_4"
    distance: str = "mse"


def read_loss(text: str, flag: str = "loss") -> tuple[LossTerm, ...]:
    """Read a loss: NAME, or WEIGHT*NAME, several joined by '+': 'l1+0.1*ssim', 'mse_central:border=6', '0.006*vgg:layer=vgg54'.

    Args:
        text: the loss.
        flag: what messages call it.

    Raises:
        RequestError: an unknown name, a weight that is no number above 0, a wrong parameter, or only total variation, which has its
            best value at a flat image; all problems are told.
    """
    problems: list[str] = []
    terms = tuple(_read_term(part.strip(), problems) for part in _PLUS.split(text))
    if not problems and all(term.name in ("total_variation", "checkerboard") for term in terms):
        problems.append(f"{terms[0].name} alone is best where the image is flat; add another loss: l1+1e-4*total_variation, l1+checkerboard")
    if problems:
        raise RequestError("\n".join(f"--{flag}: {problem}" for problem in problems))
    return terms


def _read_term(part: str, problems: list[str]) -> LossTerm:
    weight, star, rest = part.rpartition("*")
    name, _, parameters = rest.partition(":")
    name = name.strip()
    if name not in LOSSES:
        problems.append(unknown("loss", name, LOSSES))
    if star and not _is_weight(weight):
        problems.append(f"a weight is a number above 0, not {weight.strip()!r}")
        weight = "1"
    term = LossTerm(name, float(weight) if star else 1.0)
    for parameter in filter(None, parameters.split(",")):
        key, _, value = (side.strip() for side in parameter.partition("="))
        term = _with_parameter(term, key, value, problems)
    return term


def _with_parameter(term: LossTerm, key: str, value: str, problems: list[str]) -> LossTerm:
    if term.name == "mse_central" and key == "border" and value.isdigit():
        return replace(term, border=int(value))
    if term.name == "vgg" and key == "layer":
        layer = _SRGANS.get(value, value)
        if layer not in VGG_LAYERS:
            problems.append(f"vgg: {unknown('layer', value, [*VGG_LAYERS, *_SRGANS])}")
        return replace(term, layer=layer)
    if term.name == "vgg" and key == "distance" and value in DISTANCES:
        return replace(term, distance=value)
    if term.name in LOSSES:
        takes = f"takes {_PARAMETERS[term.name]}" if term.name in _PARAMETERS else "takes no parameter"
        problems.append(f"'{key}={value}': {term.name} {takes}")
    return term


def size_problems(terms: Sequence[LossTerm], side: int) -> list[str]:
    """Say which terms HR patches of so many pixels a side are too small for."""
    found = []
    for term in terms:
        least = 2 ** (int(term.layer[4]) - 1)  # VGG19 halves images before each block but the first
        if term.name == "ssim" and side < _SSIM_WINDOW:
            found.append(f"ssim: its window is {_SSIM_WINDOW} x {_SSIM_WINDOW}, and HR patches are {side} x {side}")
        if term.name == "mse_central" and 2 * term.border >= side:
            found.append(f"mse_central:border={term.border}: nothing is left of HR patches of {side} x {side}")
        if term.name == "checkerboard" and side < _CHECKED:
            found.append(f"checkerboard: needs HR patches of {_CHECKED} x {_CHECKED} at least, not {side} x {side}")
        if term.name == "vgg" and side < least:
            found.append(f"vgg:layer={term.layer}: needs HR patches of {least} x {least} at least, not {side} x {side}")
    return found


def _is_weight(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False
