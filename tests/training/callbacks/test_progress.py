"""Every step is reported with the run's count and its metrics."""

from visionfw.runs.resume import TrainingState
from visionfw.training.callbacks.progress import TrainingProgress


def test_steps_are_counted_over_the_whole_run():
    calls, state = [], TrainingState(step=8)
    TrainingProgress(lambda *call: calls.append(call), 10, state).on_train_batch_end(0, {"loss": 0.123456, "psnr": 28.0})
    assert calls == [(8, 10, "loss 0.1235, psnr 28")]
