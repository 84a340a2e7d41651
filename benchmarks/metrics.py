"""Time PSNR and SSIM of one 500x480 image on one channel, 4 pixels cropped; the usual trainer takes 12 + 34 ms.

python benchmarks/metrics.py
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

import visionfw as vf

if __name__ == "__main__":
    a, b = np.random.default_rng(0).uniform(0, 255, (2, 480, 500))
    times = []
    for _ in range(21):
        started = time.perf_counter()
        vf.psnr(a, b, 4), vf.ssim(a, b, 4)
        times.append(1e3 * (time.perf_counter() - started))
    print(f"PSNR and SSIM of 500x480: {np.median(times):.1f} ms (fastest {min(times):.1f})")
