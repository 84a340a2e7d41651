"""Doing jobs: as processes of this machine, or as tasks of a Ray cluster. Either way a job is a process that writes its own result."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from visionfw.backend.devices import processors
from visionfw.errors import RequestError
from visionfw.io.files import reporting_write_errors
from visionfw.io.progress import RemainingTime, duration_text
from visionfw.ranking.config import ENGINES
from visionfw.ranking.grid import Grid
from visionfw.ranking.job import Job, JobState
from visionfw.ranking.run_job import LOCKED

Log = Callable[[str], None]
_POLL_INTERVAL = 0.5  # seconds
_LOCKED_INTERVAL = 5.0  # seconds until a job that another process does is tried again
_GRACE_PERIOD = 60.0  # seconds that an interrupted job has to save itself


def execute(grid: Grid, log: Log) -> None:
    """Do all jobs that are not done, by the engine that the ranking names. Failures are recorded and do not stop the other jobs.

    Raises:
        RequestError: the engine is not installed.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the running jobs saved themselves.
    """
    jobs = [job for job in grid.jobs() if job.state() is not JobState.DONE]  # a job that another process does is waited for
    if jobs:
        ENGINES.load(grid.config.execution.engine)(grid, jobs, log)


class JobReporter:
    """Reports how jobs ended, and when all of them will be done.

    Args:
        total: number of jobs.
        log: called with each line.
    """

    def __init__(self, total: int, log: Log):
        self.total, self.log, self.ended = total, log, 0
        self._remaining = RemainingTime()
        self._remaining.seconds(0, total)  # starts the clock

    def end(self, job: Job, seconds: float) -> None:
        """Report that a job's process ended after some seconds."""
        self.ended += 1
        has_ended = job.state() in (JobState.DONE, JobState.FAILED)
        outcome = job.state_text() if has_ended else f"ended without a result (see {job.log_file})"
        self.log(f"{self.ended}/{self.total}: {job.title} {outcome}, {duration_text(seconds)}{self._remaining.text(self.ended, self.total)}")


def run_locally(grid: Grid, jobs: Sequence[Job], log: Log) -> None:
    """Do jobs as processes of this machine, several at a time, each on its share of the cores."""
    parallel = min(grid.config.execution.jobs, len(jobs))
    threads = max(1, processors() // parallel) if parallel > 1 else 0
    reporter, waiting = JobReporter(len(jobs), log), list(jobs)
    running: dict[subprocess.Popen, tuple[Job, float]] = {}
    with _sigterm_as_interrupt():
        try:
            while waiting or running:
                while waiting and len(running) < parallel:
                    job = waiting.pop(0)
                    running[_start(grid, job, threads)] = job, time.monotonic()
                time.sleep(_POLL_INTERVAL)
                for process in [process for process in running if process.poll() is not None]:
                    job, start = running.pop(process)
                    if process.returncode == LOCKED:
                        waiting.append(job)
                    else:
                        reporter.end(job, time.monotonic() - start)
        finally:
            _stop(list(running))


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt for the length of a `with` block."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _start(grid: Grid, job: Job, threads: int = 0) -> subprocess.Popen:
    """Start a job's process, on some cores or on all of them (0); its output goes to the job's log."""
    command = [sys.executable, "-m", "visionfw.ranking.run_job", str(grid.folder.resolve()), job.name, str(job.seed)]
    with reporting_write_errors(job.folder):
        job.folder.mkdir(parents=True, exist_ok=True)
        with job.log_file.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=_environment(threads), start_new_session=True)


def _environment(threads: int) -> dict[str, str]:
    """Return the environment of a job's process: with this package importable, TensorFlow quiet, and the number of threads limited."""
    root = str(Path(__file__).resolve().parents[2])
    python_path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": python_path, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if threads:
        environment |= {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": str(threads)}
    return environment


def _stop(processes: Sequence[subprocess.Popen]) -> None:
    """Ask processes to save themselves and end; kill those that do not."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_PERIOD
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


def refuse_missing(engine: str) -> None:
    """Raise RequestError if the library of an engine is not installed."""
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        raise RequestError("--engine=ray: Ray is not installed: pip install 'visionfw[ray]'")


def run_with_ray(grid: Grid, jobs: Sequence[Job], log: Log) -> None:
    """Do jobs as Ray tasks, one each; Ray starts a task again elsewhere if a worker is lost. All machines must see the ranking's folder."""
    refuse_missing("ray")
    import ray

    ray.init(address=os.environ.get("RAY_ADDRESS"), ignore_reinit_error=True, logging_level="ERROR", log_to_driver=False)

    @ray.remote(num_cpus=grid.config.execution.cpus, num_gpus=grid.config.execution.gpus, max_retries=3)
    def do(number: int) -> float:
        return _run_to_end(grid, jobs[number])

    reporter, tasks = JobReporter(len(jobs), log), {do.remote(number): job for number, job in enumerate(jobs)}
    try:
        while tasks:
            (ended,), _ = ray.wait(list(tasks), num_returns=1)
            job = tasks.pop(ended)
            try:
                reporter.end(job, ray.get(ended))
            except ray.exceptions.RayError as error:
                log(f"{job.title}: lost by Ray: {str(error).splitlines()[0]}")
    finally:
        ray.shutdown()


def _run_to_end(grid: Grid, job: Job) -> float:
    """Do a job within a Ray task and return its seconds. The process of a task that Ray lost may still hold the job; it is waited for."""
    start, threads = time.monotonic(), max(1, int(grid.config.execution.cpus))
    process = _start(grid, job, threads)
    try:
        while process.wait() == LOCKED:
            time.sleep(_LOCKED_INTERVAL)
            process = _start(grid, job, threads)
    finally:
        _stop([process] if process.poll() is None else [])
    return time.monotonic() - start
