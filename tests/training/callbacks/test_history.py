"""History rows are appended and written as CSV."""

import csv
import json

from visionfw.runs.directory import create
from visionfw.runs.resume import BestValidation, TrainingState
from visionfw.training.callbacks.history import HistoryFile


def test_a_validation_is_a_row_and_the_best_one_is_in_the_record(tmp_path):
    run, state = create(tmp_path / "run", ""), TrainingState(best=BestValidation(2, 30.5, 1.25))
    history = HistoryFile(run, state, names=("loss", "psnr"))
    logs = {"loss": 0.5, "psnr": 28.0, "learning_rate": 1e-3, "step": 2, "seconds": 1.5, "val_psnr": 30.5, "val_gain": 1.25}
    history.on_epoch_end(0, logs)
    history.on_epoch_end(1, {"loss": 0.4, "psnr": 28.5})  # no validation
    history.on_epoch_end(2, logs | {"step": 4})
    with run.history.open() as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["step", "loss", "psnr", "seconds", "val_psnr", "val_gain"]
    assert [row["step"] for row in rows] == ["2", "4"]
    assert json.loads(run.record.read_text())["best"] == {"step": 2, "val_psnr": 30.5, "val_gain": 1.25}
