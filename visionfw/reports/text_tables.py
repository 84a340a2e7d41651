"""Tables of text with aligned columns, as plain text and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def plain_table(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Return the lines of a table with a rule under its first row.

    Args:
        rows: the header and the others, of equal lengths.
        right: for each column whether it is aligned to the right.
    """
    lines = ["  ".join(cells).rstrip() for cells in _aligned(rows, right)]
    rule = "  ".join("-" * width for width in _widths(rows))
    return [lines[0], rule, *lines[1:]]


def markdown_table(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Return the lines of a Markdown table, which is readable as text too. Cells are escaped.

    Args:
        rows: the header and the others, of equal lengths.
        right: for each column whether it is aligned to the right.
    """
    escaped = [[escape_markdown(cell) for cell in row] for row in rows]
    lines = [f"| {' | '.join(cells)} |" for cells in _aligned(escaped, right)]
    rule = [f"{'-' * (width + 1)}:" if is_right else "-" * (width + 2) for width, is_right in zip(_widths(escaped), right, strict=True)]
    return [lines[0], f"|{'|'.join(rule)}|", *lines[1:]]


def escape_markdown(text: str) -> str:
    """Escape what would end a table's cell, or become HTML, a link or an image: names of files may hold anything.

    Example:
        >>> escape_markdown("a|b <img>")
        'a\\\\|b &lt;img>'
    """
    return " ".join(text.split("\n")).replace("\\|", "\\\\|").replace("|", "\\|").replace("<", "&lt;").replace("](", "]\\(")


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[list[str]]:
    columns = list(zip(_widths(rows), right, strict=True))
    return [[cell.rjust(width) if is_right else cell.ljust(width) for cell, (width, is_right) in zip(row, columns, strict=True)] for row in rows]
