"""Pictures of a run: images side by side, sheets of patches, curves."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from visionfw.errors import RequestError, VisionfwError
from visionfw.numerics import summed_area_table, window_sums

Row = Mapping[str, Any]


def draw_comparison(path: Path, panels: Sequence[tuple[str, np.ndarray, float | None]], title: str) -> None:
    """Draw images of one size side by side, each with its name and PSNR below, and a detail of each in a second row.

    Args:
        path: PNG to write.
        panels: (name, (height, width, 3) uint8, PSNR in dB or None for the original): bicubic first, then SR, the original last.
        title: written into the first label.
    """
    height, width = panels[-1][1].shape[:2]
    font = ImageFont.load_default(size=max(13, width // 28))
    margin, label = max(6, width // 80), int(font.size * 1.9)
    top, left, side = detail_of(panels[0][1], panels[-2][1], panels[-1][1], max(height, width))
    sheet = Image.new("RGB", (margin + (width + margin) * len(panels), 2 * margin + height + label + width), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (name, image, psnr) in enumerate(panels):
        x = margin + number * (width + margin)
        sheet.paste(Image.fromarray(image), (x, margin))
        draw.rectangle([x + left, margin + top, x + left + side, margin + top + side], outline="yellow", width=max(1, width // 250))
        detail = Image.fromarray(image[top : top + side, left : left + side])
        sheet.paste(detail.resize((width, width), Image.Resampling.NEAREST), (x, margin + height + label))
        text = f"{name}: {psnr:.2f} dB" if psnr is not None else f"{name} ({title})"
        draw.text((x + width / 2, margin + height + label / 2), text, fill="black", font=font, anchor="mm")
    try:
        sheet.save(path)
    except OSError as error:
        raise VisionfwError(f"{path}: cannot be written: {error}") from error


def detail_of(bicubic: np.ndarray, made: np.ndarray, original: np.ndarray, most: int) -> tuple[int, int, int]:
    """Return top, left and side of the square, of `most` pixels a side at most, where SR improves most on bicubic."""
    reference = original.astype(np.float64)
    better = ((bicubic - reference) ** 2 - (made - reference) ** 2).sum(axis=2)
    height, width = better.shape
    side = min(height, width, most, max(16, min(height, width) // 5))
    sums = window_sums(summed_area_table(better), side, side)
    top, left = np.unravel_index(np.argmax(sums), sums.shape)
    return int(top), int(left), side


def draw_sheet(path: Path, rows: Sequence[tuple[str, np.ndarray]], captions: Sequence[str], most: int = 16) -> None:
    """Draw patches of one size in rows, each with a name on its left, and a caption under each column.

    Args:
        path: PNG to write.
        rows: (name, (n, height, width, 3) uint8).
        captions: (n,) one a column.
        most: columns drawn.
    """
    columns = min(most, len(captions))
    height, width = rows[0][1].shape[1:3]
    factor = max(1, round(96 / height))
    font = ImageFont.load_default(size=13)
    left, gap, line = 150, 4, 20
    sheet = Image.new("RGB", (left + columns * (factor * width + gap), len(rows) * (factor * height + gap) + line), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (name, patches) in enumerate(rows):
        top = number * (factor * height + gap)
        draw.text((6, top + factor * height / 2), name, fill="black", font=font, anchor="lm")
        for column in range(columns):
            patch = Image.fromarray(patches[column]).resize((factor * width, factor * height), Image.Resampling.NEAREST)
            place = left + column * (factor * width + gap), top
            sheet.paste(patch, place)
            draw.rectangle((place[0] - 1, top - 1, place[0] + patch.width, top + patch.height), outline="#cccccc")  # a white patch is one too
    for column, caption in enumerate(captions[:columns]):
        draw.text((left + column * (factor * width + gap) + factor * width / 2, sheet.height - line / 2), caption, fill="black", font=font, anchor="mm")
    try:
        sheet.save(path)
    except OSError as error:
        raise VisionfwError(f"{path}: cannot be written: {error}") from error


def read_history(history: Path) -> list[dict[str, float]]:
    """Return a run's validations, a row each, from its history.csv; none where there is no such file."""
    if not history.is_file():
        return []
    with history.open(encoding="utf-8") as lines:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(lines) if row.get("step")]


def draw_curve(path: Path, history: Path) -> None:
    """Draw loss and validation PSNR over steps from a run's history.csv. Raises RequestError where matplotlib is missing."""
    rows = read_history(history)
    figure, left = pyplot().subplots(figsize=(8, 4.5), layout="constrained")
    steps = [int(row["step"]) for row in rows]
    left.plot(steps, [row["val_gain"] for row in rows], "o-", color="#1f6fb4", label="validation PSNR over bicubic")
    left.axhline(0, color="#888888", linewidth=1, linestyle="--")
    left.annotate("bicubic", (steps[0], 0), textcoords="offset points", xytext=(2, 4), color="#666666", fontsize=9)
    left.set(xlabel="step", ylabel="gain over bicubic, dB", title=path.parent.name)
    right = left.twinx()
    right.plot(steps, [row["loss"] for row in rows], "s-", color="#d9822b", markersize=4, label="training loss")
    right.set(ylabel="training loss")
    lines = [*left.get_lines()[:1], *right.get_lines()]
    left.legend(lines, [line.get_label() for line in lines], loc="center right")
    left.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot().close(figure)


def draw_sampling(path: Path, notes: Sequence[Row], psnr_edges: np.ndarray, of_all: tuple[Sequence[int], float], scores: tuple[str, np.ndarray] | None) -> None:
    """Draw what a sampler did: scores by round, the drawn patches' bicubic PSNR beside all patches', and the share of flat ones.

    Args:
        path: PNG to write.
        notes: of rounds: 'round', 'drawn' (histogram over `psnr_edges`), 'flat' (share), and 'scores' (histogram) where it learns.
        psnr_edges: of the histograms of PSNR, dB.
        of_all: histogram and share of all patches.
        scores: name and edges of the scores; None where the sampler learns nothing.

    Raises:
        RequestError: matplotlib is missing.
    """
    figure, panels = pyplot().subplots(1, 3 if scores else 2, figsize=(15 if scores else 10, 4.2), layout="constrained")
    rounds = [note["round"] for note in notes]
    if scores:
        name, edges = scores
        counts = np.array([note["scores"] for note in notes], np.float64).T
        ends = [*rounds, rounds[-1] + (rounds[-1] - rounds[-2] if len(rounds) > 1 else 1)]
        mesh = panels[0].pcolormesh(ends, edges, counts / np.maximum(counts.sum(axis=0), 1), cmap="magma_r")
        used = np.flatnonzero(counts.sum(axis=1))
        panels[0].set(xlabel="round", ylabel=f"score ({name})", title="scores of the drawn patches", ylim=(edges[used[0]], edges[used[-1] + 1]))
        figure.colorbar(mesh, ax=panels[0], label="share of the round's patches")
    drawn, flat = panels[-2:]
    centers = (psnr_edges[1:] + psnr_edges[:-1]) / 2
    drawn.fill_between(centers, np.array(of_all[0]) / max(1, sum(of_all[0])), step="mid", color="#cccccc", label="all patches")
    for number, color in zip(sorted({0, len(notes) // 2, len(notes) - 1}), ("#1f6fb4", "#d9822b", "#b8324f"), strict=False):
        counts = np.array(notes[number]["drawn"])
        drawn.step(centers, counts / max(1, counts.sum()), where="mid", color=color, label=f"drawn in round {notes[number]['round']}")
    drawn.set(xlabel="bicubic PSNR, dB", ylabel="share of patches", title="drawn patches beside all")
    drawn.legend()
    flat.plot(rounds, [100 * note["flat"] for note in notes], "o-", markersize=3, color="#1f6fb4", label="drawn")
    flat.axhline(100 * of_all[1], color="#888888", linestyle="--", label="all patches")
    flat.set(xlabel="round", ylabel="flat patches, %", title="share of flat patches", ylim=(0, None))
    flat.legend()
    figure.savefig(path, dpi=110)
    pyplot().close(figure)


def pyplot():
    """Return matplotlib's pyplot without a screen. Raises RequestError where it is not installed."""
    try:
        import matplotlib
    except ImportError as error:
        raise RequestError("pictures need matplotlib: pip install 'visionfw[plots]'") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot
