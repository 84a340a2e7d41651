"""Time and memory of decoding a thousand 2K images into the cache, in a process of its own.

Some images of 2040 x 1356 noisy pixels are made, and linked to until there are as many as requested; the decoded pixels take 8.8 MB an image.

    python benchmarks/cache_memory.py [--images=1000] [--folder=DIR]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

_DIFFERENT = 10
_CHILD = """
import resource, sys, time
from visionfw.data import open
started = time.perf_counter()
source = open(sys.argv[1], cache=sys.argv[2])
seconds = time.perf_counter() - started
print(f"{len(source.store)} images of 2040 x 1356 in {seconds:.0f} s, {len(source.store) / seconds:.1f} a second; ", end="")
print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB (goal 1)")
started = time.perf_counter()
open(sys.argv[1], cache=sys.argv[2])
print(f"opened again in {time.perf_counter() - started:.2f} s")
"""


def main() -> None:
    """Make the images, decode them in a child, and let it print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--folder", help="where the files are written, and removed again; the system's own for such files unless given")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        images = Path(name, "images")
        images.mkdir()
        random = np.random.default_rng(0)
        ramp = np.linspace(0, 200, 2040)[None, :, None]
        for number in range(args.images):
            if number < _DIFFERENT:
                pixels = (ramp + random.integers(0, 56, (1356, 2040, 3))).astype(np.uint8)
                Image.fromarray(pixels).save(images / f"{number:05}.png", compress_level=1)
            else:
                (images / f"{number:05}.png").symlink_to(images / f"{number % _DIFFERENT:05}.png")
        subprocess.run([sys.executable, "-c", _CHILD, str(images), str(Path(name, "cache"))], check=True, cwd=Path(__file__).resolve().parent.parent)


if __name__ == "__main__":
    main()
