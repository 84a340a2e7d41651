"""Rows of plain values -> Markdown, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from visionfw.io.files import write_text
from visionfw.metrics import METRICS

Row = Mapping[str, Any]
#: Title and digits of columns that are not metrics themselves.
_COLUMNS = {
    "bicubic_psnr": ("bicubic", 3),
    "bicubic_ssim": ("bicubic SSIM", 4),
    "gain": ("gain", 3),
    "megapixels": ("megapixels", 1),
    "mean rank": ("mean rank", 2),
}
_DIGITS = 4


def column_title(key: str) -> str:
    """Return the heading of a column."""
    return METRICS.get(key).heading if key in METRICS else _COLUMNS.get(key, (key, _DIGITS))[0]


def _digits(key: str) -> int:
    """Return the digits after the point of a column's numbers."""
    if key.startswith("rank on"):
        return 2
    return METRICS.get(key).digits if key in METRICS else _COLUMNS.get(key, (key, _DIGITS))[1]


def as_table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table with aligned columns."""
    if not rows:
        return ""
    keys = list(rows[0])
    cells = [[column_title(key) for key in keys], *[[cell(key, row[key]) for key in keys] for row in rows]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(keys))]
    right = [isinstance(rows[0][key], int | float) for key in keys]
    lines = [_line(line, widths, right) for line in cells]
    rule = "|" + "|".join(("-" * (width + 1) + ":") if is_right else "-" * (width + 2) for width, is_right in zip(widths, right, strict=True)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def cell(key: str, value: Any) -> str:
    """Return a value as tables show it."""
    if isinstance(value, float):
        return f"{value:{'+' if key == 'gain' else ''}.{_digits(key)}f}"
    return str(value)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [cell.rjust(width) if is_right else cell.ljust(width) for cell, width, is_right in zip(cells, widths, right, strict=True)]
    return "| " + " | ".join(padded) + " |"


def write_report(path: Path, protocol: Row, rows: Sequence[Row], per_image: Sequence[Row]) -> None:
    """Write a benchmark as .json, .csv (the rows) or .md (rows and images). Raises VisionfwError where the disk refuses."""
    if path.suffix.lower() == ".json":
        text = as_json(protocol, rows, per_image)
    elif path.suffix.lower() == ".csv":
        text = as_csv(rows)
    else:
        said = ", ".join(f"{key} {value}" for key, value in protocol.items())
        text = f"{as_table(rows)}\n\nProtocol: {said}.\n\n{as_table(per_image)}\n"
    write_text(path, text)


def as_json(protocol: Row, rows: Sequence[Row], per_image: Sequence[Row]) -> str:
    """Return a benchmark as JSON; an infinity or NaN, which JSON lacks, becomes the text "Infinity", "-Infinity" or "NaN"."""
    return json.dumps(_spelled_out({"protocol": dict(protocol), "rows": list(rows), "per_image": list(per_image)}), indent=2) + "\n"


def write_rows(path: Path, about: Row, sets: Sequence[Row], findings: Sequence[Row]) -> None:
    """Write a survey of data sets as .json, .csv (the findings) or .md. Raises VisionfwError where the disk refuses."""
    if path.suffix.lower() == ".json":
        text = json.dumps({"request": dict(about), "sets": list(sets), "findings": list(findings)}, indent=2) + "\n"
    elif path.suffix.lower() == ".csv":
        text = as_csv(findings)
    else:
        text = f"{as_table(sets)}\n\n{as_table(findings)}\n"
    write_text(path, text)


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows of equal keys as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _spelled_out(value: Any) -> Any:
    """Replace infinities and NaN, which JSON lacks, by their names, which float() of Python and Number() of JavaScript read."""
    if isinstance(value, Mapping):
        return {key: _spelled_out(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_spelled_out(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
