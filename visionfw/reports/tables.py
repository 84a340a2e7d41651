"""Rows of plain values as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from visionfw.io.files import write_text
from visionfw.metrics import METRICS
from visionfw.reports.text_tables import escape_markdown, markdown_table

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


def format_cell(key: str, value: Any) -> str:
    """Return a value as the tables show it, with the digits of its column."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:{'+' if key == 'gain' else ''}.{_digits(key)}f}"


def as_table(rows: Sequence[Row]) -> str:
    """Return rows of equal keys as a Markdown table with aligned columns; "" without rows."""
    if not rows:
        return ""
    keys = list(rows[0])
    cells = [[column_title(key) for key in keys], *[[format_cell(key, row[key]) for key in keys] for row in rows]]
    return "\n".join(markdown_table(cells, [isinstance(rows[0][key], int | float) for key in keys]))


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows of equal keys as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json(protocol: Row, rows: Sequence[Row], per_image: Sequence[Row]) -> str:
    """Return a benchmark as JSON; an infinity or NaN, which JSON lacks, becomes the text "Infinity", "-Infinity" or "NaN"."""
    return json.dumps(_spelled_out({"protocol": dict(protocol), "rows": list(rows), "per_image": list(per_image)}), indent=2) + "\n"


def _spelled_out(value: Any) -> Any:
    """Replace infinities and NaN, which JSON lacks, by their names, which float() of Python and Number() of JavaScript read."""
    if isinstance(value, Mapping):
        return {key: _spelled_out(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_spelled_out(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def write_report(path: Path, protocol: Row, rows: Sequence[Row], per_image: Sequence[Row]) -> None:
    """Write a benchmark as .json, .csv (the rows alone) or .md.

    Args:
        path: the file; its suffix determines the format.
        protocol: how the scores were measured.
        rows: a row for each test set.
        per_image: a row for each image.

    Raises:
        VisionfwError: the file cannot be written.
    """
    facts = ", ".join(f"{key} {escape_markdown(str(value))}" for key, value in protocol.items())
    formats = {
        ".json": lambda: as_json(protocol, rows, per_image),
        ".csv": lambda: as_csv(rows),
        ".md": lambda: f"{as_table(rows)}\n\nProtocol: {facts}.\n\n{as_table(per_image)}\n",
    }
    _write_as(path, formats)


def _write_as(path: Path, formats: Mapping[str, Callable[[], str]]) -> None:
    """Write a file in the format of its suffix; Markdown for an unknown one."""
    write_text(path, formats.get(path.suffix.lower(), formats[".md"])())


def write_survey(path: Path, request: Row, sets: Sequence[Row], findings: Sequence[Row]) -> None:
    """Write a survey of image sets as .json, .csv (the findings alone) or .md.

    Args:
        path: the file; its suffix determines the format.
        request: what was surveyed.
        sets: a row for each image set.
        findings: a row for each finding.

    Raises:
        VisionfwError: the file cannot be written.
    """
    formats = {
        ".json": lambda: json.dumps({"request": dict(request), "sets": list(sets), "findings": list(findings)}, indent=2) + "\n",
        ".csv": lambda: as_csv(findings),
        ".md": lambda: f"{as_table(sets)}\n\n{as_table(findings)}\n",
    }
    _write_as(path, formats)
