"""Estimate the memory of a training step, and say what would fit when there was too little."""

from __future__ import annotations

import math

from visionfw.backend.memory import device_bytes
from visionfw.graph.analysis.layer_uses import layer_uses
from visionfw.training.setup import Plan

_BASE_BYTES = 2**30  # the libraries, the program, the weights of most models
_OVERHEAD = 1.2  # what a backend holds beside the layers' outputs, over these
_USABLE = 0.8  # fraction of the memory that an advice fills: the estimate is rough, and other programs need some
_DISCRIMINATOR_PASSES = 3  # over a batch in one step: HR, SR for its own loss, SR for the generator's


def step_bytes(plan: Plan, batch_size: int) -> int:
    """Return about how many bytes a training step takes: every layer's output is kept for the gradient."""
    side = plan.config.data.patch_size * plan.config.model.scale
    networks = [(plan.checked, 1)]
    networks += [(plan.discriminator, _DISCRIMINATOR_PASSES)] if plan.discriminator is not None else []
    values = 0.0
    for checked, passes in networks:
        values += passes * layer_uses(checked, (side, side)).values
    return round(_BASE_BYTES + _OVERHEAD * values * batch_size * (2 if plan.policy == "mixed_bfloat16" else 4))


def advice(plan: Plan) -> str:
    """Say in one line what was too much for the device that computes, and what would fit into its memory."""
    return advice_within(plan, device_bytes())


def advice_within(plan: Plan, available: int | None) -> str:
    """Say in one line what was too much, and what would fit.

    Args:
        plan: the run that did not fit.
        available: the device's memory in bytes; None where it is not known, and the line names no numbers that would fit.
    """
    patch_size, batch_size = plan.config.data.patch_size, plan.config.budget.batch_size
    side = patch_size * plan.config.model.scale
    problem = f"out of memory: --batch_size={batch_size} of {side}x{side} patches takes about {step_bytes(plan, batch_size) / 2**30:.1f} GiB"
    if available is None:
        return f"{problem}; give a smaller --batch_size, or a smaller --patch_size"
    usable, one, two = _USABLE * available, step_bytes(plan, 1), step_bytes(plan, 2)
    smaller_batch = min(int((usable - one) / (two - one)) + 1, batch_size // 2)
    if smaller_batch >= 1:
        return f"{problem}; --batch_size={smaller_batch} would fit"
    smaller_patch = int(patch_size * math.sqrt(max(0.0, usable - _BASE_BYTES) / (one - _BASE_BYTES)))
    return f"{problem}; --batch_size=1 --patch_size={max(1, min(smaller_patch, patch_size - 1))} would fit"
