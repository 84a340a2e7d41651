"""Samplers: which patch numbers come next. They know neither images nor models.

Every sampler has `draw(k)` (a round's patches, without replacement), `score` (what it learns from, None for nothing; then also
`update(ids, scores)`), `probabilities()` of the next draw, `wanted()` (the higher, the sooner it comes), and `state()` with `restore(state)`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from visionfw.samplers.options import SamplerChoice
from visionfw.samplers.psnr_gain import PSNRGain
from visionfw.samplers.subsets import Hardest, Headroom, Subset, Widening, lowest
from visionfw.samplers.uniform import Uniform

__all__ = ["Hardest", "Headroom", "PSNRGain", "Subset", "Uniform", "Widening", "make"]


def make(choice: SamplerChoice, n: int, seed: int, rounds: int, measure: Callable[[str], np.ndarray]):
    """Return the sampler that was asked for.

    Args:
        choice: as `read_sampler` returned it.
        n: number of patches.
        seed: of its random numbers.
        rounds: draws of the whole run.
        measure: called with 'bicubic' or 'bilinear' returns the PSNR of each patch's enlargement, with 'deviation' that of its luma, with
            'headroom' what squared error one step of back-projection mends; (n,). It is called only where the sampler needs it.

    Raises:
        RequestError: the options leave no patch to draw.
    """
    options = choice.options
    if choice.name == "psnr_gain":
        start = None if options["start"] == "uniform" else falling(measure("bicubic"))
        return PSNRGain(n, seed, options["bins"], start, options["uniform"], options["score"])
    if choice.name == "low_psnr_static":
        psnr = measure(options["by"])
        return Subset(psnr, most=lowest(psnr, options["share"]), seed=seed)
    if choice.name == "flatness":
        return Subset(measure("deviation"), least=options["least"], seed=seed)
    if choice.name == "widening":
        order = measure("bicubic") if options["by"] == "bicubic" else -measure("headroom")
        return Widening(order, options["share"], options["until"], rounds, seed)
    if choice.name == "hardest":
        return Hardest(measure("bicubic"), options["share"], options["until"], rounds, seed)
    if choice.name == "headroom":
        return Headroom(measure("bicubic"), measure("headroom"), options["share"], options["until"], rounds, seed)
    return Uniform(n, seed)


def falling(psnr: np.ndarray) -> np.ndarray:
    """Return probabilities (in any unit) that fall by a factor of e with every standard deviation of PSNR: (n,)."""
    spread = float(psnr.std())
    return np.exp((psnr.mean(dtype=np.float64) - psnr) / spread) if spread > 0 else np.ones(len(psnr))
