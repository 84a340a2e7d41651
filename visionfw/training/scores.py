"""What a sampler learns from: the score that each patch of a round got in its training step, with no inference beside it."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from visionfw.data.pipeline import BatchSource
from visionfw.runs.resume import TrainingState

_MOST = 1e3


class PatchScores(keras.metrics.Metric):
    """A metric that keeps the figure of every patch of a round, in the order of the batches; its result is their mean.

    Args:
        figure: (reference, made) -> (batch,).
        count: patches a round.
        name: of the metric.
    """

    def __init__(self, figure: Callable, count: int, name: str):
        super().__init__(name=name, dtype="float32")
        self.figure, self.count = figure, count
        self.kept = self.add_variable((count,), "zeros", name="kept")
        self.seen = self.add_variable((), "zeros", dtype="int32", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        figures = ops.cast(self.figure(y_true, y_pred), "float32")
        count = ops.shape(figures)[0]
        places = (self.seen + ops.arange(count, dtype="int32")) % self.count
        self.kept.assign(ops.scatter_update(self.kept, places[:, None], figures))
        self.seen.assign_add(count)

    def result(self):
        return ops.sum(self.kept) / ops.maximum(ops.cast(self.seen, "float32"), 1.0)

    def figures(self) -> np.ndarray:
        """Return the figures of the patches so far, (n,) float32."""
        return ops.convert_to_numpy(self.kept)[: int(ops.convert_to_numpy(self.seen))].copy()


class Scoring(keras.callbacks.Callback):
    """Hands the scores of a round to the sampler at its end, and lets the next round be drawn.

    Args:
        feed: where the batches come from, and its sampler.
        metric: the figures of the round's patches; None for a sampler that learns nothing.
        standing: where the run stands; the scores of an interrupted round are kept there.
        baseline: (n,) what is subtracted from each patch's figure; 0 unless given.
        sign: the figure's factor; -1 where a large one is bad.
    """

    def __init__(self, feed: BatchSource, metric: PatchScores | None, standing: TrainingState, baseline: np.ndarray | None = None, sign: float = 1.0):
        super().__init__()
        self.feed, self.metric, self.standing, self.baseline, self.sign = feed, metric, standing, baseline, sign

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        if self.metric is not None:
            self._learn(epoch)
        self.feed.open(epoch + 1)

    def on_train_end(self, logs=None) -> None:
        self.feed.close()  # before Keras waits for the thread that waits for the next round

    def _learn(self, epoch: int) -> None:
        ids = self.feed.round(epoch).reshape(-1)
        figures = np.concatenate([self.standing.scores, self.metric.figures()])
        if len(figures) < len(ids):  # stopped inside the round
            self.standing.scores = figures
            return
        self.standing.scores = np.zeros(0, np.float32)
        scores = self.sign * np.nan_to_num(figures.astype(np.float64), nan=0.0, posinf=_MOST, neginf=-_MOST)  # of what is about to explode
        self.standing.last_scores = scores if self.baseline is None else scores - self.baseline[ids]
        self.feed.sampler.update(ids, self.standing.last_scores)
