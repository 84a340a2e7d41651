"""Print the table of models: parameters, multiply-adds and receptive field of every file in model_defs, counted from its dictionary.

python benchmarks/model_table.py           print it
python benchmarks/model_table.py --write   put it into README.md
"""

import math
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from visionfw.graph.analysis.cost import cost  # noqa: E402
from visionfw.graph.analysis.describe import short  # noqa: E402
from visionfw.graph.language import loader as models  # noqa: E402

MARK = "<!-- model table -->"


def published(name: str) -> str:
    """Return the x4 Set5 figure that a model's docstring quotes."""
    text = (ROOT / "model_defs" / f"{name}.py").read_text(encoding="utf-8")
    found = re.search(r"x4\D*?(?:Set5 )?(\d\d\.\d\d)", text)
    return f"{found.group(1)} dB" if found else ""


def rows():
    """Yield the table's lines."""
    yield "| model | what it is | parameters | multiply-adds | receptive field | published |"
    yield "|---|---|--:|--:|--:|--:|"
    for name in models.names():
        counted = cost(models.load(name, scale=None if name.endswith("_discriminator") else 4).dictionary)
        what = models.summary(name).partition(": ")[2].rstrip(".")
        field = "whole image" if math.isinf(counted.receptive_field) else str(counted.receptive_field)
        yield f"| `{name}` | {what} | {short(counted.params)} | {short(counted.multiply_adds)} | {field} | {published(name)} |"


def main() -> None:
    """Print the table, or write it into the README."""
    table = "\n".join(rows())
    if "--write" not in sys.argv:
        print(table)
        return
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARK)
    after = rest[rest.index("\n## ") :]
    readme.write_text(f"{before}{MARK}\n{table}\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
