"""Compare samplers: the same model, steps, schedule and seeds; only the sampler differs.

    python benchmarks/sampler_study.py --data_root=DIR --out=FOLDER [--seeds=0,1,2] [--steps=1200] [--jobs=2] [train.py's flags ...]
        [--samplers="uniform;headroom;..."] [--shorter="headroom;..."]

Every run is train.py followed by evaluate.py, in a process of its own on one processor core. Uniform sampling is also run with fewer
and with more steps, each with a whole schedule: what PSNR a sampler reaches is translated by that curve into the steps that uniform
sampling would need for it. Runs that are done are kept, so an interrupted study goes on where it was.

Prints a table and writes it (study.md) with the curves (study.png) into the folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import queue
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

SETTINGS = (
    "uniform",
    "psnr_gain",
    "psnr_gain:score=psnr,start=bicubic",
    "low_psnr_static:fraction=0.25",
    "widening",
    "hardest",
    "widening:warm_fraction=0.2,by=headroom",
    "headroom",
)
_SHORTER = 0.7  # the goal: of uniform sampling's steps, for its PSNR
TESTS = ("Set5", "Set14", "BSD100")


class Study:
    """Runs of one study, in a folder."""

    def __init__(self, options: argparse.Namespace, flags: list[str]):
        self.options, self.flags = options, flags
        self.out = Path(options.out)
        self.out.mkdir(parents=True, exist_ok=True)
        seeds = [int(seed) for seed in options.seeds.split(",")]
        settings = options.samplers.split(";")
        others = [round(options.steps * float(share)) for share in options.uniform_steps.split(",") if share]
        self.runs = [(name, options.steps, seed) for seed in seeds for name in settings]
        self.runs += [("uniform", steps, seed) for seed in seeds for steps in others]
        shorter = [name for name in options.shorter.split(";") if name]
        self.runs += [(name, round(options.steps * _SHORTER), seed) for seed in seeds for name in shorter]

    def folder(self, run: tuple[str, int, int]) -> Path:
        name, steps, seed = run
        return self.out / f"{name.replace(':', '_').replace('=', '-').replace(',', '_')}-{steps}-seed{seed}"

    def result(self, run: tuple[str, int, int]) -> dict[str, float] | None:
        """Return a finished run's PSNR by test set."""
        report = self.folder(run) / "report.json"
        if not report.exists():
            return None
        return {row["dataset"]: row["psnr"] for row in json.loads(report.read_text(encoding="utf-8"))["rows"]}

    def curve(self, run: tuple[str, int, int]) -> tuple[list[int], list[float]]:
        """Return the steps and PSNR of a run's validations."""
        with (self.folder(run) / "history.csv").open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        return [int(float(row["step"])) for row in rows], [float(row["val_psnr"]) for row in rows]

    def do(self, run: tuple[str, int, int], core: int) -> None:
        """Train and evaluate, on one core."""
        name, steps, seed = run
        folder = self.folder(run)
        shutil.rmtree(folder, ignore_errors=True)
        environment = os.environ | {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        train = [
            f"--sampler={name}",
            f"--steps={steps}",
            f"--seed={seed}",
            f"--run_dir={folder}",
            f"--data_root={self.options.data_root}",
            "--val_data=Set5",
            f"--validate_every={-(-steps // 8)}",
            *self.flags,
        ]
        test = [f"--run={folder}", f"--test_data={','.join(TESTS)}", f"--data_root={self.options.data_root}", f"--report={folder / 'report.json'}"]
        pinned = {"preexec_fn": lambda: os.sched_setaffinity(0, {core})} if hasattr(os, "sched_setaffinity") else {}
        with (self.out / f"{folder.name}.log").open("w") as log:
            for script, arguments in (("train.py", train), ("evaluate.py", test)):
                subprocess.run([sys.executable, script, *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log, check=True, **pinned)

    def do_all(self) -> None:
        """Do what is not done yet, some at a time, and say how long it will take."""
        left = [run for run in self.runs if self.result(run) is None]
        waiting: queue.Queue = queue.Queue()
        for run in left:
            waiting.put(run)
        started, done = time.monotonic(), []

        def work(core: int) -> None:
            while True:
                try:
                    run = waiting.get_nowait()
                except queue.Empty:
                    return
                self.do(run, core)
                done.append(run)
                minutes = (time.monotonic() - started) / len(done) * (len(left) - len(done)) / 60
                print(f"{len(done)}/{len(left)} {self.folder(run).name}: {self.result(run)}; {minutes:.0f} min left", file=sys.stderr, flush=True)

        workers = [threading.Thread(target=work, args=(core,)) for core in range(self.options.jobs)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def table(self) -> str:
        """Return the table: mean and spread by test set, gain over uniform, and the share of uniform's steps."""
        runs: dict[tuple[str, int], list[dict[str, float]]] = {}
        for name, steps, seed in self.runs:
            found = self.result((name, steps, seed))
            if found:
                runs.setdefault((name, steps), []).append(found)
        uniform = sorted((steps, statistics.mean(result["Set5"] for result in results)) for (name, steps), results in runs.items() if name == "uniform")
        lines = [
            f"| sampler | steps | runs | {' | '.join(TESTS)} | Set5 over uniform | steps that uniform needs |",
            f"|---|--:|--:|{'---|' * len(TESTS)}--:|--:|",
        ]
        base = runs.get(("uniform", self.options.steps), [])
        for (name, steps), results in runs.items():
            cells = []
            for test in TESTS:
                values = [result[test] for result in results]
                cells.append(f"{statistics.mean(values):.3f} ± {statistics.stdev(values) if len(values) > 1 else 0:.3f}")
            over = statistics.mean(result["Set5"] for result in results) - statistics.mean(result["Set5"] for result in base) if base else float("nan")
            needed = steps_for(statistics.mean(result["Set5"] for result in results), uniform) / steps
            lines.append(f"| `{name}` | {steps} | {len(results)} | {' | '.join(cells)} | {over:+.3f} | x {needed:.2f} |")
        return "\n".join(lines)

    def draw(self) -> None:
        """Draw the mean Set5 PSNR against steps, with the range over the seeds."""
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(figsize=(9, 5.5), layout="constrained")
        names = list(dict.fromkeys(name for name, steps, _ in self.runs if steps == self.options.steps))
        for name in names:
            curves = [self.curve(run) for run in self.runs if run[0] == name and run[1] == self.options.steps and self.result(run)]
            if not curves:
                continue
            values = np.array([psnr for _, psnr in curves])
            (line,) = axes.plot(curves[0][0], values.mean(axis=0), "o-", markersize=3, label=name, linewidth=2.5 if name == "uniform" else 1.5)
            axes.fill_between(curves[0][0], values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.12)
        axes.set(xlabel="step", ylabel="Set5 PSNR, dB", title=f"{len(curves)} seeds; {' '.join(self.flags)}")
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(self.out / "study.png", dpi=110)


def steps_for(psnr: float, curve: list[tuple[int, float]]) -> float:
    """Return the steps at which a curve of (steps, PSNR) has a PSNR: a straight line over the logarithm of steps, also beyond its ends."""
    if len(curve) < 2:
        return float("nan")
    steps, levels = np.log([steps for steps, _ in curve]), np.array([level for _, level in curve])
    place = int(np.clip(np.searchsorted(levels, psnr) - 1, 0, len(levels) - 2))
    slope = (steps[place + 1] - steps[place]) / (levels[place + 1] - levels[place])
    return float(np.exp(steps[place] + slope * (psnr - levels[place])))


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--uniform_steps", default="0.7,1.4", help="parts of --steps that uniform sampling is also run with")
    parser.add_argument("--shorter", default="", help=f"samplers, joined by ;, that are also run with {_SHORTER} of the steps")
    parser.add_argument("--samplers", default=";".join(SETTINGS), help="joined by ;")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options, flags = parser.parse_known_args()
    study = Study(options, flags or ["--train_data=BSDS500/train,BSDS500/test", "--model_args=blocks=4"])
    study.do_all()
    text = f"{study.table()}\n\n{' '.join(study.flags)}\n"
    (study.out / "study.md").write_text(text, encoding="utf-8")
    study.draw()
    print(text)


if __name__ == "__main__":
    main()
