"""Parts of HTML pages: the page itself, tables that sort, before/after sliders, image crops, line charts."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from visionfw.reports.html.style import SCRIPT, STYLE
from visionfw.reports.tables import column_title, format_cell

Row = Mapping[str, Any]

_MAX_DOTS = 60  # a line of more points shows no dots


def page(title: str, body: Sequence[str]) -> str:
    """Return a complete HTML page."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title><style>{STYLE}</style>'
    lines = ["<!doctype html>", f'<html lang="en"><head>{head}</head>', "<body>", *body, f"<script>{SCRIPT}</script>", "</body></html>"]
    return "\n".join(lines) + "\n"


def facts(entries: Mapping[str, Any]) -> str:
    """Return names and values as a list."""
    return '<dl class="facts">' + "".join(f"<dt>{escape(str(key))}</dt><dd>{escape(str(value))}</dd>" for key, value in entries.items()) + "</dl>"


def sortable_table(rows: Sequence[Row], element_id: str) -> str:
    """Return rows as a table that a click on a column's head sorts; "" without rows.

    Args:
        rows: of equal keys; 'gain' is colored by its sign.
        element_id: the element's id.
    """
    if not rows:
        return ""
    keys = list(rows[0])
    numeric = {key for key in keys if all(isinstance(row[key], int | float) for row in rows)}
    heads = "".join(f'<th class="{"number" if key in numeric else ""}">{escape(column_title(key))}</th>' for key in keys)
    lines = "".join("<tr>" + "".join(_cell(key, row[key], key in numeric) for key in keys) + "</tr>" for row in rows)
    return f'<table class="sortable" id="{element_id}"><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>'


def _cell(key: str, value: Any, is_numeric: bool) -> str:
    if not is_numeric:
        return f"<td>{escape(format_cell(key, value))}</td>"
    sign = (" good" if value > 0 else " bad" if value < 0 else "") if key == "gain" else ""
    text = format_cell(key, value)
    shown = escape(text.replace("-", "\u2212").replace("inf", "\u221e") if math.isinf(value) else text)
    return f'<td class="number{sign}" data-value="{str(value).replace("inf", "Infinity")}">{shown}</td>'


def image(pixels: np.ndarray, alt: str) -> str:
    """Return a uint8 RGB image, embedded without loss."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "WEBP", lossless=True, method=4)
    content = base64.b64encode(file.getvalue()).decode()
    height, width = pixels.shape[:2]
    return f'<img src="data:image/webp;base64,{content}" width="{width}" height="{height}" style="height:auto" alt="{escape(alt)}" loading="lazy">'


def slider(before: tuple[str, np.ndarray], after: tuple[str, np.ndarray]) -> str:
    """Return two images of one size over each other, with a divider that the mouse, a finger or the arrow keys move."""
    under, over = image(after[1], after[0]), image(before[1], before[0])
    divider = f'<input type="range" min="0" max="100" value="50" step="0.5" aria-label="{escape(before[0])} to the left, {escape(after[0])} to the right">'
    labels = f'<span class="left">{escape(before[0])}</span><span class="right">{escape(after[0])}</span>'
    return f'<div class="slider">{under}<div class="over">{over}</div><div class="bar"></div>{labels}{divider}</div>'


def crops(panels: Sequence[tuple[str, np.ndarray]]) -> str:
    """Return small images side by side, each with its caption, which may have several lines."""
    lines = [f"<figure>{image(pixels, text)}<figcaption>{escape(text).replace(chr(10), '<br>')}</figcaption></figure>" for text, pixels in panels]
    return f'<div class="crops">{"".join(lines)}</div>'


def line_chart(steps: Sequence[float], values: Sequence[float], title: str, unit: str) -> str:
    """Return values over steps as a line; values that are not finite are left out, and fewer than two points are no chart ("")."""
    points = [(step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(value)]
    if len(points) < 2:
        return ""
    width, height, left, bottom, top = 520, 240, 56, 34, 12
    x0, x1 = points[0][0], points[-1][0]
    low, high = min(value for _, value in points), max(value for _, value in points)
    spread = high - low or 1.0
    low, high = low - 0.05 * spread, high + 0.05 * spread

    def place(step: float, value: float) -> tuple[float, float]:
        return left + (step - x0) / (x1 - x0 or 1) * (width - left - 12), top + (high - value) / (high - low) * (height - top - bottom)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
    grid = "".join(
        f'<line x1="{left}" x2="{width - 12}" y1="{place(x0, tick)[1]:.1f}" y2="{place(x0, tick)[1]:.1f}" stroke="var(--line)"/>'
        f'<text x="{left - 6}" y="{place(x0, tick)[1] + 4:.1f}" text-anchor="end">{tick:.4g}</text>'
        for tick in (low + (high - low) * fraction for fraction in (0.05, 0.5, 0.95))
    )
    ends = f'<text x="{left}" y="{height - 12}">{x0:g}</text><text x="{width - 12}" y="{height - 12}" text-anchor="end">{x1:g} steps</text>'
    places = [place(*point) for point in points] if len(points) < _MAX_DOTS else []
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="var(--accent)"/>' for x, y in places)
    drawing = f'<polyline points="{line}" fill="none" stroke="var(--accent)" stroke-width="2"/>{dots}'
    label = escape(f"{title}, {unit}" if unit else title)
    chart = f'<svg viewBox="0 0 {width} {height}" width="100%" role="img" aria-label="{label}">{grid}{drawing}{ends}</svg>'
    return f'<figure style="margin:0">{chart}<figcaption>{label}</figcaption></figure>'
