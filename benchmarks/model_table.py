"""Count every model in model_defs from its dictionary: parameters, multiply-adds and receptive field, by family.

python benchmarks/model_table.py           print the table of the README
python benchmarks/model_table.py --write   write it into README.md, and the figures into model_defs/catalog.json, which --list=models reads
"""

import json
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from visionfw.graph.analysis.cost import cost  # noqa: E402
from visionfw.graph.language import loader as models  # noqa: E402
from visionfw.graph.language.catalog import CATALOG, FAMILIES, short  # noqa: E402

MARK = "<!-- model table -->"


def published(name: str) -> str:
    """Return the x4 Set5 figure that a model's docstring quotes."""
    text = (ROOT / "model_defs" / f"{name}.py").read_text(encoding="utf-8")
    found = re.search(r"x4\D*?(?:Set5 )?(\d\d\.\d\d)", text)
    return f"{found.group(1)} dB" if found else ""


def counted(name: str) -> dict[str, Any]:
    """Return a model's figures with its default arguments, x4 where it has a scale and does not restore images of its own size."""
    file = models.read_file(name)
    costs = cost(models.load(name).dictionary)
    return {
        "family": file.contents["FAMILY"],
        "parameters": costs.params,
        "multiply_adds": costs.multiply_adds,
        "receptive_field": None if math.isinf(costs.receptive_field) else costs.receptive_field,
        "published": published(name),
        "has_reference": "names" in file.contents,
    }


def catalog() -> dict[str, dict[str, Any]]:
    """Return the figures of all models."""
    return {name: counted(name) for name in models.names()}


def rows(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of the README's table, family by family."""
    yield "| model | what it is | parameters | multiply-adds | receptive field | published | files |"
    yield "|---|---|--:|--:|--:|--:|:-:|"
    for family in FAMILIES:
        members = {name: entry for name, entry in figures.items() if entry["family"] == family}
        if members:
            yield f"| **{family}** | | | | | | |"
        for name, entry in members.items():
            what = models.summary(name).partition(": ")[2].rstrip(".")
            field = "whole image" if entry["receptive_field"] is None else entry["receptive_field"]
            costs = f"{short(entry['parameters'])} | {short(entry['multiply_adds'])}"
            yield f"| `{name}` | {what} | {costs} | {field} | {entry['published']} | {'✓' if entry['has_reference'] else ''} |"


def main() -> None:
    """Print the table, or write it and the catalog."""
    figures = catalog()
    table = "\n".join(rows(figures))
    if "--write" not in sys.argv:
        print(table)
        return
    CATALOG.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARK)
    after = rest[rest.index("\n## ") :]
    readme.write_text(f"{before}{MARK}\n{table}\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
