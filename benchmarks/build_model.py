"""Time vf.build of SRResNet from its dictionary against the same network in hand-written Keras, in turn, in one process.

    python benchmarks/build_model.py [--rounds=15]

Prints the median of both and the median of the ratios round by round.
"""

import gc
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "graph")]

import keras  # noqa: E402
from test_build import srresnet_by_hand  # noqa: E402

import visionfw as vf  # noqa: E402


def seconds(make) -> float:
    """Return how long one call takes, with nothing left over from the call before."""
    keras.backend.clear_session()
    gc.collect()
    started = time.perf_counter()
    make()
    return time.perf_counter() - started


def main() -> None:
    """Time both in turn and print the comparison."""
    rounds = int(next((argument.partition("=")[2] for argument in sys.argv if argument.startswith("--rounds=")), 15))
    dictionary = vf.definition("srresnet")
    seconds(srresnet_by_hand), seconds(lambda: vf.build(dictionary))
    pairs = [(seconds(srresnet_by_hand), seconds(lambda: vf.build(dictionary))) for _ in range(rounds)]
    hand, built = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"hand-written Keras {hand:.0f} ms, vf.build {built:.0f} ms, ratio {ratio:.3f} (median of {rounds} rounds)")


if __name__ == "__main__":
    main()
