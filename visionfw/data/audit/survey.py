"""A survey of image sets before any training: one pass over the files, one list of findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from visionfw.data.audit.image_info import ImageInfo, inspect, other_degradation
from visionfw.data.audit.near_duplicates import find_duplicates, stack_signatures
from visionfw.data.datasets import ImageSet
from visionfw.data.datasets.layouts import unpaired_lr, unused_folders
from visionfw.data.datasets.standard import count_mismatch
from visionfw.data.threads import map_in_threads
from visionfw.errors import some
from visionfw.io.progress import ProgressCallback


class Severity(StrEnum):
    """Whether a finding spoils training or evaluation, or is only worth knowing."""

    ERROR = "error"
    NOTE = "note"


#: The kinds of findings, in the order of a report.
SEVERITIES = {
    "unreadable": Severity.ERROR,
    "unpaired": Severity.ERROR,
    "wrong size of LR": Severity.ERROR,
    "not MATLAB's bicubic": Severity.ERROR,
    "leakage": Severity.ERROR,
    "all too small": Severity.ERROR,
    "too small": Severity.NOTE,
    "duplicate": Severity.NOTE,
    "near-duplicate": Severity.NOTE,
    "mixed formats": Severity.NOTE,
    "number of images": Severity.NOTE,
    "degraded LR": Severity.NOTE,
    "not used": Severity.NOTE,
}


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        kind: a key of SEVERITIES.
        dataset: the set's name.
        file: the file, or '' for the set as a whole.
        text: what was found.
    """

    kind: str
    dataset: str
    file: str
    text: str

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return SEVERITIES[self.kind]

    def row(self) -> dict[str, Any]:
        """Return the finding as a row of a report."""
        return {"severity": str(self.severity), **asdict(self)}


@dataclass(frozen=True)
class Survey:
    """A survey of some sets.

    Attributes:
        findings: by kind, in the order of SEVERITIES.
        sets: a row a set: name, images, readable ones, megapixels, smallest and largest.
    """

    findings: tuple[Finding, ...]
    sets: tuple[dict[str, Any], ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that spoil training or evaluation."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)


def survey(train: Sequence[ImageSet], test: Sequence[ImageSet], scale: int, patch_size: int, progress: ProgressCallback | None = None) -> Survey:
    """Inspect every file of some sets.

    Args:
        train: sets to train on.
        test: sets to test on; a picture in both is leakage.
        scale: HR size / LR size.
        patch_size: side of an LR patch in pixels.
        progress: called with (images done, images in all).
    """
    sets = [*train, *test]
    jobs = [(number, hr, lr) for number, images in enumerate(sets) for hr, lr in images.pairs()]
    infos: list[list[ImageInfo]] = [[] for _ in sets]
    for (number, *_), info in zip(jobs, map_in_threads(lambda job: inspect(job[1], job[2], scale), jobs, progress), strict=True):
        infos[number].append(info)
    findings = [finding for images, own in zip(sets, infos, strict=True) for finding in _findings_in_set(images, own, scale, patch_size)]
    findings += _find_repeated_pictures(sets, infos, len(train))
    order = list(SEVERITIES)
    return Survey(
        tuple(sorted(findings, key=lambda finding: order.index(finding.kind))),
        tuple(_row(images, own) for images, own in zip(sets, infos, strict=True)),
    )


def _findings_in_set(images: ImageSet, infos: Sequence[ImageInfo], scale: int, patch_size: int) -> Iterator[Finding]:
    """Yield the findings about one set by itself."""
    readable = [info for info in infos if info.is_readable]
    yield from (Finding(kind, images.name, str(info.path), text) for info in infos for kind, text in info.problems)
    yield from _lr_findings(images, scale)
    yield from (Finding("number of images", images.name, "", line.partition(": ")[2]) for line in count_mismatch(images))
    if images.non_images:
        yield Finding("not used", images.name, "", f"{len(images.non_images)} files are no images by their names: {some(images.non_images)}")
    yield from _size_findings(images, readable, patch_size * scale)
    yield from _format_findings(images, readable)


def _lr_findings(images: ImageSet, scale: int) -> Iterator[Finding]:
    """Yield the findings about a set's own LR images as a whole."""
    yield from (Finding("unpaired", images.name, str(path), "an LR image without an HR image") for path in unpaired_lr(images))
    lr_files = images.lr_files()
    degradation = other_degradation(lr_files[0].parent) if lr_files else ""
    if degradation:
        yield Finding("degraded LR", images.name, "", f"its LR images were made by {degradation!r}")
    for folder in unused_folders(images):
        yield Finding("not used", images.name, str(folder), f"no LR images of scale {scale} are looked for there")


def _size_findings(images: ImageSet, readable: Sequence[ImageInfo], side: int) -> Iterator[Finding]:
    """Yield images that are smaller than a patch of so many HR pixels a side."""
    small = [info for info in readable if min(info.size) < side]
    text = f"smaller than a patch of {side} x {side} HR pixels"
    for info in small:
        yield Finding("too small", images.name, str(info.path), f"{info.size[1]} x {info.size[0]} pixels: {text}")
    if len(small) == len(readable):
        yield Finding("all too small", images.name, "", f"no image can be used: all are unreadable or {text}")


def _format_findings(images: ImageSet, readable: Sequence[ImageInfo]) -> Iterator[Finding]:
    """Yield what files differ in from RGB of 8 bits: gray, alpha, 16 bits, an EXIF orientation ..."""
    for note in sorted({note for info in readable for note in info.format_notes}):
        names = [info.path.name for info in readable if note in info.format_notes]
        count = f"{len(names)} of {len(readable)}{' (all)' if len(names) == len(readable) else ''}"
        yield Finding("mixed formats", images.name, "", f"{note}: {count}: {some(names)}; read as RGB of 8 bits, upright")


def _find_repeated_pictures(sets: Sequence[ImageSet], infos: Sequence[Sequence[ImageInfo]], train_count: int) -> list[Finding]:
    """Return pictures that occur twice: in one kind of sets, or in a training and in a test set, which is leakage.

    Each picture is reported at most once as a duplicate and once as leakage.

    Args:
        sets: training sets first.
        infos: of each set's images.
        train_count: how many of the sets are trained on.
    """
    entries = [(number, info) for number, own in enumerate(infos) for info in own if info.is_readable]
    matches: dict[tuple[int, bool], tuple[int, float]] = {}  # (place, is leakage) -> (place of the other image, similarity)
    for first, second, similarity in _matching_places([info for _, info in entries]):
        is_leakage = (entries[first][0] < train_count) != (entries[second][0] < train_count)
        matches.setdefault((first, is_leakage), (second, similarity))
    findings = []
    for (place, is_leakage), (other_place, similarity) in sorted(matches.items()):
        (number, info), (other_number, other) = entries[place], entries[other_place]
        is_same = info.digest == other.digest
        kind = "leakage" if is_leakage else "duplicate" if is_same else "near-duplicate"
        relation = "the same pixels as" if is_same else f"the same picture (similarity {similarity:.3f}) as"
        text = f"{relation} {other.path} of {sets[other_number].name}{': in a training and in a test set' if is_leakage else ''}"
        findings.append(Finding(kind, sets[number].name, str(info.path), text))
    return findings


def _matching_places(infos: Sequence[ImageInfo]) -> Iterator[tuple[int, int, float]]:
    """Yield (place, later place, similarity) of every two that show the same picture; equal pixels first."""
    first_places: dict[str, int] = {}
    for place, info in enumerate(infos):
        first = first_places.setdefault(info.digest, place)
        if first != place:
            yield first, place, 1.0
    yield from find_duplicates(stack_signatures([info.signature for info in infos if info.signature is not None]))


def _row(images: ImageSet, infos: Sequence[ImageInfo]) -> dict[str, Any]:
    sizes = [info.size for info in infos if info.is_readable]
    pixels = sum(height * width for height, width in sizes)
    smallest, largest = (f"{size[1]}x{size[0]}" for size in (min(sizes, key=np.prod), max(sizes, key=np.prod))) if sizes else ("-", "-")
    readable = sum(info.is_readable and not info.problems for info in infos)
    return {"dataset": images.name, "images": len(infos), "readable": readable, "megapixels": round(pixels / 1e6, 1), "smallest": smallest, "largest": largest}
