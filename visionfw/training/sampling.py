"""What a sampler did over a run, in figures and pictures: whom it drew, what scores they got, whom it wants."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from visionfw.data.pipeline import BatchSource
from visionfw.imaging.resize import imresize
from visionfw.reports import plots
from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState

#: Edges of histograms: of bicubic PSNR in dB, and of scores by kind; what lies outside counts in the outermost bins.
PSNR_EDGES = np.linspace(10, 60, 51)
SCORE_EDGES = {"psnr": np.linspace(10, 60, 51), "gain": np.linspace(-10, 15, 51), "loss": np.linspace(-0.25, 0, 51)}
FLAT = 8.0  # gray levels: a patch that deviates less counts as flat
_MOST_ROUNDS = 100
_SHOWN = 12
_MOST_PATCHES = 10**7  # of which the most wanted are looked for


class SamplingRecord(keras.callbacks.Callback):
    """Notes of rounds, at most a hundred evenly spread: histograms of the drawn patches' bicubic PSNR and of their scores, and the share of flat ones.

    Args:
        feed: what draws.
        psnr: (n,) PSNR of every patch's bicubic enlargement, dB.
        deviation: (n,) of its luma, gray levels.
        rounds: of the whole run.
        standing: where the notes are kept, as `sampling`.
    """

    def __init__(self, feed: BatchSource, psnr: np.ndarray, deviation: np.ndarray, rounds: int, standing: TrainingState):
        super().__init__()
        self.feed, self.psnr, self.deviation, self.standing = feed, psnr, deviation, standing
        self.every = -(-rounds // _MOST_ROUNDS)

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        noted, scores = self.standing.sampling, self.standing.last_scores
        self.standing.last_scores = None
        is_whole = self.standing.step % self.feed.round_steps == 0
        if not is_whole or epoch % self.every or (noted and noted[-1]["round"] >= epoch):
            return
        ids = self.feed.round(epoch).reshape(-1)
        note: dict[str, Any] = {"round": epoch, "drawn": histogram(self.psnr[ids], PSNR_EDGES), "flat": float((self.deviation[ids] < FLAT).mean())}
        if scores is not None:
            note["scores"] = histogram(scores, SCORE_EDGES[self.feed.sampler.score])
        noted.append(note)


def histogram(values: np.ndarray, edges: np.ndarray) -> list[int]:
    """Count values between edges; what lies outside counts in the outermost bins."""
    return np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0].tolist()


def illustrate_sampling(run: Run, feed: BatchSource, psnr: np.ndarray, deviation: np.ndarray, standing: TrainingState) -> None:
    """Draw what was noted (sampling.png), and the patches that the sampler wants most and least (wanted.png)."""
    if not standing.sampling:
        return
    score = feed.sampler.score
    plots.draw_sampling(
        run.sampling,
        standing.sampling,
        PSNR_EDGES,
        (histogram(psnr, PSNR_EDGES), float((deviation < FLAT).mean())),
        (score, SCORE_EDGES[score]) if score else None,
    )
    if len(psnr) <= _MOST_PATCHES:
        order = np.lexsort((psnr, -feed.sampler.wanted()))
        shown = min(_SHOWN, len(order))
        chosen = np.concatenate([order[:shown], order[-shown:]])
        lr, hr = feed.source.read(chosen)
        enlarged = np.stack([imresize(patch, feed.source.scale) for patch in lr])
        halves = (("most wanted", slice(0, shown)), ("least wanted", slice(shown, None)))
        rows = [(f"{name}: {kind}", images[part]) for name, part in halves for kind, images in (("bicubic", enlarged), ("HR", hr))]
        plots.draw_sheet(run.wanted, rows, [""] * shown)
