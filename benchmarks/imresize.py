"""Time of MATLAB's imresize on a 2040 x 1356 image, on one core.

python benchmarks/imresize.py [--rounds=7]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from visionfw.imaging.resize import imresize


def main() -> None:
    """Measure, and print a line a scale."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    image = np.random.default_rng(0).integers(0, 256, (1356, 2040, 3), np.uint8)
    for name, scale in (("to x2", 1 / 2), ("to x3", 1 / 3), ("to x4 (goal 150 ms)", 1 / 4), ("enlarged by 2", 2)):
        times = []
        for _ in range(rounds):
            started = time.process_time()  # of all threads together
            imresize(image, scale)
            times.append(time.process_time() - started)
        print(f"2040 x 1356, uint8 RGB, {name}: {min(times) * 1000:.0f} ms of processor time, best of {rounds}")


if __name__ == "__main__":
    main()
