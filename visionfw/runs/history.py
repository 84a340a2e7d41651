"""The history of a run, history.csv: a row for each validation."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from visionfw.errors import VisionfwError
from visionfw.io.files import write_bytes


def write_history(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write rows of equal keys as CSV, atomically. Raises VisionfwError if the file cannot be written."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def read_history(path: Path) -> list[dict[str, float]]:
    """Return the rows, none if there is no such file. Raises VisionfwError if it is damaged."""
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8") as lines:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(lines)]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise VisionfwError(f"{path}: is damaged: {error}") from error
