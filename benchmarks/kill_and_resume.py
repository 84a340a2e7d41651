"""Kill a training with SIGKILL at random moments, resume it each time, and compare its end with that of a run that nothing stopped.

    python benchmarks/kill_and_resume.py [--kills=50] [--steps=3000] [--seed=0]

A moment is drawn from the time between the first step of a start and two rounds later, so kills fall into steps, validations and the writing of checkpoints.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
_FLAGS = (
    "--model_args=blocks=1,filters=8",
    "--batch_size=4",
    "--patch_size=12",
    "--ema=0.99",
    "--augment=dihedral,cutmix",
    "--sampler=psnr_gain:start=bicubic",
    "--round_patches=400",
)


def command(folder: Path, *flags: str) -> list[str]:
    """Return a training's command line."""
    return [sys.executable, str(ROOT / "train.py"), f"--run_dir={folder}", *flags]


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """Return the weights and the optimizer's state of a run's checkpoint."""
    with np.load(folder / "checkpoint.npz") as file:
        return {key: file[key] for key in file.files if "/" in key}


def kill_once(line: list[str], folder: Path, moments: random.Random, log: Path) -> bool:
    """Start, wait for the checkpoint to change, kill at a random moment after; return whether the run was done before."""
    checkpoint = folder / "checkpoint.npz"
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    with log.open("a") as output:
        process = subprocess.Popen(line, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None and (checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0) == before:
            time.sleep(0.002)
        time.sleep(moments.uniform(0.0, 1.5))
        is_done = process.poll() is not None
        process.kill()
        process.wait()
    return is_done


def main() -> None:
    """Run both, and print how often it was killed and whether the ends are equal."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    moments = random.Random(args.seed)
    flags = (*_FLAGS, f"--steps={args.steps}", f"--validate_every={max(1, args.steps // 60)}")
    with tempfile.TemporaryDirectory() as name:
        whole, killed, log = Path(name, "whole"), Path(name, "killed"), Path(name, "log")
        subprocess.run(command(whole, *flags), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        line, kills = command(killed, *flags), 0
        while kills < args.kills and not kill_once(line, killed, moments, log):
            kills += 1
            line = command(killed, "--resume")
        done = subprocess.run(command(killed, "--resume"), cwd=ROOT, capture_output=True, text=True)
        if done.returncode and "is done" not in done.stderr:
            sys.exit(done.stderr)
        expected, made = arrays(whole), arrays(killed)
        different = [key for key, value in expected.items() if not np.array_equal(value, made.get(key))]
        tracebacks = log.read_text().count("Traceback")
    print(f"killed {kills} times in {args.steps} steps; {len(expected)} arrays of weights and optimizer, {len(different)} differ; {tracebacks} tracebacks")
    sys.exit(1 if different or tracebacks else 0)


if __name__ == "__main__":
    main()
