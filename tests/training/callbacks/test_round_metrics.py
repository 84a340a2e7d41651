"""The metrics of a round are means over all of its steps, interrupted or not."""

import pytest

from visionfw.runs.resume import TrainingState
from visionfw.training.callbacks.round_metrics import RoundMetrics

LOSSES = [0.5, 0.25, 1.0, 2.0, 0.125, 4.0, 0.75]  # of the steps of rounds of 4 steps, the last one of which has 3


def mean(values):
    return sum(values) / len(values)


def end_fit(state, first, last):
    """Return the loss in the logs after a `fit` of some steps of one round."""
    logs = {"loss": mean(LOSSES[first:last]), "other": 5.0}
    state.step = last
    RoundMetrics(state, names=("loss",), round_steps=4, total_steps=len(LOSSES)).on_epoch_end(0, logs)
    assert logs["other"] == 5.0
    return logs["loss"]


@pytest.mark.parametrize("parts", [[(0, 4)], [(0, 1), (1, 4)], [(0, 1), (1, 2), (2, 4)], [(4, 7)], [(4, 6), (6, 7)]])
def test_a_round_in_parts_has_the_mean_of_the_whole(parts):
    state = TrainingState()
    losses = [end_fit(state, *part) for part in parts]
    assert losses[-1] == pytest.approx(mean(LOSSES[parts[0][0] : parts[-1][1]]))
    assert (state.partial_round.steps, state.partial_round.metrics) == (0, {})


def test_an_interrupted_round_is_remembered():
    state = TrainingState()
    end_fit(state, 0, 3)
    assert state.partial_round.steps == 3
    assert state.partial_round.metrics == {"loss": pytest.approx(mean(LOSSES[:3]))}
