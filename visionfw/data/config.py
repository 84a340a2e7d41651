"""Configurations of prepare.py's tasks: check, cache, degrade, tile and fetch image sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from visionfw.config import Config, Settled, setting
from visionfw.data.build.tile import MAX_TILE, TILE_METHODS, TileOptions
from visionfw.data.datasets.image_set import parse_rescale
from visionfw.errors import RequestError
from visionfw.imaging.degradations import DegradationSpec, parse_degradation

_REPORTS = (".md", ".csv", ".json")
_DATA_HELP = "image sets: names or folders, joined by commas"
_ROOT_HELP = "folder in which image sets are looked up by name"
_CACHE_HELP = "folder of decoded images"
_CACHE_DEFAULT = "$VISIONFW_CACHE, or visionfw in the user's cache folder"


def _report(text: str, flag: str) -> str:
    if not text.lower().endswith(_REPORTS):
        raise RequestError(f"--{flag}: a report ends in {', '.join(_REPORTS)}, not {text!r}")
    return text


@dataclass(frozen=True, kw_only=True)
class _ImageSetsConfig(Config):
    """Image sets of one scale."""

    data: Settled[str] = setting(None, _DATA_HELP)
    data_root: str | None = setting(None, _ROOT_HELP, default_text="$VISIONFW_DATA")
    scale: int = setting(4, "HR size / LR size", minimum=1)


@dataclass(frozen=True, kw_only=True)
class _DegradedSetsConfig(_ImageSetsConfig):
    """Image sets whose LR images are made by a degradation."""

    degradation: DegradationSpec = setting(
        parse_degradation("bicubic"), "how LR images are made: steps joined by '+'; see --list=degradations", parse=parse_degradation
    )
    degradation_seed: int = setting(0, "seed of the random parts of the degradation", minimum=0)


@dataclass(frozen=True, kw_only=True)
class CheckConfig(_ImageSetsConfig):
    """Inspecting every file of image sets."""

    test_data: str = setting("", "test sets; images that are in both are reported as leakage")
    patch_size: int = setting(24, "side of a training patch in LR pixels", minimum=1)
    report: str | None = setting(None, "file to write all findings to: .md, .csv or .json", parse=_report)

    def problems(self) -> Iterable[str]:
        yield from _without_data(self.data)


@dataclass(frozen=True, kw_only=True)
class CacheConfig(_DegradedSetsConfig):
    """Decoding images ahead of training."""

    rescale: tuple[float, ...] = setting(
        (0.7,), "factors by which images without LR files are also downscaled, as in training: 0.8,0.6, or none", default_text="0.7", parse=parse_rescale
    )
    cache_dir: str | None = setting(None, _CACHE_HELP, default_text=_CACHE_DEFAULT)
    clear: bool = setting(False, "remove the decoded images of these sets, or all of them without --data")

    def problems(self) -> Iterable[str]:
        if not self.clear:
            yield from _without_data(self.data)


@dataclass(frozen=True, kw_only=True)
class DegradeConfig(_DegradedSetsConfig):
    """Writing pairs of HR images and degraded LR images."""

    out: Settled[str] = setting(None, "folder to write HR/ and LR_*/X4/ into")

    def problems(self) -> Iterable[str]:
        yield from _without_data(self.data)
        yield from _without_out(self.out)


@dataclass(frozen=True, kw_only=True)
class TileConfig(Config):
    """Cutting large images into a training set of tiles."""

    data: Settled[str] = setting(None, "sets of source images: names or folders, joined by commas")
    data_root: str | None = setting(None, _ROOT_HELP, default_text="$VISIONFW_DATA")
    out: Settled[str] = setting(None, "folder to write the tiles to")
    method: str = setting("tile", "how images are cut: tile, or pad_with_noise to keep leftovers", choices=TILE_METHODS)
    size: int = setting(128, "side of a tile in pixels", minimum=1, maximum=MAX_TILE)
    min_side: int = setting(1, "shortest side of a leftover that is padded, in pixels", minimum=1)
    noise_sigma: float = setting(64.0, "standard deviation of the padding's noise, in gray levels", minimum=0)
    seed: int = setting(0, "seed of the padding's noise", minimum=0)

    def problems(self) -> Iterable[str]:
        yield from _without_data(self.data)
        yield from _without_out(self.out)

    @property
    def options(self) -> TileOptions:
        """How images are cut."""
        return TileOptions(self.method, self.size, self.min_side, self.noise_sigma, self.seed)


@dataclass(frozen=True, kw_only=True)
class FetchConfig(Config):
    """Downloading a standard set."""

    name: Settled[str] = setting(None, "standard set to download, also without --name=; --list=datasets shows which have an address")
    address: str | None = setting(None, "another address of the archive or image")
    data_root: str | None = setting(None, "folder that the set is downloaded into", default_text="$VISIONFW_DATA")

    def problems(self) -> Iterable[str]:
        if not self.name:
            yield "name the set to download: prepare.py fetch NAME; --list=datasets shows which have an address"


def _without_data(data: str | None) -> Iterable[str]:
    if not data:
        yield "--data: name the image sets, as names or folders joined by commas"


def _without_out(out: str | None) -> Iterable[str]:
    if not out:
        yield "--out: name the folder to write"
