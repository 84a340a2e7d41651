"""Patches a second through the whole input pipeline, beside a loader that decodes an image file for every patch.

Both read the same images, cut an LR patch and its HR patch, turn and mirror them at random, and make batches. The usual loader is
written the usual way: worker processes, each decoding the HR and the LR file with Pillow for every patch, cropping and flipping.
Ours is what training uses: draw -> read -> turn -> batch -> tensor on the device.

    python benchmarks/input_pipeline.py [--data=FOLDER] [--scale=4] [--patch_size=24] [--batch_size=16] [--seconds=4] [--rounds=3]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image

from visionfw.backend.memory import keep_freed_memory
from visionfw.data.batches import BatchSource
from visionfw.data.datasets import find_sets
from visionfw.data.pairs import crop_to_multiple
from visionfw.data.patches import PatchSource, open_patches
from visionfw.data.pipeline import as_dataset
from visionfw.imaging.files import read_image
from visionfw.imaging.resize import imresize
from visionfw.samplers import Uniform

_WORKERS = 2


def write_pairs(name: str, root: str | None, scale: int, folder: Path, least: int) -> list[tuple[Path, Path]]:
    """Write a set's HR and LR images as PNG files, as the usual loader wants them; return those with sides of at least `least` HR pixels."""
    pairs = []
    for images in find_sets(name, root, scale):
        for number, path in enumerate(images.hr):
            hr = crop_to_multiple(read_image(path), scale)
            files = folder / f"{number}.png", folder / f"{number}x{scale}.png"
            for file, image in zip(files, (hr, imresize(hr, 1 / scale)), strict=True):
                Image.fromarray(image).save(file)
            if min(hr.shape[:2]) >= least:
                pairs.append(files)
    return pairs


def one_patch(pair: tuple[Path, Path], scale: int, side: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Decode a pair, crop an aligned patch, flip and turn it: the usual loader's work for one patch."""
    hr, lr = (np.asarray(Image.open(path)) for path in pair)
    row, column = random.integers(lr.shape[0] - side + 1), random.integers(lr.shape[1] - side + 1)
    lr = lr[row : row + side, column : column + side]
    hr = hr[row * scale : (row + side) * scale, column * scale : (column + side) * scale]
    for axis in (0, 1):
        if random.random() < 0.5:
            lr, hr = np.flip(lr, axis), np.flip(hr, axis)
    if random.random() < 0.5:
        lr, hr = lr.swapaxes(0, 1), hr.swapaxes(0, 1)
    return np.ascontiguousarray(lr), np.ascontiguousarray(hr)


def _work(pairs: list, scale: int, side: int, batch_size: int, seed: int, queue: multiprocessing.Queue) -> None:
    random = np.random.default_rng(seed)
    while True:
        patches = [one_patch(pairs[random.integers(len(pairs))], scale, side, random) for _ in range(batch_size)]
        queue.put(tuple(np.stack(kind) for kind in zip(*patches, strict=True)))


def usual_loader(pairs: list, scale: int, side: int, batch_size: int) -> Iterator[tuple]:
    """Yield batches from worker processes; closing the generator ends them."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue(2 * _WORKERS)
    workers = [context.Process(target=_work, args=(pairs, scale, side, batch_size, seed, queue), daemon=True) for seed in range(_WORKERS)]
    for worker in workers:
        worker.start()
    try:
        while True:
            yield queue.get(timeout=60)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def rate(batches: Iterator, batch_size: int, seconds: float) -> float:
    """Return patches a second of an iterator of batches."""
    for _ in range(3):
        next(batches)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        next(batches)
        count += 1
    return count * batch_size / (time.perf_counter() - started)


def rate_of_dataset(source: PatchSource, batch_size: int, seconds: float) -> float:
    """Return patches a second of our pipeline as tensors, taken as a compiled training loop takes them: without Python in between."""
    import tensorflow as tf

    steps = 200
    batches = iter(as_dataset(BatchSource(source, Uniform(len(source)), batch_size, steps)))

    @tf.function
    def take(count):
        total = tf.constant(0)
        for _ in tf.range(count):
            _, hr = next(batches)
            total += tf.cast(hr[0, 0, 0, 0], tf.int32)
        return total

    take(tf.constant(20))
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        take(tf.constant(100))
        count += 100
    return count * batch_size / (time.perf_counter() - started)


def seconds_a_patch(source: PatchSource, batch_size: int) -> list[tuple[str, float]]:
    """Return how long each part of the way takes by itself, in seconds a patch."""
    batches = BatchSource(source, Uniform(len(source)), batch_size, 10_000 // batch_size)
    ids, size = batches.ids_of_round(0), batches.chunks.size
    chunks = [ids[first : first + size].reshape(-1) for first in range(0, len(ids), size)]
    transforms = [np.random.default_rng(0).integers(8, size=len(chunk)) for chunk in chunks]
    sampler = Uniform(len(source))
    parts = {
        "draw": lambda: sampler.draw(10_000),
        "read": lambda: [source.read(chunk) for chunk in chunks],
        "read, flip and rotate": lambda: [source.read(*chunk) for chunk in zip(chunks, transforms, strict=True)],
    }
    return [(name, min(_seconds(part) for _ in range(3)) / (len(ids) * batch_size)) for name, part in parts.items()]


def _seconds(part) -> float:
    started = time.perf_counter()
    part()
    return time.perf_counter() - started


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="embedded/train")
    parser.add_argument("--data_root")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--patch_size", type=int, default=24)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    keep_freed_memory()
    source = open_patches(args.data, args.data_root, args.scale, args.patch_size)
    with tempfile.TemporaryDirectory() as folder:
        pairs = write_pairs(args.data, args.data_root, args.scale, Path(folder), args.patch_size * args.scale)
        usual = usual_loader(pairs, args.scale, args.patch_size, args.batch_size)
        theirs = max(rate(usual, args.batch_size, args.seconds) for _ in range(args.rounds))
        usual.close()
    ours = [rate_of_dataset(source, args.batch_size, args.seconds) for _ in range(args.rounds)]
    numpy_only = max(rate(iter(BatchSource(source, Uniform(len(source)), args.batch_size, 200)), args.batch_size, args.seconds) for _ in range(args.rounds))
    print(f"{args.data}: {len(source.store)} images, x{args.scale}, LR patches of {args.patch_size}, batches of {args.batch_size}, {os.cpu_count()} cores")
    print(f"file-per-patch loader, {_WORKERS} worker processes: {theirs:8.0f} patches/s (best of {args.rounds})")
    print(f"visionfw, tensors by tf.data:               {max(ours):8.0f} patches/s (best of {args.rounds}; worst {min(ours):.0f})")
    print(f"visionfw, arrays without TensorFlow:        {numpy_only:8.0f} patches/s")
    print(f"ratio: {max(ours) / theirs:.0f} (goal 50); goal in patches/s: 20000")
    steps = ", ".join(f"{name} {seconds * 1e6:.1f}" for name, seconds in seconds_a_patch(source, args.batch_size))
    print(f"microseconds a patch by itself: {steps}; the rest is handing over to tf.data")


if __name__ == "__main__":
    main()
