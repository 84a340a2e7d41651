"""How soon the commands answer: processor and wall seconds of `--help` and `--list`, the fastest of a few processes each.

python benchmarks/startup.py [--rounds=5]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def measure(*command: str) -> tuple[float, float]:
    """Run Python once; return processor and wall seconds."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for command in ("train", "evaluate", "rank", "prepare"):
        for flag in ("--help", "--list"):
            processor, wall = map(min, zip(*(measure(f"{command}.py", flag) for _ in range(rounds)), strict=True))
            print(f"{command}.py {flag}: {processor:.2f} s of processor time, {wall:.2f} s")


if __name__ == "__main__":
    main()
