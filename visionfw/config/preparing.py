"""Work on image sets as frozen records."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from visionfw.config.checks import at_least, choices, problems_of, read_rescale, refuse

_LARGEST_TILE = 8192
DIVIDE_METHODS = {
    "tile": "cut into tiles, leftovers dropped",
    "pad_with_noise": "cut into tiles, leftovers and small images padded with Gaussian RGB noise",
    "divide_and_conquer": "another name of tile",
}


@dataclass(frozen=True)
class PrepareRequest:
    """Work on image sets without a model: check, cache, degrade.

    Attributes:
        data: names of image sets, joined by commas.
        test_data: sets that the others must not share pictures with; '' for none.
        data_root: folder that names are looked up in.
        scale: HR size / LR size.
        patch_size: side of an LR patch in pixels.
        degradation, degradation_seed: how LR images are made.
        rescale: sizes that images are decoded at besides their own, as a training would.
        cache_dir: folder of decoded images; None for the user's.
        out: folder that is written.
        report: file to write the findings to.
    """

    data: str | None = None
    test_data: str = ""
    data_root: str | None = None
    scale: int = 4
    patch_size: int = 24
    degradation: str = "bicubic"
    degradation_seed: int = 0
    rescale: str = "0.7"
    cache_dir: str | None = None
    out: str | None = None
    report: str | None = None

    def __post_init__(self) -> None:
        problems = at_least(self, 1, ("scale", "patch_size")) + at_least(self, 0, ("degradation_seed",)) + problems_of(read_rescale, self.rescale)
        if not self.data:
            problems.append("--data: name the image sets, as names or folders joined by commas")
        if self.report is not None and not self.report.lower().endswith((".md", ".csv", ".json")):
            problems.append(f"--report: a report ends in .md, .csv or .json, not {self.report!r}")
        refuse(problems)


@dataclass(frozen=True)
class DivideRequest:
    """A training set of tiles.

    Attributes:
        data: names of the sets of source images, joined by commas.
        out: folder that is written.
        data_root: folder that names are looked up in.
        method: a name from DIVIDE_METHODS.
        size: side of a tile in pixels.
        least: shortest side of a leftover that is padded, in pixels.
        noise_sigma: of the padding's noise, in gray levels.
        seed: of the noise.
    """

    data: str | None = None
    out: str | None = None
    data_root: str | None = None
    method: str = "tile"
    size: int = 128
    least: int = 1
    noise_sigma: float = 64.0
    seed: int = 0

    def __post_init__(self) -> None:
        problems = choices(self, {"method": DIVIDE_METHODS}) + at_least(self, 1, ("size", "least")) + at_least(self, 0, ("seed",))
        problems += [f"--{key}: name {what}" for key, what in (("data", "the image sets"), ("out", "the folder to write")) if not getattr(self, key)]
        if self.size > _LARGEST_TILE:
            problems.append(f"--size must be at most {_LARGEST_TILE}, not {self.size}")
        if not 0 <= self.noise_sigma < math.inf:
            problems.append(f"--noise_sigma must be a finite number of at least 0, not {self.noise_sigma}")
        refuse(problems)

    def record(self) -> dict[str, Any]:
        """Return all that the tiles depend on, as plain JSON."""
        return {key: value for key, value in asdict(self).items() if key not in ("out", "data_root")}
