"""What is wrong or odd in image sets, found before any training: one pass over the files, one list of findings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from visionfw.data.audit.lr_kernel import filter_of
from visionfw.data.audit.near_duplicates import signature, stacked, within
from visionfw.data.datasets import ImageSet, read_note
from visionfw.data.datasets.layouts import unpaired_lr, unused_folders
from visionfw.data.datasets.standard import count_mismatch
from visionfw.data.pairs import crop_to_multiple
from visionfw.errors import some
from visionfw.imaging.files import ImageError, read_header, read_image
from visionfw.io.progress import ProgressCallback

#: What can be found: in this order in a report, and whether it harms training.
KINDS = {
    "unreadable": True,
    "unpaired": True,
    "wrong size of LR": True,
    "not MATLAB's bicubic": True,
    "leakage": True,
    "all too small": True,
    "too small": False,
    "duplicate": False,
    "near-duplicate": False,
    "mixed kinds": False,
    "number of images": False,
    "degraded LR": False,
    "not looked at": False,
}


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: one of KINDS.
        dataset: the set's name.
        file: the file, or '' for the set as a whole.
        text: what about it.
    """

    kind: str
    dataset: str
    file: str
    text: str

    @property
    def harms(self) -> bool:
        """Training would be harmed by it."""
        return KINDS[self.kind]

    def row(self) -> dict[str, Any]:
        """Return the finding as a row of a report."""
        return {"harms": "yes" if self.harms else "no", **asdict(self)}


@dataclass
class Facts:
    """What one image is, as far as it was readable."""

    path: Path
    size: tuple[int, int] = (0, 0)
    oddities: tuple[str, ...] = ()
    digest: str = ""
    signature: np.ndarray | None = None
    problems: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Survey:
    """A survey of some sets.

    Attributes:
        findings: what was found, by kind.
        sets: one row a set: name, images, readable, pixels, smallest and largest.
    """

    findings: tuple[Finding, ...]
    sets: tuple[dict[str, Any], ...]

    @property
    def harms(self) -> bool:
        """Training on these sets would be harmed."""
        return any(finding.harms for finding in self.findings)


def survey(train: Sequence[ImageSet], test: Sequence[ImageSet], scale: int, patch_size: int, progress: ProgressCallback | None = None) -> Survey:
    """Look at every file of some sets.

    Args:
        train: sets to train on.
        test: sets to test on; whatever picture is in both is leakage.
        scale: HR size / LR size.
        patch_size: side of an LR patch in pixels.
        progress: called with (images done, images in all).
    """
    sets = [*train, *test]
    jobs = [(images, hr, lr) for images in sets for hr, lr in images.pairs()]
    facts: list[Facts] = []
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        try:
            for found in workers.map(lambda job: look_at(job[1], job[2], scale), jobs):
                facts.append(found)
                if progress:
                    progress(len(facts), len(jobs))
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise
    of_set = {number: [found for (images, _, _), found in zip(jobs, facts, strict=True) if images is entry] for number, entry in enumerate(sets)}
    findings = [finding for number, images in enumerate(sets) for finding in _in_set(images, of_set[number], scale, patch_size)]
    is_train = [number < len(train) for number in range(len(sets))]
    findings += _same_pictures(sets, of_set, is_train)
    order = list(KINDS)
    return Survey(tuple(sorted(findings, key=lambda finding: order.index(finding.kind))), tuple(_row(images, of_set[n]) for n, images in enumerate(sets)))


def look_at(hr_path: Path, lr_path: Path | None, scale: int) -> Facts:
    """Read one image and its LR image, and tell what is to be told of them alone."""
    facts = Facts(hr_path)
    try:
        header = read_header(hr_path)
        hr = read_image(hr_path)
    except ImageError as error:
        facts.problems.append(("unreadable", error.reason))
        return facts
    facts.size, facts.oddities = hr.shape[:2], tuple(header.format_notes())
    facts.digest = hashlib.blake2b(hr.tobytes() + str(hr.shape).encode(), digest_size=16).hexdigest()
    facts.signature = signature(hr)
    if lr_path is not None:
        facts.problems += _look_at_lr(crop_to_multiple(hr, scale), lr_path, scale)
    return facts


def _look_at_lr(hr: np.ndarray, lr_path: Path, scale: int) -> list[tuple[str, str]]:
    if not os.path.lexists(lr_path):
        return [("unpaired", f"no LR image {lr_path.name} in {lr_path.parent}")]
    try:
        lr = read_image(lr_path)
    except ImageError as error:
        return [("unreadable", f"its LR image {lr_path}: {error.reason}")]
    height, width = (side // scale for side in hr.shape[:2])
    if lr.shape[:2] != (height, width):
        ratio = hr.shape[1] / lr.shape[1]
        looks = f"; it looks like scale {ratio:.2g}" if abs(ratio - scale) > 0.1 * scale else "; the HR image may have been cropped in another way"
        return [("wrong size of LR", f"{lr_path.name} has {lr.shape[1]} x {lr.shape[0]} pixels, for scale {scale} it must have {width} x {height}{looks}")]
    told = filter_of(lr, hr, scale) if hr.size and not _made_otherwise(lr_path.parent) else ""
    stored = "; it is stored as JPEG, which loses detail" if lr_path.suffix.lower() in (".jpg", ".jpeg") else ""
    return [("not MATLAB's bicubic", f"{lr_path.name} looks like {told}{stored}")] if told else []


def _made_otherwise(folder: Path) -> str:
    """Return how LR images were made, where their note says that it was not by bicubic; else ''."""
    made = read_note(folder)
    return made[0] if made and made[0] != "bicubic" else ""


def _in_set(images: ImageSet, facts: Sequence[Facts], scale: int, patch_size: int) -> list[Finding]:
    """Tell what is to be told of one set by itself."""
    found = [Finding(kind, images.name, str(fact.path), text) for fact in facts for kind, text in fact.problems]
    found += [Finding("unpaired", images.name, str(path), "an LR image without an HR image") for path in unpaired_lr(images)]
    found += [Finding("number of images", images.name, "", line.partition(": ")[2]) for line in count_mismatch(images)]
    made = _made_otherwise(images.lr_files()[0].parent) if images.lr_files() else ""
    found += [Finding("degraded LR", images.name, "", f"its LR images were made by {made!r}")] if made else []
    found += [Finding("not looked at", images.name, str(path), f"no LR images of scale {scale} are looked for there") for path in unused_folders(images)]
    if images.non_images:
        found.append(Finding("not looked at", images.name, "", f"{len(images.non_images)} files are no images by their names: {some(images.non_images)}"))
    readable = [fact for fact in facts if fact.digest]
    least = patch_size * scale
    small = [fact for fact in readable if min(fact.size) < least]
    text = f"smaller than a patch of {least} x {least} HR pixels"
    found += [Finding("too small", images.name, str(fact.path), f"{fact.size[1]} x {fact.size[0]} pixels: {text}") for fact in small]
    if not facts or len(small) == len(readable):
        found.append(Finding("all too small", images.name, "", f"no image can be used: all are unreadable or {text}"))
    return found + _mixed(images, readable)


def _mixed(images: ImageSet, facts: Sequence[Facts]) -> list[Finding]:
    """Tell images that are of another kind than most: gray or alpha among color, 16 bits, turned by EXIF."""
    words = sorted({word for fact in facts for word in fact.oddities})
    found = []
    for word in words:
        having = [fact.path.name for fact in facts if word in fact.oddities]
        whole = " (all)" if len(having) == len(facts) else ""
        found.append(Finding("mixed kinds", images.name, "", f"{word}: {len(having)} of {len(facts)}{whole}: {some(having)}; read as RGB of 8 bits, upright"))
    return found


def _same_pictures(sets: Sequence[ImageSet], of_set: dict[int, list[Facts]], is_train: Sequence[bool]) -> list[Finding]:
    """Tell pictures that are there twice: within a set, and in a training and in a test set. Each is told once, beside one of the others."""
    entries = [(number, fact) for number, facts in of_set.items() for fact in facts if fact.digest]
    beside: dict[tuple[int, bool], tuple[int, float]] = {}  # (place, is it leakage) -> (the other's place, likeness)
    for first, second, likeness in _alike_pairs([fact for _, fact in entries]):
        leaks = is_train[entries[first][0]] != is_train[entries[second][0]]
        beside.setdefault((first, leaks), (second, likeness))
    found = []
    for (place, leaks), (other_place, likeness) in sorted(beside.items()):
        (own, one), (other, two) = entries[place], entries[other_place]
        same = one.digest == two.digest
        kind = "leakage" if leaks else "duplicate" if same else "near-duplicate"
        text = f"{'the same pixels as' if same else f'the same picture (likeness {likeness:.3f}) as'} {two.path} of {sets[other].name}"
        found.append(Finding(kind, sets[own].name, str(one.path), text + (": in a training and in a test set" if leaks else "")))
    return found


def _alike_pairs(facts: Sequence[Facts]) -> Iterator[tuple[int, int, float]]:
    """Yield (place, later place, likeness) of every two that show the same picture; the same pixels first."""
    first_of: dict[str, int] = {}
    for place, fact in enumerate(facts):
        first = first_of.setdefault(fact.digest, place)
        if first != place:
            yield first, place, 1.0
    yield from within(stacked([fact.signature for fact in facts]))


def _row(images: ImageSet, facts: Sequence[Facts]) -> dict[str, Any]:
    sizes = [fact.size for fact in facts if fact.digest]
    pixels = sum(height * width for height, width in sizes)
    least, most = (f"{size[1]}x{size[0]}" for size in (min(sizes, key=np.prod), max(sizes, key=np.prod))) if sizes else ("-", "-")
    readable = sum(bool(fact.digest) and not fact.problems for fact in facts)
    return {"dataset": images.name, "images": len(facts), "readable": readable, "megapixels": round(pixels / 1e6, 1), "smallest": least, "largest": most}
