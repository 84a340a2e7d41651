"""TensorBoard's x axis is the training step, so that runs with other samplers or batch sizes can be laid over each other."""

import keras
import numpy as np
import pytest

from visionfw.backend.capabilities import writes_tensorboard
from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState
from visionfw.training.callbacks.tensorboard import StepTensorBoard


class CountSteps(keras.callbacks.Callback):
    def __init__(self, state):
        super().__init__()
        self.state = state

    def on_train_batch_end(self, batch, logs=None):
        self.state.step += 1


def steps_of(folder):
    """Return the x values of the training loss in TensorBoard's files."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), {"tensors": 0})
    events.Reload()
    return [event.step for event in events.Tensors("epoch_loss")]


@pytest.mark.skipif(not writes_tensorboard(), reason="only TensorFlow writes TensorBoard's files")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_values_are_logged_by_step(tmp_path):
    run, state = Run(tmp_path), TrainingState(step=100)
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.zeros((6, 1), np.float32)
    model.fit(x, x, batch_size=2, epochs=2, verbose=0, callbacks=[CountSteps(state), StepTensorBoard(run, state)])
    assert steps_of(run.tensorboard / "train") == [103, 106]
