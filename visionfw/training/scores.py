"""Feeds the scores of a round's patches, recorded by the training step itself, back to the sampler."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from visionfw.data.batches import BatchSource
from visionfw.numerics import Tensor
from visionfw.runs.resume import TrainingState
from visionfw.samplers.scores import PatchScore
from visionfw.training.sampling import SamplingHistory


class PatchValues(keras.metrics.Metric):
    """A metric that keeps the value of every patch of a round, in the order of the batches. Its result is their mean.

    Args:
        function: (y_true, y_pred) -> (batch,) values.
        count: number of patches in a round.
        name: the metric's name.
    """

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], count: int, name: str):
        super().__init__(name=name, dtype="float32")
        self.function, self.count = function, count
        self.kept = self.add_variable((count,), "zeros", name="kept")
        self.seen = self.add_variable((), "zeros", dtype="int32", name="seen")

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        values = ops.cast(self.function(y_true, y_pred), "float32")
        count = ops.shape(values)[0]
        places = (self.seen + ops.arange(count, dtype="int32")) % self.count
        self.kept.assign(ops.scatter_update(self.kept, places[:, None], values))
        self.seen.assign_add(count)

    def result(self) -> Tensor:
        return ops.sum(self.kept) / ops.maximum(ops.cast(self.seen, "float32"), 1.0)

    def values(self) -> np.ndarray:
        """Return the values of the patches seen since the metric was reset, (k,) float32."""
        return ops.convert_to_numpy(self.kept)[: int(ops.convert_to_numpy(self.seen))].copy()


class SamplerFeedback(keras.callbacks.Callback):
    """Ends every round: computes its scores, updates the sampler, records the round, and only then lets the next round be drawn.

    Args:
        batches: the training batches, whose sampler is updated.
        state: where the run stands; its `partial_round` keeps the recorded values of an interrupted round.
        metric: records the values of a round's patches; None for a sampler that does not learn.
        score: turns those values into scores; None for a sampler that does not learn.
        statistic: returns a statistic of all patches by its name, (n,).
        history: records the rounds; None for no record.
    """

    def __init__(
        self,
        batches: BatchSource,
        state: TrainingState,
        *,
        metric: PatchValues | None,
        score: PatchScore | None,
        statistic: Callable[[str], np.ndarray],
        history: SamplingHistory | None,
    ):
        super().__init__()
        self.batches, self.state, self.metric, self.score, self.statistic, self.history = batches, state, metric, score, statistic, history

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        values = None if self.metric is None else np.concatenate([self.state.partial_round.patch_values, self.metric.values()])
        is_whole_round = self.state.step % self.batches.round_steps == 0
        if values is not None:
            self.state.partial_round.patch_values = np.zeros(0, np.float32) if is_whole_round else values
        if is_whole_round and (self.score is not None or self.history is not None):
            self._end_round(epoch, values)
        self.batches.release_round(epoch + 1)

    def _end_round(self, round_number: int, values: np.ndarray | None) -> None:
        ids = self.batches.ids_of_round(round_number).reshape(-1)
        scores = None if self.score is None or values is None else self.score.compute(values, ids, self.statistic)
        if scores is not None:
            self.batches.sampler.update(ids, scores)
        if self.history is not None:
            self.history.add(round_number, ids, scores)

    def on_train_end(self, logs: dict | None = None) -> None:
        self.batches.close()  # before Keras waits for the thread that waits for the next round
