"""The catalog of architectures: what each costs, by family, counted beforehand, so that listing them needs no framework."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from visionfw.graph.language.loader import installed_folder, names, summary

#: Written by benchmarks/model_table.py; a test counts again.
CATALOG = installed_folder() / "catalog.json"
#: Families, in the order in which they are listed.
FAMILIES = ("CNN", "efficient CNN", "attention CNN", "transformer", "photo upscaler", "restoration", "diffusion", "GAN discriminator")
_OWN = "your own"


def read_catalog() -> dict[str, dict[str, Any]]:
    """Return the figures of the models that come with the package, by name."""
    return json.loads(CATALOG.read_text(encoding="utf-8")) if CATALOG.is_file() else {}


def families() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each family of models that can be named, with a line for each member: what it is, what it costs, its score, known files."""
    figures, known = read_catalog(), names()
    for family in (*FAMILIES, _OWN):
        members = {name: _line(name, figures.get(name)) for name in known if figures.get(name, {}).get("family", _OWN) == family}
        if members:
            yield family, members


def _line(name: str, entry: dict[str, Any] | None) -> str:
    what = summary(name)
    what = what.partition(": ")[2] or what
    if entry is None:
        return what
    facts = [f"{short(entry['parameters'])} parameters", f"{short(entry['multiply_adds'])} multiply-adds"]
    facts += [f"Set5 x4 {entry['published']}"] if entry["published"] else []
    facts += ["opens and writes files of the reference"] if entry["has_reference"] else []
    return f"{what.rstrip('.')} ({', '.join(facts)})"


def short(number: float) -> str:
    """Write a large number briefly: 1.518 M, 114.2 G.

    Example:
        >>> short(1517571)
        '1.518 M'
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.4g} {letter}"
    return f"{number:g}"
