"""How much memory a training step takes, for the moment when it is not there."""

from __future__ import annotations

import math

from visionfw.backend.memory import host_bytes
from visionfw.graph.analysis.cost import units
from visionfw.training.setup import Plan

_BASE = 2**30  # bytes: the libraries, the program, the weights of most models
_JUDGED = 3  # times that a discriminator looks at a batch


def step_bytes(plan: Plan, batch_size: int) -> int:
    """Return about how many bytes a training step takes: every layer's output is kept for the gradient."""
    side = plan.request.patch_size * plan.request.scale
    found, exact = units(plan.checked, (side, side))
    values = sum(math.prod(unit.shape) for unit in found) * exact
    if plan.discriminator is not None:
        judged, exact = units(plan.discriminator, (side, side))
        values += _JUDGED * sum(math.prod(unit.shape) for unit in judged) * exact
    return round(_BASE + 1.2 * values * batch_size * (2 if plan.policy == "mixed_bfloat16" else 4))


def advice(plan: Plan, free: int | None = None) -> str:
    """Say in a line what was too much, and what would fit.

    Args:
        plan: the run's.
        free: bytes that there are; the machine's own memory unless given.
    """
    request, free = plan.request, free or host_bytes()
    side = request.patch_size * request.scale
    said = f"out of memory: --batch_size={request.batch_size} of {side}x{side} patches takes about {step_bytes(plan, request.batch_size) / 2**30:.1f} GiB"
    one, two = step_bytes(plan, 1), step_bytes(plan, 2)
    fitting = min(int((0.8 * free - one) / (two - one)) + 1, request.batch_size // 2)
    if fitting >= 1:
        return f"{said}; --batch_size={fitting} would fit"
    smaller = int(request.patch_size * math.sqrt(max(0.0, 0.8 * free - _BASE) / (one - _BASE)))
    return f"{said}; --batch_size=1 --patch_size={max(1, min(smaller, request.patch_size - 1))} would fit"
