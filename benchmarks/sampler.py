"""What a sampler costs: its share of a training step, and its memory, from 10^4 to 10^8 patches.

    python benchmarks/sampler.py [--sampler=psnr_gain:start=bicubic] [--round_patches=1600] [--batch_size=16] [--largest=8]

A round's work (draw, scores, update) is timed by itself and divided by the steps of a round and by the time of a step of EDSR-baseline,
which is timed here too (--step_ms says it instead). Patches' PSNR are random numbers. Memory is what the sampler keeps, in bytes a patch.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from visionfw.samplers import SAMPLERS, create


def kept_bytes(sampler) -> int:
    """Return the bytes of all arrays that a sampler holds, each counted once."""
    found, stack = {}, [sampler]
    while stack:
        value = stack.pop()
        if isinstance(value, np.ndarray):
            owner = value
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            found[id(owner)] = owner.nbytes
        elif hasattr(value, "__dict__"):
            stack += list(vars(value).values())
        elif isinstance(value, list | tuple):
            stack += list(value)
    return sum(found.values())


def round_seconds(sampler, patches: int, rounds: int) -> float:
    """Return the median time of a round: draw, and learn from scores."""
    random, times = np.random.default_rng(1), []
    for _ in range(rounds):
        scores = random.normal(28, 4, patches)
        started = time.perf_counter()
        sampler.state()
        ids = sampler.draw(patches)
        if sampler.score is not None:
            sampler.update(ids, scores)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def step_seconds(batch: int) -> float:
    """Return the time of a training step of EDSR-baseline, x4, on LR patches of 24x24: the fastest of some, which favors no sampler."""
    from visionfw.config import from_flags
    from visionfw.training.batches import batch_source
    from visionfw.training.config import TrainConfig
    from visionfw.training.models import compile_for_training
    from visionfw.training.preflight import preflight
    from visionfw.training.setup import prepare

    config = from_flags(TrainConfig, {"model": "edsr", "batch_size": batch, "sampler": "uniform"})
    plan = prepare(preflight(config), lambda line: None)
    model, batches, times = compile_for_training(plan).train_model, iter(batch_source(plan)), []
    for _ in range(8):
        started = time.perf_counter()
        model.train_on_batch(*next(batches))
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Print a line a number of patches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sampler", default="psnr_gain:start=bicubic")
    parser.add_argument("--round_patches", type=int, default=1600)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--largest", type=int, default=8, help="power of ten")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--step_ms", type=float)
    options = parser.parse_args()
    step = options.step_ms / 1000 if options.step_ms else step_seconds(options.batch_size)
    steps = options.round_patches // options.batch_size
    print(f"{options.sampler}; a round is {steps} steps of {options.batch_size}; a step of EDSR-baseline takes {1000 * step:.0f} ms")
    print("patches   start, s   a round, ms   of a step   bytes a patch")
    for power in range(4, options.largest + 1):
        count = 10**power
        psnr = np.random.default_rng(0).normal(28, 4, count).astype(np.float32)
        started = time.perf_counter()
        sampler = create(SAMPLERS.parse(options.sampler), count, seed=0, rounds=1000, measure=lambda name, psnr=psnr: psnr)
        start = time.perf_counter() - started
        seconds = round_seconds(sampler, min(options.round_patches, count // 2), options.rounds)
        size = kept_bytes(sampler) + (0 if "Subset" in [kind.__name__ for kind in type(sampler).__mro__] or sampler.score != "gain" else psnr.nbytes)
        print(f"10^{power}   {start:10.3f}   {1000 * seconds:11.2f}   {seconds / steps / step:9.3%}   {size / count:13.1f}", flush=True)
        del sampler, psnr
        gc.collect()


if __name__ == "__main__":
    main()
