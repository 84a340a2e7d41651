"""Who does the cells: processes of this machine, or tasks of a Ray cluster. Either way a cell is a process that writes its own figures."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from visionfw.backend.devices import processors
from visionfw.errors import RequestError
from visionfw.io.progress import duration_text
from visionfw.ranking.grid import Grid, Job
from visionfw.ranking.job import LOCKED

Log = Callable[[str], None]
_LOOK = 0.5  # seconds between two looks at the processes
_GRACE = 60.0  # seconds that an interrupted cell has to save itself


def work(matrix: Grid, log: Log) -> None:
    """Do all cells that are not done; those that fail are noted and do not stop the others.

    Raises:
        RequestError: the engine is not installed.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the cells under way saved themselves.
    """
    waiting = [cell for cell in matrix.cells() if cell.state() != "done"]  # one that a process still does is waited for
    if not waiting:
        return
    if matrix.request.execution.engine == "ray":
        _with_ray(matrix, waiting, log)
    else:
        _locally(matrix, waiting, log)


def command(matrix: Grid, cell: Job) -> list[str]:
    """Return the command line of a cell's process."""
    return [sys.executable, "-m", "visionfw.ranking.job", str(matrix.folder.resolve()), cell.name, str(cell.seed)]


def environment(threads: int = 0) -> dict[str, str]:
    """Return the environment of a cell's process: this package importable, quiet, on so many cores."""
    root = str(Path(__file__).resolve().parents[2])
    found = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return found | ({"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": str(threads)} if threads else {})


def start(matrix: Grid, cell: Job, threads: int = 0) -> subprocess.Popen:
    """Start a cell's process; what it says goes into its log."""
    cell.folder.mkdir(parents=True, exist_ok=True)
    with cell.log.open("ab") as log:
        return subprocess.Popen(command(matrix, cell), stdout=log, stderr=subprocess.STDOUT, env=environment(threads), start_new_session=True)


class ProgressReporter:
    """Says which cells are done, and when all will be."""

    def __init__(self, count: int, at_a_time: int, log: Log):
        self.count, self.at_a_time, self.log, self.times = count, at_a_time, log, []

    def ended(self, cell: Job, seconds: float) -> None:
        """Say how a cell ended."""
        self.times.append(seconds)
        left = (self.count - len(self.times)) * sum(self.times) / len(self.times) / self.at_a_time
        state = cell.state()
        how = f"failed: {cell.why()}" if state == "failed" else state if state == "done" else f"ended without figures (see {cell.log})"
        rest = f"; {duration_text(left)} left" if len(self.times) < self.count else ""
        self.log(f"{len(self.times)}/{self.count}: {cell.title} {how}, {duration_text(seconds)}{rest}")


def _locally(matrix: Grid, waiting: Sequence[Job], log: Log) -> None:
    jobs = min(matrix.request.execution.jobs, len(waiting))
    threads = max(1, processors() // jobs) if jobs > 1 else 0
    told, rest = ProgressReporter(len(waiting), jobs, log), list(waiting)
    running: dict[subprocess.Popen, tuple[Job, float]] = {}
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while rest or running:
            while rest and len(running) < jobs:
                cell = rest.pop(0)
                running[start(matrix, cell, threads)] = (cell, time.monotonic())
            time.sleep(_LOOK)
            for process in [process for process in running if process.poll() is not None]:
                cell, started = running.pop(process)
                if process.returncode == LOCKED:
                    rest.append(cell)
                    time.sleep(_LOOK)
                else:
                    told.ended(cell, time.monotonic() - started)
    finally:
        _stop(list(running))
        signal.signal(signal.SIGTERM, before)


def _stop(processes: Sequence[subprocess.Popen]) -> None:
    """Let processes save themselves, and end those that do not."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


def refuse_missing(engine: str) -> None:
    """Raise RequestError where an engine is not installed."""
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        raise RequestError("--engine=ray: Ray is not installed: pip install 'visionfw[ray]'")


def _with_ray(matrix: Grid, waiting: Sequence[Job], log: Log) -> None:
    """Do cells as Ray tasks: one each, done again elsewhere where a worker is lost. All machines must see the matrix's folder."""
    refuse_missing("ray")
    import ray

    ray.init(address=os.environ.get("RAY_ADDRESS"), ignore_reinit_error=True, logging_level="ERROR", log_to_driver=False)

    @ray.remote(num_cpus=matrix.request.execution.cpus, num_gpus=matrix.request.execution.gpus, max_retries=3)
    def do(place: int) -> float:
        started = time.monotonic()
        process = start(matrix, waiting[place], max(1, int(matrix.request.execution.cpus)))
        try:
            while process.wait() == LOCKED:  # the process of a worker that was lost goes on; it holds the cell
                time.sleep(5)
                process = start(matrix, waiting[place], max(1, int(matrix.request.execution.cpus)))
        finally:
            _stop([process] if process.poll() is None else [])
        return time.monotonic() - started

    told = ProgressReporter(len(waiting), max(1, int(ray.cluster_resources().get("CPU", 1) // max(matrix.request.execution.cpus, 1e-9))), log)
    tasks = {do.remote(place): cell for place, cell in enumerate(waiting)}
    try:
        while tasks:
            (done,), _ = ray.wait(list(tasks), num_returns=1)
            cell = tasks.pop(done)
            try:
                told.ended(cell, ray.get(done))
            except ray.exceptions.RayError as error:
                log(f"{cell.title}: Ray lost it: {str(error).splitlines()[0]}")
    finally:
        ray.shutdown()
