"""What --list prints: everything that can be named. Needs neither Keras nor TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from visionfw.config import PRECISIONS
from visionfw.data.augmentation import AUGMENTATIONS
from visionfw.data.datasets import EMBEDDED, find_sets, list_sets
from visionfw.data.datasets.standard import STANDARD_DATASETS, StandardDataset, count_mismatch, find_standard
from visionfw.diffusion import NOISE_SCHEDULES, SAMPLING, TARGETS
from visionfw.errors import RequestError, unknown
from visionfw.gan import GAN_LOSSES
from visionfw.graph.language.blocks import BLOCKS
from visionfw.graph.language.catalog import families
from visionfw.imaging.degradations import DEGRADATION_STEPS
from visionfw.layers import LAYERS
from visionfw.layers.initializers import INITIALIZERS
from visionfw.losses import LOSSES
from visionfw.metrics import FEATURE_NETWORKS, METRICS
from visionfw.optimizers import OPTIMIZERS, SCHEDULES
from visionfw.registry import Registry
from visionfw.samplers import SAMPLERS

#: Kind of name -> its registry.
REGISTRIES: Mapping[str, Registry] = {
    "degradations": DEGRADATION_STEPS,
    "augmentations": AUGMENTATIONS,
    "losses": LOSSES,
    "gan_losses": GAN_LOSSES,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "samplers": SAMPLERS,
    "metrics": METRICS,
    "feature_networks": FEATURE_NETWORKS,
    "noise_schedules": NOISE_SCHEDULES,
    "noise_targets": TARGETS,
    "diffusion_samplers": SAMPLING,
    "initializers": INITIALIZERS,
    "layers": LAYERS,
    "blocks": BLOCKS,
}
_OTHERS: Mapping[str, Callable[[str | None], Mapping[str, str]]] = {
    "datasets": lambda root: _datasets(root),
    "standard_datasets": lambda root: _standard_datasets(root),
    "precisions": lambda root: PRECISIONS,
}


def listing(kind: str, root: str | None) -> str:
    """Return the names of one kind with a line each, or of all kinds for ''. Raises RequestError for an unknown kind."""
    kinds = ["models", *_OTHERS, *REGISTRIES]
    if kind and kind not in kinds:
        raise RequestError(f"--list: {unknown('kind', kind, kinds, most=30)}")
    if kind == "models":
        return models()
    named = [kind] if kind else [name for name in kinds if name != "models"]
    sections = {name: _OTHERS[name](root) if name in _OTHERS else REGISTRIES[name].summaries() for name in named}
    parts = [_section(name, entries) for name, entries in sections.items() if entries or kind]
    return "\n\n".join(parts if kind else [models(), *parts])


def models() -> str:
    """Return the models that can be named, by family."""
    return "models:\n" + "\n".join(f"  {family}\n" + _lines(members, "    ") for family, members in families())


def _section(title: str, entries: Mapping[str, str]) -> str:
    return "\n".join(filter(None, [f"{title}:", _lines(entries, "  ")]))


def _lines(entries: Mapping[str, str], indent: str) -> str:
    width = max((len(name) for name in entries), default=0)
    return "\n".join(f"{indent}{name.ljust(width)}  {text}".rstrip() for name, text in entries.items())


def _datasets(root: str | None) -> dict[str, str]:
    """Return the image sets that are there, with their sizes."""
    return {name: f"{len(EMBEDDED[name])} photographs inside scikit-image" if name in EMBEDDED else _count(name, root) for name in list_sets(root)}


def _standard_datasets(root: str | None) -> dict[str, str]:
    """Return the standard sets with what is known of them and whether they were found."""
    found: dict[str, list[str]] = {}
    for name in list_sets(root):
        known = find_standard(name)
        if known:
            found.setdefault(known[0].name, []).append(name)
    return {known.name: _facts(known, found.get(known.name, [])) for known in STANDARD_DATASETS}


def _count(name: str, root: str | None) -> str:
    if "," in name:
        return "cannot be used by name: there is a comma in it"
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
