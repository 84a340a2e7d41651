"""Enlarging images: time against PyTorch, memory of a large image, and whether tiles make what the whole image makes.

    python benchmarks/upscale.py                   320x180 to 1280x720, EDSR-baseline, against PyTorch channels_last (where installed)
    python benchmarks/upscale.py --large           4000x3000 to 16000x12000 with the default model: time and peak memory

Times are of the fastest of some rounds, both sides in turns in one process.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from visionfw.backend.start import start_backend


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    request = parser.parse_args()
    start_backend()
    large() if request.large else compare(request.rounds)


def large() -> None:
    """Enlarge 12 million pixels by 4 and print what it took."""
    import visionfw as vf

    model = vf.build(vf.definition("edsr_small", scale=4))
    image = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), np.uint8)
    vf.upscale(model, image[:64, :64])
    before, started = peak(), time.perf_counter()
    made = vf.upscale(model, image)
    seconds = time.perf_counter() - started
    beyond = peak() - before - made.nbytes
    print(f"4000x3000 x4 (EDSR-small): {seconds:.0f} s, {image.shape[0] * image.shape[1] / seconds / 1e3:.0f} thousand LR pixels/s")
    print(f"peak memory beyond both images and what the program takes before: {beyond / 2**20:.0f} MiB")
    part = made[4 * 1000 : 4 * 1100, 4 * 1000 : 4 * 1100]
    alone = vf.upscale(model, image[900:1200, 900:1200], tile=0)[400:800, 400:800]
    print(f"largest difference to the whole, in gray levels, on 400x400 pixels: {np.abs(part.astype(int) - alone).max()}")


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def compare(rounds: int) -> None:
    """Print this framework's time beside PyTorch's for EDSR-baseline x4."""
    import keras

    import visionfw as vf
    from visionfw.backend.precision import choose_precision
    from visionfw.runs.checkpoints import precision

    policy = choose_precision("auto")
    with precision(policy):
        model = vf.build(vf.definition("edsr", scale=4))
    image = np.random.default_rng(0).integers(0, 256, (180, 320, 3), np.uint8)
    contenders = {f"visionfw, {keras.backend.backend()}, {policy}": lambda: vf.upscale(model, image)}
    contenders |= pytorch(image)
    times = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - started)
    best = {name: min(found) for name, found in times.items()}
    first = next(iter(best.values()))
    print("320x180 to 1280x720, EDSR-baseline, uint8 to uint8:")
    for name, seconds in best.items():
        print(f"  {name:<40} {1e3 * seconds:7.0f} ms   ours takes {first / seconds:.2f} of its time")


def pytorch(image: np.ndarray) -> dict:
    """Return the same network in PyTorch, in float32 and bfloat16, as functions; none where PyTorch is not installed."""
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: no comparison")
        return {}
    from torch import nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(True), nn.Conv2d(64, 64, 3, padding=1))

        def forward(self, x):
            return x + self.body(x)

    class Edsr(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Conv2d(3, 64, 3, padding=1)
            self.body = nn.Sequential(*[Residual() for _ in range(16)], nn.Conv2d(64, 64, 3, padding=1))
            ups = [layer for _ in range(2) for layer in (nn.Conv2d(64, 256, 3, padding=1), nn.PixelShuffle(2))]
            self.tail = nn.Sequential(*ups, nn.Conv2d(64, 3, 3, padding=1))

        def forward(self, x):
            x = self.head(x)
            return self.tail(x + self.body(x))

    model = Edsr().eval().to(memory_format=torch.channels_last)

    def run(is_bfloat16: bool):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
            x = torch.from_numpy(image).permute(2, 0, 1)[None].float().div(255).contiguous(memory_format=torch.channels_last)
            return model(x).float().clamp(0, 1).mul(255).round().byte()[0].permute(1, 2, 0).numpy()

    return {"PyTorch, channels_last, float32": lambda: run(False), "PyTorch, channels_last, bfloat16": lambda: run(True)}


if __name__ == "__main__":
    main()
