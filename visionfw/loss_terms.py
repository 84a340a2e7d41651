"""A loss as it is written: weighted terms joined by '+'. No Keras here."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from visionfw.errors import RequestError, unknown

LOSSES = {
    "l1": "mean absolute error (EDSR, RCAN, RDN)",
    "mse": "mean squared error (SRCNN, VDSR, SRResNet)",
    "luma": "mean absolute error of the luma alone, beside another loss where colours count: l1+luma",
    "charbonnier": "sqrt(error^2 + 1e-6), a smooth l1 (LapSRN)",
    "mse_central": "mean squared error without a border of pixels (SRCNN): mse_central:border=6",
    "ssim": "1 - SSIM, on each channel",
    "total_variation": "squared differences of neighbours of the output alone (SRGAN), as a small weight beside another loss",
}
_PLUS = re.compile(r"(?<![0-9.]e)\+")  # but not the one in 1e+2
_BORDER = 6  # SRCNN's: what its three convolutions lose without padding


@dataclass(frozen=True)
class LossTerm:
    """One term of a loss.

    Attributes:
        name: from LOSSES.
        weight: factor.
        border: pixels that `mse_central` leaves out on each side.
    """

    name: str
    weight: float = 1.0
    border: int = _BORDER


def read_loss(text: str) -> tuple[LossTerm, ...]:
    """Read a loss: NAME, or WEIGHT*NAME, several joined by '+': 'l1+0.1*ssim', 'mse_central:border=6'.

    Raises:
        RequestError: an unknown name, a weight that is no number above 0, a wrong border, or only total variation, which has its
            best value at a flat image; all problems are told.
    """
    problems: list[str] = []
    terms = tuple(_read_term(part.strip(), problems) for part in _PLUS.split(text))
    if not problems and all(term.name == "total_variation" for term in terms):
        problems.append("total_variation alone is best where the image is flat; add another loss: l1+1e-4*total_variation")
    if problems:
        raise RequestError("\n".join(f"--loss: {problem}" for problem in problems))
    return terms


def _read_term(part: str, problems: list[str]) -> LossTerm:
    weight, star, rest = part.rpartition("*")
    name, _, parameter = rest.partition(":")
    name = name.strip()
    if name not in LOSSES:
        problems.append(unknown("loss", name, LOSSES))
    if star and not _is_weight(weight):
        problems.append(f"a weight is a number above 0, not {weight.strip()!r}")
        weight = "1"
    border = _BORDER
    if parameter:
        key, _, value = parameter.partition("=")
        if name != "mse_central" or key.strip() != "border" or not value.strip().isdigit():
            problems.append(f"{parameter!r}: only mse_central has a parameter, border=PIXELS")
        else:
            border = int(value)
    return LossTerm(name, float(weight) if star else 1.0, border)


def _is_weight(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False
