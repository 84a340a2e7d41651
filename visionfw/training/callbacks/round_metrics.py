"""Metrics of whole rounds, also of those that were interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from visionfw.runs.resume import TrainingState


class RoundMetrics(keras.callbacks.Callback):
    """Puts the means over the whole round into the logs at its end, and keeps those of an interrupted round in the state.

    Args:
        state: its `partial_round` holds the metrics of the part before an interruption.
        names: the metrics' names in the logs.
        round_steps: steps of a round.
        total_steps: steps of the whole run.
    """

    def __init__(self, state: TrainingState, *, names: Sequence[str], round_steps: int, total_steps: int):
        super().__init__()
        self.state, self.names, self.round_steps, self.total_steps = state, names, round_steps, total_steps

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        partial, step = self.state.partial_round, self.state.step
        steps_in_round = step - (step - 1) // self.round_steps * self.round_steps
        new = (steps_in_round - partial.steps) / steps_in_round
        logs.update({name: float(logs[name]) * new + partial.metrics.get(name, 0.0) * (1 - new) for name in self.names})
        is_interrupted = step % self.round_steps != 0 and step < self.total_steps
        partial.steps = steps_in_round if is_interrupted else 0
        partial.metrics = {name: logs[name] for name in self.names} if is_interrupted else {}
