"""Train one pre-trained generator against a discriminator, by every formulation and with several seeds, and say what became of it.

    python benchmarks/adversarial_study.py --init_from=RUN --data_root=DIR --out=FOLDER [--losses=vanilla,lsgan,relativistic] [--seeds=0,1,2]
        [--steps=1000] [train.py's flags ...]

Every run is train.py followed by evaluate.py. Runs that are done are kept, so an interrupted study goes on where it was. Prints a table
and writes it (study.md) into the folder: what the generator was before, and by run PSNR, fine detail (1: as much as the originals have),
what the discriminator knew of real and made patches over the rounds, least and most, and how far colors shifted.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from visionfw.reports.tables import as_table  # noqa: E402

TESTS = ("Set5", "Set14")


def evaluate(run: Path, args: argparse.Namespace, report: Path) -> dict[str, float]:
    """Return what evaluate.py says of a run."""
    if not report.exists():
        flags = [f"--run={run}", f"--test_data={','.join(TESTS)}", f"--data_root={args.data_root}"]
        flags += ["--metrics=psnr,ssim,high_frequencies,lr_psnr,checkerboard"]
        subprocess.run([sys.executable, str(ROOT / "evaluate.py"), *flags, f"--report={report}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    rows = json.loads(report.read_text(encoding="utf-8"))["rows"]
    figures = {f"{row['dataset']} PSNR": f"{row['psnr']:.3f}" for row in rows}
    figures |= {f"{row['dataset']} fine detail": f"{row['high_frequencies']:.3f}" for row in rows}
    return figures | {"Set5 LR-PSNR": f"{rows[0]['lr_psnr']:.1f}", "Set5 checkerboard": f"{rows[0]['checkerboard']:.2f}"}


def discriminator_summary(run: Path) -> dict[str, str]:
    """Return the accuracy of the discriminator over the validations of a run, and the color shift."""
    with (run / "history.csv").open(encoding="utf-8") as lines:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(lines)]
    accuracies = {f"accuracy, {kind}": [row[f"{kind}_accuracy"] for row in rows] for kind in ("real", "fake")}
    shares = {name: f"{min(values):.2f} to {max(values):.2f}" for name, values in accuracies.items()}
    last = rows[-1]
    return shares | {"color shift": f"{last['color_shift']:.2f}", "minutes": f"{last['seconds'] / 60:.1f}", "steps": f"{last['step']:.0f}"}


def train(loss: str, seed: int, args: argparse.Namespace, flags: list[str]) -> Path:
    """Train one run, or find it done."""
    run = Path(args.out, f"{loss}-seed{seed}").resolve()
    if (run / "run.json").exists() and json.loads((run / "run.json").read_text())["state"] == "done":
        return run
    started = ["--resume", f"--run_dir={run}"] if (run / "checkpoint.npz").exists() else None
    line = [f"--init_from={args.init_from}", f"--adversarial={loss}", f"--seed={seed}", f"--run_dir={run}", f"--data_root={args.data_root}"]
    line += [f"--steps={args.steps}", "--val_data=Set5", "--train_data=BSDS500/train,BSDS500/test", *flags]
    with Path(args.out, f"{loss}-seed{seed}.log").open("a") as log:
        subprocess.run([sys.executable, str(ROOT / "train.py"), *(started or line)], cwd=ROOT, check=True, stdout=log, stderr=subprocess.STDOUT)
    return run


def main() -> None:
    """Run what is left to do, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("init_from", "data_root", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--losses", default="vanilla,lsgan,relativistic")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--steps", type=int, default=1000)
    args, flags = parser.parse_known_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    args.init_from = Path(args.init_from).resolve()
    rows = [{"run": "pixel loss only"} | evaluate(args.init_from, args, (out / "before.json").resolve())]
    runs = [(loss, int(seed)) for seed in args.seeds.split(",") for loss in args.losses.split(",")]
    started = time.monotonic()
    for number, (loss, seed) in enumerate(runs):
        run = train(loss, seed, args, flags)
        rows.append({"run": f"{loss}, seed {seed}"} | evaluate(run, args, out.resolve() / f"{run.name}.json") | discriminator_summary(run))
        left = (time.monotonic() - started) / (number + 1) * (len(runs) - number - 1)
        print(f"{rows[-1]}; {left / 60:.0f} min left", flush=True)
    table = as_table([{key: row.get(key, "") for key in rows[-1]} for row in rows])
    (out / "study.md").write_text(table + "\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
