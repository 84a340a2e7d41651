"""What a sampler drew over a run, as numbers and as pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from visionfw.data.patches import PatchSource
from visionfw.imaging.resize import imresize
from visionfw.reports.plots import plot_sampling as plot_rounds
from visionfw.reports.sheets import draw_sheet
from visionfw.runs.directory import Run
from visionfw.samplers.sampler import Sampler
from visionfw.samplers.scores import SCORES

#: Bin edges of histograms of bicubic PSNR, dB; the outermost bins count what lies beyond them.
PSNR_EDGES = np.linspace(10, 60, 51)
_FLAT_DEVIATION = 8.0  # gray levels: a patch that deviates less counts as flat
_MAX_ROUNDS = 100
_SHOWN_PATCHES = 12
_MAX_RANKED_PATCHES = 10**7


class SamplingHistory:
    """Records rounds, at most a hundred of them, evenly spread over the run.

    Args:
        rounds: the records so far, to which new ones are appended: the round's number as "round", histograms of its patches' bicubic PSNR
            ("drawn") and of their scores ("scores", where the sampler learns), and the fraction of flat patches ("flat").
        bicubic_psnr: (n,) PSNR of every patch's bicubic interpolation, dB.
        deviation: (n,) standard deviation of every patch's luma, gray levels.
        total_rounds: number of rounds of the whole run.
        score: name of the sampler's score; None where it does not learn.
    """

    def __init__(self, rounds: list[dict[str, Any]], *, bicubic_psnr: np.ndarray, deviation: np.ndarray, total_rounds: int, score: str | None):
        self.rounds, self.bicubic_psnr, self.deviation, self.score = rounds, bicubic_psnr, deviation, score
        self.interval = -(-total_rounds // _MAX_ROUNDS)

    def add(self, round_number: int, ids: np.ndarray, scores: np.ndarray | None) -> None:
        """Record a round.

        Args:
            round_number: its number; rounds between the recorded ones, and rounds recorded already, change nothing.
            ids: its patch numbers, (k,).
            scores: their scores, (k,); None where the sampler does not learn.
        """
        is_recorded = bool(self.rounds) and self.rounds[-1]["round"] >= round_number
        if round_number % self.interval or is_recorded:
            return
        record: dict[str, Any] = {"round": round_number, "drawn": histogram(self.bicubic_psnr[ids], PSNR_EDGES), "flat": flat_fraction(self.deviation[ids])}
        if scores is not None and self.score is not None:
            record["scores"] = histogram(scores, score_edges(self.score))
        self.rounds.append(record)


def score_edges(score: str) -> np.ndarray:
    """Return the bin edges of histograms of a score, (51,)."""
    return np.linspace(*SCORES[score].range, 51)


def histogram(values: np.ndarray, edges: np.ndarray) -> list[int]:
    """Count values between edges; the outermost bins count what lies beyond them."""
    return np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0].tolist()


def flat_fraction(deviation: np.ndarray) -> float:
    """Return the fraction of flat patches, given the standard deviation of each one's luma in gray levels."""
    return float((deviation < _FLAT_DEVIATION).mean())


def plot_sampling(run: Run, rounds: list[dict[str, Any]], *, bicubic_psnr: np.ndarray, deviation: np.ndarray, score: str | None) -> None:
    """Draw what was recorded of a run's rounds (sampling.png).

    Args:
        run: the run directory.
        rounds: the records of a `SamplingHistory`.
        bicubic_psnr, deviation, score: as in `SamplingHistory`.

    Raises:
        RequestError: matplotlib is not installed.
    """
    all_patches = (histogram(bicubic_psnr, PSNR_EDGES), flat_fraction(deviation))
    plot_rounds(run.sampling, rounds, PSNR_EDGES, all_patches, (score, score_edges(score)) if score else None)


def plot_priority(run: Run, sampler: Sampler, source: PatchSource, bicubic_psnr: np.ndarray) -> None:
    """Draw the patches that the sampler ranks highest and lowest, beside their bicubic interpolation (priority.png).

    Args:
        run: the run directory.
        sampler: ranks the patches by its `priority`, and patches of equal priority by their bicubic PSNR.
        source: the patches.
        bicubic_psnr: (n,) PSNR of every patch's bicubic interpolation, dB.
    """
    if len(bicubic_psnr) > _MAX_RANKED_PATCHES:
        return
    order = np.lexsort((bicubic_psnr, -sampler.priority()))
    count = min(_SHOWN_PATCHES, len(order))
    lr, hr = source.read(np.concatenate([order[:count], order[-count:]]))
    bicubic = np.stack([imresize(patch, source.scale) for patch in lr])
    halves = (("highest priority", slice(0, count)), ("lowest priority", slice(count, None)))
    rows = [(f"{half}: {kind}", images[part]) for half, part in halves for kind, images in (("bicubic", bicubic), ("HR", hr))]
    draw_sheet(run.priority, rows, [""] * count)
