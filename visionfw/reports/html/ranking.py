"""The page of a ranking: the table as a heat map, significant differences, ranks, training curves, and samples of the training sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from visionfw.reports.html import components
from visionfw.reports.html.components import Row

_COLORS = ("#1f6fb4", "#d9822b", "#1a7f4b", "#b8324f", "#7a52a8", "#5d6670", "#8a6d1d", "#2a9d9d")


@dataclass(frozen=True)
class SetSample:
    """Sample patches of a training set and their difficulty.

    Attributes:
        name: the training set.
        patches: (n, height, width, 3) uint8, some of its HR patches.
        edges: (bins + 1,) edges of the histogram, dB.
        counts: (bins,) number of patches by their bicubic PSNR.
        facts: number of images and patches, PSNR.
    """

    name: str
    patches: np.ndarray
    edges: np.ndarray
    counts: np.ndarray
    facts: Row


@dataclass(frozen=True)
class Interval:
    """The difference between two names.

    Attributes:
        gain: mean difference, dB.
        low, high: its confidence interval, dB.
        is_significant: whether the names are distinguishable.
        sentence: the difference in words.
    """

    gain: float
    low: float
    high: float
    is_significant: bool
    sentence: str


@dataclass(frozen=True)
class Curve:
    """The validation gain of a run, dB, over its steps."""

    name: str
    steps: Sequence[float]
    gains: Sequence[float]


@dataclass(frozen=True)
class RankingPage:
    """The content of the page.

    Attributes:
        title: what is ranked.
        about: facts about the ranking.
        names: the ranked names.
        gains: for every test set the mean gain of each name, dB.
        table: a row for each test set.
        standings: a row for each name, best first.
        intervals: for every test set the differences between every two names.
        notes: lines under the table.
        curves: one for each run.
        samples: of the training sets.
        costs: a row for each name.
        protocol: how the scores were measured.
    """

    title: str
    about: Row
    names: Sequence[str]
    gains: Mapping[str, Sequence[float]]
    table: Sequence[Row]
    standings: Sequence[Row]
    intervals: Mapping[str, Sequence[Interval]]
    notes: Sequence[str]
    curves: Sequence[Curve]
    samples: Sequence[SetSample]
    costs: Sequence[Row]
    protocol: Row

    def html(self) -> str:
        """Return the page."""
        notes = "".join(f'<p class="soft">{escape(note)}</p>' for note in self.notes)
        body = [f"<h1>{escape(self.title)}</h1>", components.facts(self.about), "<h2>Gain over bicubic, dB</h2>", self._heat_map(), notes]
        body += ["<h2>Standings</h2>", f'<div class="scroll">{components.sortable_table(self.standings, "standings")}</div>']
        body += [
            "<h2>Differences</h2>",
            '<p class="soft">Mean difference of every two, with its 95% interval over images and seeds. Thick bars are significant.</p>',
        ]
        body += [f'<div class="card"><h3>{escape(test)}</h3>{_bars(intervals)}</div>' for test, intervals in self.intervals.items()]
        body += ["<h2>Training</h2>", f'<div class="card">{self._chart()}</div>']
        if self.samples:
            note = "Patches drawn at random, and the distribution of the bicubic PSNR of all patches: hard ones to the left."
            body += ["<h2>Training sets</h2>", f'<p class="soft">{note}</p>', *map(_sample, self.samples)]
        body += ["<h2>Costs</h2>", f'<div class="scroll">{components.sortable_table(self.costs, "costs")}</div>']
        return components.page(self.title, [*body, "<h2>Protocol</h2>", components.facts(self.protocol)])

    def _heat_map(self) -> str:
        """Return the table; every row's cells are shaded from its smallest gain to its largest."""
        heads = "".join(f"<th>{escape(key)}</th>" for key in self.table[0])
        lines = []
        for row in self.table:
            shades = _shades(dict(zip(self.names, self.gains[row["test set"]], strict=True)))
            texts = {key: f"{value:.3f}" if isinstance(value, float) else str(value) for key, value in row.items()}
            cells = [f"<td{shades.get(key, '')}>{escape(text)}</td>" for key, text in texts.items()]
            lines.append(f"<tr>{''.join(cells)}</tr>")
        return f'<div class="scroll"><table id="gains"><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'

    def _chart(self) -> str:
        """Return the validation gains of all runs over their steps, a color for each name."""
        curves = [curve for curve in self.curves if len(curve.steps) > 1]
        if not curves:
            return ""
        width, height = 760, 300
        colors = {name: _COLORS[number % len(_COLORS)] for number, name in enumerate(self.names)}
        last, gains = max(curve.steps[-1] for curve in curves), [gain for curve in curves for gain in curve.gains]
        low, high = min(gains), max(gains)

        def point(step: float, gain: float) -> str:
            return f"{50 + step / last * (width - 60):.1f},{10 + (high - gain) / ((high - low) or 1) * (height - 40):.1f}"

        lines = []
        for curve in curves:
            points = " ".join(map(point, curve.steps, curve.gains))
            lines.append(f'<polyline points="{points}" fill="none" stroke="{colors[curve.name]}" stroke-width="1.5" opacity=".8"/>')
        ends = f'<text x="4" y="20">{high:+.2f} dB</text><text x="4" y="{height - 30}">{low:+.2f} dB</text>'
        ends += f'<text x="{width - 70}" y="{height - 8}">{last:g} steps</text>'
        legend = " ".join(f'<span class="tag" style="background:{color}">{escape(name)}</span>' for name, color in colors.items())
        shape = f'viewBox="0 0 {width} {height}" width="100%" role="img" aria-label="validation gain over steps"'
        return f"<svg {shape}>{''.join(lines)}{ends}</svg><p>{legend}</p>"


def _shades(gains: Mapping[str, float]) -> dict[str, str]:
    """Return the style of each name's cell."""
    low, high = min(gains.values()), max(gains.values())
    percent = {name: 40 * (gain - low) / ((high - low) or 1) for name, gain in gains.items()}
    return {name: f' style="background:color-mix(in srgb, var(--good) {value:.0f}%, transparent)"' for name, value in percent.items()}


def _sample(sample: SetSample) -> str:
    """Return a training set's card: facts, patches, and the histogram of their PSNR."""
    images = "".join(components.image(patch, f"patch of {sample.name}") for patch in sample.patches)
    fractions = sample.counts / max(1, sample.counts.sum())
    width, tallest = 520, float(fractions.max() or 1)
    step = width / len(fractions)
    bars = "".join(
        f'<rect x="{number * step:.1f}" width="{step - 1:.1f}" y="{100 - height:.1f}" height="{height:.1f}" fill="var(--accent)"/>'
        for number, height in enumerate(96 * fractions / tallest)
    )
    ends = f'<text x="0" y="118">{sample.edges[0]:g} dB</text><text x="{width - 40}" y="118">{sample.edges[-1]:g} dB</text>'
    shape = f'viewBox="0 0 {width} 122" width="{width}" style="max-width:100%"'
    histogram = f'<svg {shape} role="img" aria-label="bicubic PSNR of the patches of {escape(sample.name)}">{bars}{ends}</svg>'
    return f'<div class="card"><h3>{escape(sample.name)}</h3>{components.facts(sample.facts)}<div class="strip">{images}</div>{histogram}</div>'


def _bars(intervals: Sequence[Interval]) -> str:
    """Return the intervals as bars on one scale, each with its sentence."""
    low, high = min(0.0, *(interval.low for interval in intervals)), max(0.0, *(interval.high for interval in intervals))
    width, spread = 300, (high - low) or 1.0

    def x(value: float) -> str:
        return f"{4 + (value - low) / spread * (width - 8):.1f}"

    lines = []
    for interval in intervals:
        color, thickness = ("var(--good)", 5) if interval.is_significant else ("var(--soft)", 2)
        bar = f'<line x1="{x(interval.low)}" x2="{x(interval.high)}" y1="10" y2="10" stroke="{color}" stroke-width="{thickness}"/>'
        zero = f'<line x1="{x(0)}" x2="{x(0)}" y1="0" y2="20" stroke="var(--line)"/>'
        dot = f'<circle cx="{x(interval.gain)}" cy="10" r="5" fill="{color}"/>'
        drawing = f'<svg viewBox="0 0 {width} 20" width="{width}">{zero}{bar}{dot}</svg>'
        lines.append(f'<tr><td>{drawing}</td><td style="white-space:normal">{escape(interval.sentence)}</td></tr>')
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'
