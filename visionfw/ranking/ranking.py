"""A ranking from a checked configuration to its reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from visionfw.config import flags_of, from_flags, refuse_changes
from visionfw.errors import RequestError, VisionfwError, some
from visionfw.io.progress import duration_text
from visionfw.ranking import executor
from visionfw.ranking.config import ExecutionConfig, RankConfig
from visionfw.ranking.grid import Grid, create_grid, open_grid, read_settings, refuse_taken
from visionfw.ranking.job import JobState
from visionfw.ranking.leakage import find_leakage
from visionfw.ranking.preparation import check_ranking, prepare_training
from visionfw.ranking.report import write_report
from visionfw.ranking.results import collect_results

Log = Callable[[str], None]


def start_ranking(config: RankConfig, log: Log, dry_run: bool = False) -> None:
    """Check everything, search for leakage, run all jobs, write the reports.

    Args:
        config: the ranking.
        log: called with each line for the user.
        dry_run: stop before the first job, name the jobs and estimate their duration; nothing is written anywhere.

    Raises:
        RequestError: a name, a combination or a folder is wrong; nothing was written.
        VisionfwError: some jobs failed (after all others were done), or an image cannot be read.
    """
    if not dry_run:
        refuse_taken(config.execution.out)
    executor.refuse_missing(config.execution.engine)
    train_sets = check_ranking(config)
    prepared = replace(config, train=prepare_training(config, log, decode=not dry_run))
    leakage = find_leakage(prepared, train_sets, log)
    if dry_run:
        _log_plan(prepared, log)
    else:
        _work(create_grid(prepared, settings=config, leakage=leakage), log)


def resume_ranking(values: Mapping[str, Any], log: Log) -> None:
    """Continue the ranking in --out: jobs that are done stay, those that failed are tried again.

    Args:
        values: the flags on the command line. Those that results depend on must equal the ones that the ranking was started with.
        log: called with each line for the user.

    Raises:
        RequestError: there is no ranking, or a flag differs.
        VisionfwError: some jobs failed.
    """
    if not values.get("out"):
        raise RequestError("--resume: name the ranking's folder with --out=DIR")
    execution_flags = {flag.name for flag in flags_of(ExecutionConfig)}
    grid = open_grid(values["out"], from_flags(ExecutionConfig, {flag: value for flag, value in values.items() if flag in execution_flags}))
    settings = {flag: value for flag, value in values.items() if flag not in execution_flags}
    refuse_changes(read_settings(values["out"]), settings, f"the ranking in {grid.folder}")
    counts = Counter(job.state() for job in grid.jobs())
    log(f"{grid.folder}: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    _work(grid, log)


def _work(grid: Grid, log: Log) -> None:
    """Do the jobs that are not done, write the reports, and report the jobs that are left."""
    executor.execute(grid, log)
    results = collect_results(grid)
    if results is not None:
        log(write_report(grid, results))
    jobs = grid.jobs()
    left = [f"{job.title} ({job.state_text()})" for job in jobs if job.state() is not JobState.DONE]
    if left:
        raise VisionfwError(f"{len(left)} of {len(jobs)} jobs are not done: {some(left)}; --resume tries them again")


def _log_plan(config: RankConfig, log: Log) -> None:
    """Name the jobs, and estimate their duration from some steps of each training."""
    comparison, execution = config.comparison, config.execution
    for seed in comparison.seeds:
        for name in comparison.names:
            log(f"{name}, seed {seed}")
    from visionfw.training.timing import estimate_seconds

    seconds = sum(estimate_seconds(config.request_for(name, comparison.seeds[0])) for name in comparison.names) * len(comparison.seeds)
    text = f"{len(comparison.names) * len(comparison.seeds)} jobs, about {duration_text(seconds)} of training one after the other, and the tests"
    log(text + (f"; {execution.jobs} at a time" if execution.engine == "local" and execution.jobs > 1 else "") + "; nothing was written")
