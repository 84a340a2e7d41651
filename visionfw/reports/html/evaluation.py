"""The page of a benchmark: tables that sort, the images with the largest and the smallest gain, the model and its training."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from visionfw.reports.html import components
from visionfw.reports.html.components import Row
from visionfw.reports.sheets import find_detail

_WINDOW = 480  # pixels of an image's side that are shown at most
_DETAIL = 96  # pixels of the side of an enlarged detail at most


@dataclass(frozen=True)
class Example:
    """One image of a test set.

    Attributes:
        dataset: the test set.
        image: the image's name.
        is_best: whether its gain is among the largest; else among the smallest.
        bicubic, sr, hr: (height, width, 3) uint8.
        scores: 'psnr', 'ssim', 'bicubic_psnr', 'bicubic_ssim' and 'gain'.
    """

    dataset: str
    image: str
    is_best: bool
    bicubic: np.ndarray
    sr: np.ndarray
    hr: np.ndarray
    scores: Mapping[str, float]


@dataclass(frozen=True)
class EvaluationPage:
    """The content of the page.

    Attributes:
        title: model and scale.
        about: facts about the model, its weights and its run.
        protocol: how the scores were measured.
        rows: a row for each test set.
        per_image: a row for each image.
        examples: the images with the largest and the smallest gains.
        model: the model's table of layers; '' without one.
        drawing: the model's graph as SVG; '' without one.
        history: the run's validations: 'step', 'loss', 'val_gain'.
        data: the report as JSON, for download.
    """

    title: str
    about: Row
    protocol: Row
    rows: Sequence[Row]
    per_image: Sequence[Row]
    examples: Sequence[Example] = ()
    model: str = ""
    drawing: str = ""
    history: Sequence[Mapping[str, float]] = field(default_factory=list)
    data: str = ""

    def html(self) -> str:
        """Return the page."""
        body = [f"<h1>{escape(self.title)}</h1>", components.facts(self.about), *self._scores(), "<h2>Protocol</h2>", components.facts(self.protocol)]
        if self.history:
            body += ["<h2>Training</h2>", f'<div class="curves card">{self._charts()}</div>']
        if self.model:
            body += ["<h2>Model</h2>", f"<details open><summary>Table of layers</summary><pre>{escape(self.model)}</pre></details>"]
        if self.drawing:
            body += [f'<details><summary>Graph</summary><div class="picture">{self.drawing}</div></details>']
        if self.data:
            content = base64.b64encode(self.data.encode()).decode()
            body += [f'<p class="soft"><a download="evaluation.json" href="data:application/json;base64,{content}">All scores as JSON</a></p>']
        return components.page(self.title, body)

    def _scores(self) -> list[str]:
        """Return the tables of test sets and images, with the examples between them."""
        lines = ["<h2>Test sets</h2>", f'<div class="scroll">{components.sortable_table(self.rows, "sets")}</div>']
        lines += ['<p class="soft">Gain is PSNR minus that of bicubic interpolation on the same pixels. Click a column to sort by it.</p>']
        if self.examples:
            note = "Move the divider over an image to compare. The crops show where SR improves most on bicubic; PSNR and SSIM are those of the whole image."
            lines += ["<h2>Largest and smallest gains</h2>", f'<p class="soft">{note}</p>', *map(_example, self.examples)]
        return [*lines, "<h2>Images</h2>", f'<div class="scroll tall">{components.sortable_table(self.per_image, "images")}</div>']

    def _charts(self) -> str:
        steps = [row["step"] for row in self.history]
        gain = components.line_chart(steps, [row["val_gain"] for row in self.history], "validation PSNR over bicubic", "dB")
        return gain + components.line_chart(steps, [row["loss"] for row in self.history], "training loss", "")


def _example(example: Example) -> str:
    """Return an image's card: a slider, and a detail of bicubic, SR and HR."""
    bicubic, sr, hr = _windows(example)
    top, left, side = find_detail(bicubic, sr, hr, _DETAIL)
    detail = (slice(top, top + side), slice(left, left + side))
    scores: Mapping[str, Any] = example.scores
    tag = f'<span class="tag {"best" if example.is_best else "worst"}">{"largest gain" if example.is_best else "smallest gain"}</span>'
    head = f"<h3>{tag} {escape(example.dataset)} / {escape(example.image)}: {scores['gain']:+.2f} dB</h3>"
    captions = (
        f"LR, bicubic\n{scores['bicubic_psnr']:.2f} dB / {scores['bicubic_ssim']:.4f}",
        f"SR\n{scores['psnr']:.2f} dB / {scores['ssim']:.4f}",
        "HR\nthe original",
    )
    crops = components.crops([(text, pixels[detail]) for text, pixels in zip(captions, (bicubic, sr, hr), strict=True)])
    slider = components.slider(("bicubic", bicubic), ("SR", sr))
    return f'<div class="card">{head}<div class="example">{slider}{crops}</div></div>'


def _windows(example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the part of the three images that is shown: all of it, or what surrounds the place where SR improves most on bicubic."""
    height, width = example.hr.shape[:2]
    top, left, side = find_detail(example.bicubic, example.sr, example.hr, _DETAIL)
    row = min(max(0, top + side // 2 - _WINDOW // 2), max(0, height - _WINDOW))
    column = min(max(0, left + side // 2 - _WINDOW // 2), max(0, width - _WINDOW))
    window = (slice(row, row + _WINDOW), slice(column, column + _WINDOW))
    return example.bicubic[window], example.sr[window], example.hr[window]
