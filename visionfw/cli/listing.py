"""What --list prints: everything that can be named. Needs neither Keras nor TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping

from visionfw import config
from visionfw.data.augmentation import AUGMENTATIONS
from visionfw.data.datasets import EMBEDDED, find_sets, list_sets
from visionfw.data.datasets.standard import STANDARD_DATASETS, StandardDataset, count_mismatch, find_standard
from visionfw.diffusion.noise_schedule import SCHEDULES as NOISE_SCHEDULES
from visionfw.errors import RequestError, unknown
from visionfw.graph.language import loader as models
from visionfw.imaging.degradations import DEGRADATION_STEPS
from visionfw.losses import LOSSES
from visionfw.optimizers import OPTIMIZERS, SCHEDULES
from visionfw.samplers import SAMPLERS


def listing(kind: str, root: str | None) -> str:
    """Return the names of one kind, or of all kinds for ''. Raises RequestError for an unknown kind."""
    kinds = {
        "models": lambda: _section("models", {name: models.summary(name) for name in models.names()}),
        "datasets": lambda: _data_sets(root),
        "degradations": lambda: _section("degradations", DEGRADATION_STEPS.summaries()),
        "augmentations": lambda: _section("augmentations", AUGMENTATIONS.summaries()),
        "losses": lambda: _section("losses", LOSSES.summaries()),
        "adversarial": lambda: _section("adversarial", config.ADVERSARIAL),
        "noise_schedules": lambda: _section("noise_schedules", NOISE_SCHEDULES),
        "optimizers": lambda: _section("optimizers", OPTIMIZERS.summaries()),
        "schedules": lambda: _section("schedules", SCHEDULES.summaries()),
        "samplers": lambda: _section("samplers", SAMPLERS.summaries()),
        "metrics": lambda: _section("metrics", config.METRICS),
        "precisions": lambda: _section("precisions", config.PRECISIONS),
    }
    if kind and kind not in kinds:
        raise RequestError(f"--list: {unknown('kind', kind, kinds)}")
    return "\n\n".join(kinds[name]() for name in ([kind] if kind else kinds))


def _section(title: str, entries: Mapping[str, str]) -> str:
    width = max((len(name) for name in entries), default=0)
    return "\n".join([f"{title}:", *(f"  {name.ljust(width)}  {text}".rstrip() for name, text in entries.items())])


def _data_sets(root: str | None) -> str:
    """List what is there, and the standard sets with what is known of them and whether they were found."""
    there = list_sets(root)
    of_set: dict[str, list[str]] = {}
    for name in there:
        known = find_standard(name)
        if known:
            of_set.setdefault(known[0].name, []).append(name)
    found = {name: f"{len(EMBEDDED[name])} photographs inside scikit-image" if name in EMBEDDED else _counted(name, root) for name in there}
    standard = {known.name: _facts(known, of_set.get(known.name, [])) for known in STANDARD_DATASETS}
    return _section("datasets", found) + "\n\n" + _section("standard sets", standard)


def _counted(name: str, root: str | None) -> str:
    if "," in name:
        return "cannot be named: there is a comma in its name"
    try:
        (images,) = find_sets(name, root)
    except RequestError as error:
        return str(error)
    return "; ".join([f"{len(images.hr)} images", *(line.partition(", but ")[2] for line in count_mismatch(images))])


def _facts(known: StandardDataset, found: list[str]) -> str:
    count = str(known.images) if isinstance(known.images, int) else " + ".join(f"{count} {part}" for part, count in known.images.items())
    parts = [f"{count} images", known.use, known.layout, known.license, known.page, known.warning]
    parts.append("found: " + ", ".join(found) if found else "not found" + (" (prepare.py fetch has an address)" if known.archives else ""))
    return "; ".join(part for part in parts if part)
