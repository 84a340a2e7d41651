"""The training batches: patches drawn by the sampler, as the backend in use takes them, and what is known of patches before training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from visionfw.backend.capabilities import uses_tf_data
from visionfw.data.batches import BatchSource
from visionfw.data.patches import statistics
from visionfw.data.pipeline import as_dataset, as_rounds
from visionfw.io.progress import ProgressReporter
from visionfw.samplers import create
from visionfw.training.parallel import Parallel
from visionfw.training.setup import Plan


def patch_statistic(plan: Plan, name: str) -> np.ndarray:
    """Return a statistic of every patch, (n,) float32, that is known before training, by its name in PATCH_STATISTICS."""
    if name not in plan.statistics:
        progress = ProgressReporter(f"measuring patches ({name})")
        plan.statistics[name] = statistics.patch_statistic(plan.patches, name, plan.checked.definition.color, progress)
    return plan.statistics[name]


def batch_source(plan: Plan, first_round: int = 0, state: Mapping[str, Any] | None = None) -> BatchSource:
    """Return the training batches from a round on.

    Args:
        plan: the run's.
        first_round: number of the round to start with.
        state: of the sampler before that round; None for a new one.
    """
    config = plan.config
    seed, measure = config.runtime.seed, partial(patch_statistic, plan)
    sampler = create(config.sampler.sampler, len(plan.patches), seed=seed, rounds=plan.rounds, measure=measure)
    if state:
        sampler.restore(dict(state))
    return BatchSource(plan.patches, sampler, config.budget.batch_size, plan.round_steps, config.data.augment, seed, first_round)


def as_batches(batches: BatchSource, start: int = 0, parallel: Parallel | None = None, both: bool = False) -> Any:
    """Return batches as the backend in use takes them.

    Args:
        batches: all of them.
        start: number of the first batch.
        parallel: how batches are shared out; this process' part of each is returned.
        both: the model reads (LR, HR) pairs instead of LR inputs and HR targets.
    """
    if uses_tf_data():
        return as_dataset(batches, start, both)
    return as_rounds(batches, start, parallel.share(batches.batch_size) if parallel else slice(None), both)
