"""Training images that are in a test set: found before the first job, and marked in every table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from visionfw.data.audit.leakage import find_leaks
from visionfw.data.datasets import ImageSet, find_sets
from visionfw.errors import some
from visionfw.io.progress import ProgressReporter
from visionfw.ranking.config import RankConfig

#: Marks scores on a test set that shares images with the training set.
MARK = "*"


def find_leakage(config: RankConfig, train_sets: Mapping[str, Sequence[ImageSet]], log: Callable[[str], None]) -> list[dict[str, Any]]:
    """Find training images that are in a test set, and log them.

    Args:
        config: the ranking.
        train_sets: every training set's image sets.
        log: called with each line for the user.

    Returns:
        A row for every ranked name and test set that share images: `name`, `dataset`, `train_set`, and `leaks`, a list of the training
        images (`train`) with the test image each shows (`test`) and how (`relation`).
    """
    rows, comparison = [], config.comparison
    tests = find_sets(comparison.test_sets, config.train.data.root, config.scale)
    for train_set, images in train_sets.items():
        for test in tests:
            leaks = find_leaks(images, test, ProgressReporter(f"looking for images of {test.name} in {train_set}"))
            if not leaks:
                continue
            names = comparison.names if comparison.ranked != "train_sets" else (train_set,)
            entries = [{"train": str(leak.train), "test": str(leak.test), "relation": leak.relation} for leak in leaks]
            rows += [{"name": name, "dataset": test.name, "train_set": train_set, "leaks": entries} for name in names]
            shown = some([f"{leak.train.name} of {leak.test.name}: {leak.relation}" for leak in leaks])
            log(f"LEAKAGE: images shared by {train_set} and {test.name}: {len(leaks)} ({shown}); scores on {test.name} are marked {MARK}")
    return rows
