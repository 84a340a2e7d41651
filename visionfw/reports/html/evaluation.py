"""The page of a benchmark: table, images that sort, the best and the worst of them, the model and its curves."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from visionfw.reports.html import components as parts
from visionfw.reports.html.components import Row
from visionfw.reports.plots import detail_of

_WINDOW = 480  # pixels of an image that a page shows at most, a side
_DETAIL = 96  # pixels a side of a zoomed crop at most


@dataclass(frozen=True)
class Example:
    """One image of a set: what bicubic and the model made of it, and the original, (height, width, 3) uint8 each."""

    dataset: str
    image: str
    is_best: bool
    bicubic: np.ndarray
    made: np.ndarray
    original: np.ndarray
    figures: Mapping[str, float]


@dataclass(frozen=True)
class EvaluationPage:
    """All that the page shows.

    Attributes:
        title: model and scale.
        about: facts on the model, its weights and its run.
        protocol: how numbers were made.
        rows: one a set.
        per_image: one an image.
        examples: the best and worst images.
        model: the model's table; '' where there is none.
        picture: the model's picture as SVG; '' where there is none.
        history: the run's validations: step, loss, val_psnr, val_gain.
        data: the report as JSON, to be taken along.
    """

    title: str
    about: Row
    protocol: Row
    rows: Sequence[Row]
    per_image: Sequence[Row]
    examples: Sequence[Example] = ()
    model: str = ""
    picture: str = ""
    history: Sequence[Mapping[str, float]] = field(default_factory=list)
    data: str = ""

    def html(self) -> str:
        """Return the page."""
        body = [f"<h1>{escape(self.title)}</h1>", parts.facts(self.about)]
        body += ["<h2>Test sets</h2>", f'<div class="scroll">{parts.table(self.rows, "sets")}</div>']
        body += ['<p class="soft">Gain is PSNR over bicubic on the same pixels. Click a column to sort by it.</p>']
        if self.examples:
            note = "Draw the bar over an image to compare. Crops show the place where SR improves most on bicubic; PSNR and SSIM are the whole image's."
            body += ["<h2>Where the model gains most and least</h2>", f'<p class="soft">{note}</p>', *map(_example, self.examples)]
        body += ["<h2>Images</h2>", f'<div class="scroll tall">{parts.table(self.per_image, "images")}</div>']
        body += ["<h2>Protocol</h2>", parts.facts(self.protocol)]
        if self.history:
            body += ["<h2>Training</h2>", f'<div class="curves card">{self._curves()}</div>']
        if self.model:
            body += ["<h2>Model</h2>", f"<details open><summary>Table of links</summary><pre>{escape(self.model)}</pre></details>"]
        if self.picture:
            body += [f'<details><summary>Picture of the graph</summary><div class="picture">{self.picture}</div></details>']
        if self.data:
            content = base64.b64encode(self.data.encode()).decode()
            body += [f'<p class="soft"><a download="evaluation.json" href="data:application/json;base64,{content}">All figures as JSON</a></p>']
        return parts.page(self.title, body)

    def _curves(self) -> str:
        steps = [row["step"] for row in self.history]
        gain = parts.curve(steps, [row["val_gain"] for row in self.history], "validation PSNR over bicubic", "dB")
        return gain + parts.curve(steps, [row["loss"] for row in self.history], "training loss", "")


def _example(example: Example) -> str:
    bicubic, made, original = _windows(example)
    top, left, side = detail_of(bicubic, made, original, _DETAIL)
    place = (slice(top, top + side), slice(left, left + side))
    figures: Mapping[str, Any] = example.figures
    tag = f'<span class="tag {"best" if example.is_best else "worst"}">{"most gain" if example.is_best else "least gain"}</span>'
    head = f"<h3>{tag} {escape(example.dataset)} / {escape(example.image)}: {figures['gain']:+.2f} dB</h3>"
    captions = (
        f"LR, bicubic\n{figures['bicubic_psnr']:.2f} dB / {figures['bicubic_ssim']:.4f}",
        f"SR\n{figures['psnr']:.2f} dB / {figures['ssim']:.4f}",
        "HR\nthe original",
    )
    small = parts.crops([(text, pixels[place]) for text, pixels in zip(captions, (bicubic, made, original), strict=True)])
    slider = parts.slider(("bicubic", bicubic), ("SR", made))
    return f'<div class="card">{head}<div class="example">{slider}{small}</div></div>'


def _windows(example: Example) -> list[np.ndarray]:
    """Return the part of the three images that is shown: all of it, or what lies around the place of most difference."""
    panels = [example.bicubic, example.made, example.original]
    height, width = example.original.shape[:2]
    top, left, side = detail_of(*panels, _DETAIL)
    rows = min(max(0, top + side // 2 - _WINDOW // 2), max(0, height - _WINDOW))
    columns = min(max(0, left + side // 2 - _WINDOW // 2), max(0, width - _WINDOW))
    return [panel[rows : rows + _WINDOW, columns : columns + _WINDOW] for panel in panels]
