"""The reports of a ranking: tables and findings as JSON, CSV, Markdown, and a page."""

from __future__ import annotations

from typing import Any

import numpy as np

from visionfw.data.patches.statistics import patch_statistic
from visionfw.io.files import write_json, write_text
from visionfw.ranking.config import RankConfig
from visionfw.ranking.grid import Grid
from visionfw.ranking.leakage import MARK
from visionfw.ranking.results import Results
from visionfw.reports import tables
from visionfw.reports.html.ranking import Curve, Interval, RankingPage, SetSample
from visionfw.runs.directory import Run
from visionfw.runs.history import read_history
from visionfw.training.preflight import preflight

_RANKED = {"train_sets": "training sets", "models": "models", "samplers": "samplers"}
_PSNR_RANGE = (10.0, 60.0)  # dB, of histograms
_SAMPLE_PATCHES = 16


def write_report(grid: Grid, results: Results) -> str:
    """Write ranking.json, .csv, .md and .html into the ranking's folder.

    Returns:
        The tables and the findings as text.

    Raises:
        VisionfwError: a file cannot be written.
    """
    folder, text = grid.folder, _text(grid, results)
    write_json(folder / "ranking.json", _record(grid, results))
    write_text(folder / "ranking.csv", tables.as_csv(results.rows()))
    write_text(folder / "ranking.md", text + "\n")
    write_text(folder / "ranking.html", _page(grid, results).html())
    return f"{text}\nwritten: {folder / 'ranking.html'}, .md, .csv, .json"


def _text(grid: Grid, results: Results) -> str:
    lines = [tables.as_table(results.table()), *_notes(grid, results), "", tables.as_table(results.standings()), "", *_findings(results)]
    if grid.config.comparison.ranked == "models":
        lines += ["", tables.as_table(results.costs)]
    return "\n".join(lines)


def _notes(grid: Grid, results: Results) -> list[str]:
    """Return the lines under the table."""
    seeds = ", ".join(map(str, results.seeds))
    notes = [f"Gain over bicubic in dB: mean and standard deviation over seeds {seeds}. min diff: the lead of the best over the second."]
    if grid.read_leakage():
        notes.append(f"{MARK}: the test set shares images with the training set (leakage.json names them).")
    return notes + [f"missing: {line}" for line in results.missing]


def _findings(results: Results) -> list[str]:
    """Return the comparisons in words, by test set."""
    lines = []
    for test in results.tests:
        agreement = f" (agreement of the seeds: Kendall's tau {results.rank_agreement(test):+.2f})" if len(results.seeds) > 1 else ""
        lines.append(f"{test}{agreement}:")
        lines += [f"- {difference.sentence()}" for difference in results.differences(test)]
    return lines


def _record(grid: Grid, results: Results) -> dict[str, Any]:
    """Return all results as plain JSON."""
    differences = {test: [{**vars(difference), "significant": difference.is_significant} for difference in results.differences(test)] for test in results.tests}
    return {
        "config": grid.config.record(),
        "protocol": dict(results.protocol),
        "table": results.table(),
        "standings": results.standings(),
        "differences": differences,
        "rank_agreement": {test: results.rank_agreement(test) for test in results.tests},
        "costs": list(results.costs),
        "leakage": grid.read_leakage(),
        "missing": list(results.missing),
        "rows": results.rows(),
    }


def _page(grid: Grid, results: Results) -> RankingPage:
    config, comparison = grid.config, grid.config.comparison
    about: dict[str, Any] = {} if comparison.ranked == "models" else {"model": comparison.models[0] if comparison.models else config.train.model.name}
    steps = grid.job(results.names[0], results.seeds[0]).read_result()["steps"]
    about |= {"scale": f"x{config.scale}", "steps": steps, "seeds": ", ".join(map(str, results.seeds))}
    return RankingPage(
        title=f"Ranking of {_RANKED[comparison.ranked]}",
        about=about,
        names=results.names,
        gains={test: results.mean_gains(test).mean(axis=1).tolist() for test in results.tests},
        table=results.table(),
        standings=results.standings(),
        intervals={test: _intervals(results, test) for test in results.tests},
        notes=_notes(grid, results),
        curves=[_curve(grid, name, seed) for name in results.names for seed in results.seeds],
        samples=[_sample(config, name) for name in results.names] if comparison.ranked == "train_sets" else [],
        costs=results.costs,
        protocol=results.protocol,
    )


def _intervals(results: Results, test: str) -> list[Interval]:
    return [Interval(one.gain, one.low, one.high, one.is_significant, one.sentence()) for one in results.differences(test)]


def _curve(grid: Grid, name: str, seed: int) -> Curve:
    rows = read_history(Run(grid.job(name, seed).run).history)
    return Curve(name, [row["step"] for row in rows], [row["val_gain"] for row in rows])


def _sample(config: RankConfig, name: str) -> SetSample:
    """Return some patches of a training set, and the distribution of the bicubic PSNR of all of them."""
    from visionfw.training.setup import prepare

    patches = prepare(preflight(config.request_for(name, config.comparison.seeds[0])), lambda line: None).patches
    psnr = patch_statistic(patches, "bicubic_psnr")
    counts, edges = np.histogram(np.clip(psnr, *_PSNR_RANGE), bins=40, range=_PSNR_RANGE)
    ids = np.sort(np.random.default_rng(0).choice(len(patches), min(_SAMPLE_PATCHES, len(patches)), replace=False))
    facts = {
        "images": len(set(patches.store.paths)),
        "patches": len(patches),
        "bicubic PSNR": f"mean {psnr.mean():.2f} dB, median {np.median(psnr):.2f} dB",
    }
    return SetSample(name, patches.read(ids)[1], edges, counts, facts)
