"""Plots of a run: loss and gain by step, and what its sampler drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visionfw.reports.figures import new_figure, save_figure

Row = Mapping[str, Any]
_BLUE, _ORANGE, _RED, _GRAY, _LIGHT = "#1f6fb4", "#d9822b", "#b8324f", "#888888", "#cccccc"


def plot_training(path: Path, rows: Sequence[Mapping[str, float]], title: str) -> None:
    """Plot validation gain and training loss over steps.

    Args:
        path: PNG file to write.
        rows: a run's history, with 'step', 'val_gain' and 'loss'.
        title: of the plot.

    Raises:
        RequestError: Matplotlib is not installed.
        VisionfwError: the file cannot be written.
    """
    steps = [int(row["step"]) for row in rows]
    with new_figure(8, 4.5) as figure:
        gain_axes = figure.add_subplot()
        (gain_line,) = gain_axes.plot(steps, [row["val_gain"] for row in rows], "o-", color=_BLUE, label="validation PSNR over bicubic")
        gain_axes.axhline(0, color=_GRAY, linewidth=1, linestyle="--")
        gain_axes.annotate("bicubic", (steps[0], 0), textcoords="offset points", xytext=(2, 4), color="#666666", fontsize=9)
        gain_axes.set(xlabel="step", ylabel="gain over bicubic, dB", title=title)
        gain_axes.grid(alpha=0.3)
        loss_axes = gain_axes.twinx()
        (loss_line,) = loss_axes.plot(steps, [row["loss"] for row in rows], "s-", color=_ORANGE, markersize=4, label="training loss")
        loss_axes.set(ylabel="training loss")
        gain_axes.legend(handles=[gain_line, loss_line], loc="center right")
        save_figure(figure, path, dpi=120)


def plot_sampling(
    path: Path, rounds: Sequence[Row], psnr_edges: np.ndarray, all_patches: tuple[Sequence[int], float], scores: tuple[str, np.ndarray] | None
) -> None:
    """Plot what a sampler drew: scores by round, the drawn patches' bicubic PSNR beside that of all patches, and the fraction of flat ones.

    Args:
        path: PNG file to write.
        rounds: the records of rounds: 'round', 'drawn' (histogram over `psnr_edges`), 'flat' (fraction), and 'scores' (histogram) if
            the sampler learns.
        psnr_edges: bin edges of the histograms of PSNR, dB.
        all_patches: histogram and fraction of flat patches, of all patches.
        scores: name and bin edges of the scores; None for a sampler that does not learn.

    Raises:
        RequestError: Matplotlib is not installed.
        VisionfwError: the file cannot be written.
    """
    count = 3 if scores else 2
    with new_figure(5 * count, 4.2) as figure:
        panels = list(figure.subplots(1, count))
        if scores:
            mesh = _plot_scores(panels[0], rounds, *scores)
            figure.colorbar(mesh, ax=panels[0], label="fraction of the round's patches")
        _plot_drawn(panels[-2], rounds, psnr_edges, all_patches[0])
        _plot_flat(panels[-1], rounds, all_patches[1])
        save_figure(figure, path, dpi=110)


def _plot_scores(axes: Any, rounds: Sequence[Row], name: str, edges: np.ndarray) -> Any:
    """Plot the histograms of scores by round; return the mesh."""
    numbers = [record["round"] for record in rounds]
    counts = np.array([record["scores"] for record in rounds], np.float64).T
    last_width = numbers[-1] - numbers[-2] if len(numbers) > 1 else 1
    mesh = axes.pcolormesh([*numbers, numbers[-1] + last_width], edges, counts / np.maximum(counts.sum(axis=0), 1), cmap="magma_r")
    used = np.flatnonzero(counts.sum(axis=1))
    axes.set(xlabel="round", ylabel=f"score ({name})", title="scores of the drawn patches", ylim=(edges[used[0]], edges[used[-1] + 1]))
    return mesh


def _plot_drawn(axes: Any, rounds: Sequence[Row], edges: np.ndarray, all_counts: Sequence[int]) -> None:
    """Plot the histograms of bicubic PSNR of the first, the middle and the last round beside that of all patches."""
    centers = (edges[1:] + edges[:-1]) / 2
    axes.fill_between(centers, np.array(all_counts) / max(1, sum(all_counts)), step="mid", color=_LIGHT, label="all patches")
    for number, color in zip(sorted({0, len(rounds) // 2, len(rounds) - 1}), (_BLUE, _ORANGE, _RED), strict=False):
        counts = np.array(rounds[number]["drawn"])
        axes.step(centers, counts / max(1, counts.sum()), where="mid", color=color, label=f"drawn in round {rounds[number]['round']}")
    axes.set(xlabel="bicubic PSNR, dB", ylabel="fraction of patches", title="drawn patches and all patches")
    axes.legend()


def _plot_flat(axes: Any, rounds: Sequence[Row], all_fraction: float) -> None:
    """Plot the percentage of flat patches by round beside that of all patches."""
    axes.plot([record["round"] for record in rounds], [100 * record["flat"] for record in rounds], "o-", markersize=3, color=_BLUE, label="drawn")
    axes.axhline(100 * all_fraction, color=_GRAY, linestyle="--", label="all patches")
    axes.set(xlabel="round", ylabel="flat patches, %", title="flat patches", ylim=(0, None))
    axes.legend()
