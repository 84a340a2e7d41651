"""What --list prints: everything that can be named. Needs neither Keras nor TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping

from visionfw import config, models
from visionfw.data.datasets import EMBEDDED, list_sets
from visionfw.errors import RequestError, unknown


def listing(kind: str, root: str | None) -> str:
    """Return the names of one kind, or of all kinds for ''. Raises RequestError for an unknown kind."""
    kinds = {
        "models": lambda: {name: models.summary(name) for name in models.names()},
        "datasets": lambda: {name: _set_text(name) for name in list_sets(root)},
        "losses": lambda: config.LOSSES,
        "optimizers": lambda: config.OPTIMIZERS,
        "schedules": lambda: config.SCHEDULES,
        "samplers": lambda: config.SAMPLERS,
        "precisions": lambda: config.PRECISIONS,
    }
    if kind and kind not in kinds:
        raise RequestError(f"--list: {unknown('kind', kind, kinds)}")
    return "\n\n".join(_section(name, kinds[name]()) for name in ([kind] if kind else kinds))


def _section(title: str, entries: Mapping[str, str]) -> str:
    width = max((len(name) for name in entries), default=0)
    return "\n".join([f"{title}:", *(f"  {name.ljust(width)}  {text}".rstrip() for name, text in entries.items())])


def _set_text(name: str) -> str:
    return f"{len(EMBEDDED[name])} photographs inside scikit-image" if name in EMBEDDED else ""
