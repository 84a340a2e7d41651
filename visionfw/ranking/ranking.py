"""A ranking from a checked request to its tables and page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from visionfw.backend.start import start_backend
from visionfw.config import from_flags, refuse_changes, with_flags
from visionfw.data.audit.leakage import find_leaks
from visionfw.data.datasets import ImageSet, find_sets
from visionfw.data.patches.statistics import patch_statistic
from visionfw.errors import RequestError, VisionfwError, some
from visionfw.imaging.files import ImageError, image_size
from visionfw.io.files import write_json, write_text
from visionfw.io.progress import ProgressReporter, duration_text
from visionfw.ranking import executor as engine
from visionfw.ranking.config import EXECUTION, ExecutionConfig, RankConfig
from visionfw.ranking.grid import Grid, begin, open_grid, read_leakage, refuse_taken
from visionfw.ranking.outcome import MARK, Outcome, gather
from visionfw.reports import plots
from visionfw.reports import tables as reports
from visionfw.reports.html.ranking import RankingPage, Sample
from visionfw.runs.directory import Run
from visionfw.training.config import TrainConfig
from visionfw.training.preflight import degradation_of, preflight

Log = Callable[[str], None]
_PSNR_RANGE = (10.0, 60.0)  # dB, of histograms
_LEAST_SIDE = 11  # pixels: SSIM's window
_SHOWN = 16  # patches of a training set on the page


def start_ranking(request: RankConfig, log: Log, dry_run: bool = False) -> None:
    """Check everything, look for leakage, do all runs and write the tables; with `dry_run` stop before anything is written.

    Raises:
        RequestError: a name, a combination, or a folder is wrong; nothing was written.
        VisionfwError: some runs failed (after all others were done), or an image could not be read.
    """
    if not dry_run:
        refuse_taken(request.execution.out)
    engine.refuse_missing(request.execution.engine)
    sets = look_ahead(request)
    request = replace(request, train=prepared(request, log))
    found = find_leakage(request, sets, log)
    if dry_run:
        _tell_plan(request, log)
    else:
        _work(begin(request, found), log)


def resume_ranking(values: Mapping[str, Any], log: Log) -> None:
    """Continue the ranking in --out: finished runs are kept, failed ones are tried again.

    Args:
        values: the flags on the command line. Those that results depend on must equal the recorded ones.
        log: called with each line for the user.

    Raises:
        RequestError: there is no ranking, or a flag says something else than when it was started.
        VisionfwError: as `start_ranking`.
    """
    if not values.get("out"):
        raise RequestError("--resume: name the ranking's folder with --out=DIR")
    execution = from_flags(ExecutionConfig, {key: value for key, value in values.items() if key in ("out", *EXECUTION)})
    grid = open_grid(values["out"], execution)
    refuse_changes(grid.request, {key: value for key, value in values.items() if key not in ("out", *EXECUTION)}, f"the ranking in {grid.folder}")
    counts: dict[str, int] = {}
    for cell in grid.cells():
        counts[cell.state()] = counts.get(cell.state(), 0) + 1
    log(f"{grid.folder}: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    _work(grid, log)


def _work(matrix: Grid, log: Log) -> None:
    engine.work(matrix, log)
    outcome = gather(matrix)
    if outcome:
        log(write(matrix, outcome))
    states = [(cell, cell.state()) for cell in matrix.cells()]
    left = [f"{cell.title} ({cell.why() if state == 'failed' else state})" for cell, state in states if state != "done"]
    if left:
        raise VisionfwError(f"{len(left)} of {len(states)} runs are not done: {some(left)}; --resume tries them again")


def look_ahead(request: RankConfig) -> dict[str, list[ImageSet]]:
    """Refuse what can be refused before anything starts; return every training set's image sets. All problems are reported together."""
    problems, sets = [], {}

    def tried(do: Callable[[], Any]) -> Any:
        try:
            return do()
        except RequestError as error:
            problems.extend(str(error).splitlines())
            return None

    train, comparison = request.train, request.comparison
    root, scale = train.data.root, train.model.scale
    degradation = tried(lambda: degradation_of(train))
    for name in comparison.train_sets:
        sets[name] = tried(lambda name=name: find_sets(name.replace("+", ","), root, scale)) or []
    tests = tried(lambda: find_sets(comparison.test_sets, root, scale)) or []
    for images in (*tests, *(tried(lambda: find_sets(train.data.val, root, scale)) or [])):
        tried(lambda images=images: images.lr_files(degradation) if degradation else None)
    places = [{path.resolve() for path in images.hr} for images in tests]
    problems += [f"--test_sets: {images.name!r} is named twice" for number, images in enumerate(tests) if places[number] in places[:number]]
    problems += [f"{path}: {why}" for images in tests for path, why in _unfit(images, scale)]
    for name in comparison.names:
        problems += [f"--{comparison.ranked}: {name!r} is a column's own name in the tables"] if name in ("best", "min diff", "test set") else []
    kinds = {name: tried(lambda name=name: preflight(request.request_for(name, comparison.seeds[0])).kind) for name in comparison.names}
    if comparison.ranked == "models" and len({kind for kind in kinds.values() if kind}) > 1:
        told = ", ".join(f"{name}'s is {kind}" for name, kind in kinds.items())
        problems.append(f"--models: their trainings differ in loss and optimizer, so no ranking would tell which model is better: {told}")
    if problems:
        raise RequestError("\n".join(dict.fromkeys(problems)))
    return sets


def _unfit(images: ImageSet, scale: int) -> Iterator[tuple[Path, str]]:
    """Yield the test images that cannot be measured, and why."""
    for path in images.hr:
        try:
            height, width = image_size(path)
        except ImageError as error:
            yield path, error.reason
            continue
        if min(height, width) // scale * scale - 2 * scale < _LEAST_SIDE:
            yield path, f"{width} x {height} pixels are too few to be measured at x{scale}"


def prepared(request: RankConfig, log: Log) -> TrainConfig:
    """Prepare the training of every name, which refuses what is wrong with it, and equalize.

    Returns:
        The training that all have in common, with the limits that give every training set as much as the smallest has.
    """
    start_backend(request.train.runtime.devices)
    from visionfw.training.setup import prepare

    comparison, counts = request.comparison, {}
    for name in comparison.names:
        plan = prepare(preflight(request.request_for(name, comparison.seeds[0])), lambda line: None)
        counts[name] = len(plan.patches) if comparison.equalize == "patches" else len(set(plan.patches.store.paths))
    if comparison.equalize == "none" or comparison.ranked != "train_sets":
        return request.train
    least = min(counts.values())
    log(f"every training set gives {least} {comparison.equalize} ({', '.join(f'{name} has {count}' for name, count in counts.items())})")
    return with_flags(request.train, {f"max_{comparison.equalize}": least})


def find_leakage(request: RankConfig, sets: Mapping[str, Sequence[ImageSet]], log: Log) -> list[dict[str, Any]]:
    """Find, and name, the training images that are in a test set; return a row for every training set and test set that share some."""
    found = []
    tests = find_sets(request.comparison.test_sets, request.train.data.root, request.train.model.scale)
    for name, train in sets.items():
        for test in tests:
            shared = find_leaks(train, test, ProgressReporter(f"looking for images of {test.name} in {name}"))
            if not shared:
                continue
            names = request.comparison.names if request.comparison.ranked != "train_sets" else (name,)
            rows = [{"train": str(leak.train), "test": str(leak.test), "relation": leak.relation} for leak in shared]
            found += [{"name": one, "dataset": test.name, "train_set": name, "leaks": rows} for one in names]
            shown = some([f"{leak.train.name} of {leak.test.name}: {leak.relation}" for leak in shared])
            log(f"LEAKAGE: {len(shared)} images of {name} are in {test.name} ({shown}); its figures are marked {MARK}")
    return found


def _tell_plan(request: RankConfig, log: Log) -> None:
    """Say which runs there would be, and how long a few steps of the first promise that they take."""
    comparison, execution = request.comparison, request.execution
    for seed in comparison.seeds:
        for name in comparison.names:
            log(f"{name}, seed {seed}")
    from visionfw.training.timing import estimate_seconds

    seconds = sum(estimate_seconds(request.request_for(name, comparison.seeds[0])) for name in comparison.names) * len(comparison.seeds)
    at_a_time = execution.jobs if execution.engine == "local" else 1
    said = f"{len(comparison.names) * len(comparison.seeds)} runs, about {duration_text(seconds)} of training steps one after the other, and the tests"
    log(said + (f"; {at_a_time} at a time" if at_a_time > 1 else ""))


def write(matrix: Grid, outcome: Outcome) -> str:
    """Write ranking.json, .csv, .md and .html; return the table and what it says."""
    folder = matrix.folder
    lines = [reports.as_table(outcome.table()), *_notes(matrix, outcome), "", reports.as_table(outcome.standings()), "", *_said(outcome)]
    if matrix.request.comparison.ranked == "models":
        lines += ["", reports.as_table(list(outcome.costs))]
    said = "\n".join(lines)
    findings = {dataset: [{**vars(one), "real": one.is_real} for one in outcome.findings(dataset)] for dataset in (*outcome.datasets, "all")}
    whole = {"request": matrix.request.record(), "protocol": dict(outcome.protocol), "table": outcome.table(), "standings": outcome.standings()}
    whole |= {"differences": findings, "stability": {dataset: outcome.stability(dataset) for dataset in (*outcome.datasets, "all")}}
    whole |= {"costs": list(outcome.costs), "leakage": read_leakage(folder), "missing": list(outcome.missing), "rows": outcome.long_rows()}
    write_json(folder / "ranking.json", whole)
    write_text(folder / "ranking.csv", reports.as_csv(outcome.long_rows()))
    write_text(folder / "ranking.md", said + "\n")
    write_text(folder / "ranking.html", RankingPage(**_page(matrix, outcome)).html())
    return f"{said}\nwritten: {folder / 'ranking.html'}, .md, .csv, .json"


def _notes(matrix: Grid, outcome: Outcome) -> list[str]:
    """Return the lines under the table: what marks mean, what is missing."""
    notes = [f"Gain over bicubic in dB, mean and deviation over seeds {', '.join(map(str, outcome.seeds))}; min diff: the best's lead over the second."]
    if read_leakage(matrix.folder):
        notes.append(f"{MARK}: training images are in this test set (leakage.json names them).")
    return notes + [f"missing: {line}" for line in outcome.missing]


def _said(outcome: Outcome) -> list[str]:
    """Return the findings in words, test set by test set."""
    lines = []
    for dataset in (*outcome.datasets, "all"):
        alike = f" (seeds rank alike: Kendall's tau {outcome.stability(dataset):+.2f})" if len(outcome.seeds) > 1 else ""
        lines.append(f"{dataset}{alike}:")
        lines += [f"- {one.sentence()}" for one in outcome.findings(dataset)]
    return lines


def _page(matrix: Grid, outcome: Outcome) -> dict[str, Any]:
    """Return what the page shows."""
    request, comparison, every = matrix.request, matrix.request.comparison, (*outcome.datasets, "all")
    what = {"train_sets": "training sets", "models": "models", "samplers": "samplers"}[comparison.ranked]
    about = {"model": comparison.models[0] if len(comparison.models) == 1 else request.train.model.name, "scale": f"x{request.train.model.scale}"}
    about |= {"steps": matrix.cell(outcome.names[0], outcome.seeds[0]).read()["steps"], "seeds": ", ".join(map(str, outcome.seeds))}
    about = {key: value for key, value in about.items() if key != "model" or comparison.ranked != "models"}
    gains = {dataset: (outcome.overall() if dataset == "all" else outcome.means(dataset)).mean(axis=1) for dataset in every}
    intervals = {
        dataset: [(one.better, one.worse, one.gain, one.low, one.high, one.is_real, one.sentence()) for one in outcome.findings(dataset)] for dataset in every
    }
    histories = {name: [plots.read_history(Run(matrix.cell(name, seed).run).history) for seed in outcome.seeds] for name in outcome.names}
    curves = {name: [([row["step"] for row in rows], [row["val_gain"] for row in rows]) for rows in found] for name, found in histories.items()}
    return {
        "title": f"Ranking of {what}",
        "about": about,
        "names": outcome.names,
        "gains": gains,
        "table": outcome.table(),
        "standings": outcome.standings(),
        "intervals": intervals,
        "notes": _notes(matrix, outcome),
        "curves": curves,
        "samples": [sample_of(request, name) for name in outcome.names] if comparison.ranked == "train_sets" else [],
        "costs": outcome.costs,
        "protocol": outcome.protocol,
    }


def sample_of(request: RankConfig, name: str) -> Sample:
    """Return some patches of a training set, and how hard bicubic finds all of them."""
    from visionfw.training.setup import prepare

    source = prepare(preflight(request.request_for(name, request.comparison.seeds[0])), lambda line: None).patches
    psnr = patch_statistic(source, "bicubic_psnr")
    counts, edges = np.histogram(np.clip(psnr, *_PSNR_RANGE), bins=40, range=_PSNR_RANGE)
    ids = np.sort(np.random.default_rng(0).choice(len(source), min(_SHOWN, len(source)), replace=False))
    facts = {
        "images": len(set(source.store.paths)),
        "patches": len(source),
        "bicubic PSNR": f"{psnr.mean():.2f} dB on average, {np.median(psnr):.2f} dB at the middle",
    }
    return Sample(name, source.read(ids)[1], edges, counts, facts)
