"""Time a training step: this framework's, hand-written Keras with its defaults, and plain PyTorch, in turn, in one run.

    python benchmarks/train_step.py [--models=edsr,srresnet] [--rounds=5] [--steps=4] [--batch_size=16] [--patch_size=24]

EDSR-baseline and SRResNet, x4, L1, Adam. Each contestant is a process of its own that waits while the others run; a round is some
steps of each, and ratios are taken round by round, so that a machine whose speed drifts does not decide. This framework's step is
train.py's own, with its pipeline; the others are fed one and the same batch again and again.

PyTorch runs in float32 and in bfloat16 (autocast), both with channels_last; bfloat16 only where hardware computes it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # JAX would take the GPU's memory for one contestant
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

CONTESTANTS = {
    "visionfw": "this framework",
    "keras": "hand-written Keras, its defaults",
    "torch_float32": "PyTorch float32, channels_last",
    "torch_bfloat16": "PyTorch bfloat16, channels_last",
}


class Turns:
    """A contestant's end of the line: waits for its turn, and tells how long it took."""

    def __init__(self):
        self.output = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)  # what libraries print is no figure

    def wait(self) -> None:
        if not sys.stdin.readline():
            os._exit(0)
        self.started = time.perf_counter()

    def done(self) -> None:
        print(time.perf_counter() - self.started, file=self.output)


def fit_in_turns(learner, batches, rounds: int, steps: int | None, turns: Turns) -> None:
    """Train as Keras does, an epoch a turn."""
    import keras

    class Waiting(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            turns.wait()

        def on_epoch_end(self, epoch, logs=None):
            turns.done()

    learner.fit(batches, epochs=rounds, steps_per_epoch=steps, verbose=0, shuffle=False, callbacks=[Waiting()])


def run_visionfw(options: argparse.Namespace, model: str, turns: Turns) -> None:
    """Run train.py's own steps, its pipeline included."""
    from visionfw.backend.start import start_backend

    start_backend()
    import keras

    from visionfw.config import from_flags
    from visionfw.training.batches import as_batches, batch_source
    from visionfw.training.config import TrainConfig
    from visionfw.training.models import compile_for_training
    from visionfw.training.preflight import preflight
    from visionfw.training.setup import prepare

    flags = {"model": model, "batch_size": options.batch_size, "patch_size": options.patch_size, "precision": options.precision}
    flags |= {"steps": options.steps * options.rounds, "validate_every": options.steps}
    flags |= {"optimizer": "adam", "loss": "l1", "sampler": "uniform"}
    plan = prepare(preflight(from_flags(TrainConfig, flags)), lambda line: None)
    steps = options.steps if keras.backend.backend() == "tensorflow" else None
    fit_in_turns(compile_for_training(plan).train_model, as_batches(batch_source(plan)), options.rounds, steps, turns)


def run_keras(options: argparse.Namespace, model: str, turns: Turns) -> None:
    """Run a hand-written model with Keras' defaults."""
    import keras
    from by_hand import keras_network

    learner = keras_network(model)
    learner.compile("adam", "mae")
    lr, hr = _patches(options)
    batch, count = options.batch_size, options.steps
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        batches = tf.data.Dataset.from_tensor_slices((np.tile(lr, (count, 1, 1, 1)), np.tile(hr, (count, 1, 1, 1)))).batch(batch, drop_remainder=True).repeat()
        fit_in_turns(learner, batches, options.rounds, count, turns)
    else:
        for _ in range(options.rounds):
            turns.wait()
            for _ in range(count):
                learner.train_on_batch(lr, hr)
            turns.done()


def run_torch(options: argparse.Namespace, model: str, turns: Turns, dtype: str) -> None:
    """Run the usual PyTorch loop."""
    import contextlib

    import torch
    from by_hand import torch_network

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(os.cpu_count())
    torch.backends.cudnn.benchmark = True
    network = torch_network(model).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    lr, hr = (torch.from_numpy(patches).permute(0, 3, 1, 2).to(device, memory_format=torch.channels_last) for patches in _patches(options))
    autocast = torch.autocast(device, torch.bfloat16) if dtype == "bfloat16" else contextlib.nullcontext()
    for _ in range(options.rounds):
        turns.wait()
        for _ in range(options.steps):
            optimizer.zero_grad(set_to_none=True)
            with autocast:
                made = network(lr)
            torch.nn.functional.l1_loss(made.float(), hr).backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        turns.done()


def _patches(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    random, side = np.random.default_rng(0), options.patch_size
    return tuple(random.random((options.batch_size, size, size, 3), np.float32) for size in (side, 4 * side))


def compete(options: argparse.Namespace, model: str, names: list[str]) -> dict[str, list[float]]:
    """Return seconds a step by contestant, a figure a round; the first round, which compiles, is left out."""
    workers = {
        name: subprocess.Popen(
            [sys.executable, __file__, *sys.argv[1:], f"--contestant={name}:{model}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in names
    }
    found = {name: [] for name in names}
    for number in range(options.rounds):
        for name, worker in workers.items():
            print(file=worker.stdin, flush=True)
            line = worker.stdout.readline()
            if not line:
                raise SystemExit(f"{name} stopped")
            if number:
                found[name].append(float(line) / options.steps)
        print(f"round {number} of {options.rounds - 1}", file=sys.stderr, flush=True)
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    return found


def contestants() -> list[str]:
    """Return who can take part here."""
    import importlib.util

    from visionfw.backend.precision import accelerator_has_bfloat16, processor_has_bfloat16

    has_bfloat16 = processor_has_bfloat16() if accelerator_has_bfloat16() is None else accelerator_has_bfloat16()
    names = ["visionfw", "keras"]
    if importlib.util.find_spec("torch"):
        names += ["torch_float32", *(["torch_bfloat16"] if has_bfloat16 else [])]
    return names


def main() -> None:
    """Let all take turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="edsr,srresnet")
    parser.add_argument("--rounds", type=int, default=6, help="the first is not counted")
    parser.add_argument("--steps", type=int, default=4, help="a round")
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--patch_size", type=int, default=24)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", help="file to write the figures to")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        name, _, model = options.contestant.partition(":")
        turns = Turns()
        {"visionfw": run_visionfw, "keras": run_keras}.get(name, lambda *given: run_torch(*given, name.partition("_")[2]))(options, model, turns)
        return
    found = {model: compete(options, model, contestants()) for model in options.models.split(",")}
    print(f"milliseconds a step (batch {options.batch_size}, LR {options.patch_size}x{options.patch_size}, x4, Adam), median of {options.rounds - 1} rounds; ")
    print("in brackets this framework's time as a part of it, median of the rounds' ratios")
    for model, times in found.items():
        for name, seconds in times.items():
            ratio = statistics.median(ours / theirs for ours, theirs in zip(times["visionfw"], seconds, strict=True))
            print(f"{model:9s} {CONTESTANTS[name]:33s} {1000 * statistics.median(seconds):7.1f} ms  ({ratio:.2f})")
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
