"""The page of a ranking: the table as a heat map, who is really better, ranks, curves, and what the training sets look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

from visionfw.reports.html import components as parts
from visionfw.reports.html.components import Row

_COLORS = ("#1f6fb4", "#d9822b", "#1a7f4b", "#b8324f", "#7a52a8", "#5d6670", "#8a6d1d", "#2a9d9d")


@dataclass(frozen=True)
class Sample:
    """What a training set looks like.

    Attributes:
        name: the set's.
        patches: (n, height, width, 3) uint8, some of its HR patches.
        edges: of the histogram, dB.
        counts: of patches by their bicubic PSNR.
        facts: images, patches, mean PSNR.
    """

    name: str
    patches: np.ndarray
    edges: np.ndarray
    counts: np.ndarray
    facts: Row


@dataclass(frozen=True)
class RankingPage:
    """All that the page shows.

    Attributes:
        title: what is ranked.
        about: facts on the ranking.
        names: what is ranked.
        gains: test set -> mean gain of each name, dB.
        table: rows of the printed table.
        standings: a row a name, best first.
        intervals: test set -> (better, worse, gain, low, high, is real, sentence) of every two names.
        notes: lines under the table.
        curves: name -> runs, each steps and gains.
        samples: of the training sets.
        costs: a row a name.
        protocol: how figures were made.
    """

    title: str
    about: Row
    names: Sequence[str]
    gains: Mapping[str, Sequence[float]]
    table: Sequence[Row]
    standings: Sequence[Row]
    intervals: Mapping[str, Sequence[tuple]]
    notes: Sequence[str]
    curves: Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]]
    samples: Sequence[Sample]
    costs: Sequence[Row]
    protocol: Row
    colors: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "colors", {name: _COLORS[place % len(_COLORS)] for place, name in enumerate(self.names)})

    def html(self) -> str:
        """Return the page."""
        notes = "".join(f'<p class="soft">{escape(note)}</p>' for note in self.notes)
        body = [f"<h1>{escape(self.title)}</h1>", parts.facts(self.about), "<h2>Gain over bicubic, dB</h2>", self._heat_map(), notes]
        body += ["<h2>Standings</h2>", f'<div class="scroll">{parts.table(self.standings, "standings")}</div>']
        body += ["<h2>Is it real?</h2>", '<p class="soft">Mean difference of every two, with its 95% interval over images and seeds; full bars are real.</p>']
        body += [f'<div class="card"><h3>{escape(dataset)}</h3>{_intervals(found)}</div>' for dataset, found in self.intervals.items()]
        body += ["<h2>Training</h2>", f'<div class="card">{self._curves()}</div>']
        if self.samples:
            body += [
                "<h2>What the sets look like</h2>",
                '<p class="soft">Patches drawn at random, and how many lie at which PSNR of bicubic: hard ones left.</p>',
            ]
            body += [self._sample(sample) for sample in self.samples]
        body += ["<h2>What it costs</h2>", f'<div class="scroll">{parts.table(self.costs, "costs")}</div>', "<h2>Protocol</h2>", parts.facts(self.protocol)]
        return parts.page(self.title, body)

    def _heat_map(self) -> str:
        """Return the table, every row's cells colored from its lowest gain to its highest."""
        heads = "".join(f"<th>{escape(key)}</th>" for key in self.table[0])
        lines = []
        for row in self.table:
            gains = dict(zip(self.names, self.gains[row["test set"]], strict=True))
            low, high = min(gains.values()), max(gains.values())
            cells = []
            for key, value in row.items():
                shade = (
                    f' style="background:color-mix(in srgb, var(--good) {40 * (gains[key] - low) / ((high - low) or 1):.0f}%, transparent)"'
                    if key in gains
                    else ""
                )
                shown = f"{value:.3f}" if isinstance(value, float) else str(value)
                cells.append(f"<td{shade}>{escape(shown)}</td>")
            lines.append(f"<tr>{''.join(cells)}</tr>")
        return f'<div class="scroll"><table id="gains"><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'

    def _curves(self) -> str:
        """Return all runs' validation gain over their steps, a color a name."""
        runs = [(name, steps, gains) for name, found in self.curves.items() for steps, gains in found if len(steps) > 1]
        if not runs:
            return ""
        width, height = 760, 300
        most, values = max(steps[-1] for _, steps, _ in runs), [gain for _, _, gains in runs for gain in gains]
        low, high = min(values), max(values)
        lines = []
        for name, steps, gains in runs:
            points = " ".join(
                f"{50 + step / most * (width - 60):.1f},{10 + (high - gain) / ((high - low) or 1) * (height - 40):.1f}"
                for step, gain in zip(steps, gains, strict=True)
            )
            lines.append(f'<polyline points="{points}" fill="none" stroke="{self.colors[name]}" stroke-width="1.5" opacity=".8"/>')
        ends = f'<text x="4" y="20">{high:+.2f} dB</text><text x="4" y="{height - 30}">{low:+.2f} dB</text>'
        ends += f'<text x="{width - 70}" y="{height - 8}">{most:g} steps</text>'
        legend = " ".join(f'<span class="tag" style="background:{color}">{escape(name)}</span>' for name, color in self.colors.items())
        return (
            f'<svg viewBox="0 0 {width} {height}" width="100%" role="img" aria-label="validation gain over steps">{"".join(lines)}{ends}</svg><p>{legend}</p>'
        )

    def _sample(self, sample: Sample) -> str:
        images = "".join(parts.image(patch, f"patch of {sample.name}") for patch in sample.patches)
        strip = f'<div class="strip">{images}</div>'
        shares = sample.counts / max(1, sample.counts.sum())
        width, tallest = 520, float(shares.max() or 1)
        step = width / len(shares)
        bars = "".join(
            f'<rect x="{place * step:.1f}" width="{step - 1:.1f}" y="{100 - tall:.1f}" height="{tall:.1f}" fill="var(--accent)"/>'
            for place, tall in enumerate(96 * shares / tallest)
        )
        ends = f'<text x="0" y="118">{sample.edges[0]:g} dB</text><text x="{width - 40}" y="118">{sample.edges[-1]:g} dB</text>'
        shape = f'viewBox="0 0 {width} 122" width="{width}" style="max-width:100%"'
        drawing = f'<svg {shape} role="img" aria-label="bicubic PSNR of the patches of {escape(sample.name)}">{bars}{ends}</svg>'
        return f'<div class="card"><h3>{escape(sample.name)}</h3>{parts.facts(sample.facts)}{strip}{drawing}</div>'


def _intervals(found: Sequence[tuple]) -> str:
    """Return bars of differences with their intervals, and each in words."""
    low, high = min(0.0, *(one[3] for one in found)), max(0.0, *(one[4] for one in found))
    width, spread = 300, (high - low) or 1.0

    def x(value: float) -> float:
        return 4 + (value - low) / spread * (width - 8)

    lines = []
    for _, _, gain, least, most, is_real, sentence in found:
        color = "var(--good)" if is_real else "var(--soft)"
        bar = f'<line x1="{x(least):.1f}" x2="{x(most):.1f}" y1="10" y2="10" stroke="{color}" stroke-width="{5 if is_real else 2}"/>'
        zero = f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="20" stroke="var(--line)"/>'
        dot = f'<circle cx="{x(gain):.1f}" cy="10" r="5" fill="{color}"/>'
        lines.append(
            f'<tr><td><svg viewBox="0 0 {width} 20" width="{width}">{zero}{bar}{dot}</svg></td><td style="white-space:normal">{escape(sentence)}</td></tr>'
        )
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'
