"""The results of a ranking's jobs, as arrays, tables and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from visionfw.ranking.grid import Grid
from visionfw.ranking.job import Job, JobState
from visionfw.ranking.leakage import MARK
from visionfw.ranking.preparation import ALL
from visionfw.ranking.statistics import Difference, compare_all, rank_agreement, ranks

Row = dict[str, Any]
_MAX_DB = 100.0  # of PSNR and gain, which are infinite for an image that is reproduced exactly


@dataclass(frozen=True)
class Results:
    """The results of a ranking, as far as its jobs are done.

    Attributes:
        names: what is ranked, in the order of the request; those of which every seed is done.
        seeds: the seeds of each name.
        datasets: the test sets.
        gains, psnr, ssim: for every test set (names, seeds, images).
        leaking: for a name and a test set, the number of training images that are in it.
        missing: a line for each job that is not done.
        costs: a row for each name.
        protocol: how the scores were measured.
    """

    names: tuple[str, ...]
    seeds: tuple[int, ...]
    datasets: tuple[str, ...]
    gains: Mapping[str, np.ndarray]
    psnr: Mapping[str, np.ndarray]
    ssim: Mapping[str, np.ndarray]
    leaking: Mapping[tuple[str, str], int]
    missing: tuple[str, ...]
    costs: tuple[Row, ...]
    protocol: Row

    @property
    def tests(self) -> tuple[str, ...]:
        """The test sets, and ALL for all of them together."""
        return (*self.datasets, ALL)

    def mean_gains(self, test: str) -> np.ndarray:
        """Return the mean gains of every name and seed on a test set, or over all of them with equal weights, (names, seeds)."""
        if test == ALL:
            return np.mean([self.mean_gains(dataset) for dataset in self.datasets], axis=0)
        return self.gains[test].mean(axis=2)

    def table(self) -> list[Row]:
        """Return a row for each test set: every name's mean gain with its deviation over seeds, the best name, and its lead."""
        rows = []
        for test in self.tests:
            gains = self.mean_gains(test)
            means = gains.mean(axis=1)
            second, first = np.sort(means)[-2:]
            cells = {name: self._cell(name, test, gains[number]) for number, name in enumerate(self.names)}
            rows.append({"test set": test, **cells, "best": self.names[int(means.argmax())], "min diff": float(first - second)})
        return rows

    def _cell(self, name: str, test: str, gains: np.ndarray) -> str:
        is_leaking = any(count for (other, dataset), count in self.leaking.items() if other == name and test in (dataset, ALL))
        deviation = f" \u00b1 {gains.std(ddof=1):.3f}" if len(gains) > 1 else ""
        return f"{gains.mean():+.3f}{deviation}{MARK if is_leaking else ''}"

    def standings(self) -> list[Row]:
        """Return a row for each name, best first: mean gain, mean rank, number of first places, rank and SSIM on every test set."""
        all_ranks = np.array([ranks(self.mean_gains(dataset).mean(axis=1)) for dataset in self.datasets])  # (test sets, names)
        rows = []
        for number, name in enumerate(self.names):
            own_ranks = all_ranks[:, number]
            row: Row = {"name": name, "gain": float(self.mean_gains(ALL)[number].mean()), "mean rank": float(own_ranks.mean())}
            row |= {"first places": int((own_ranks == 1).sum())}
            row |= {f"rank on {dataset}": float(rank) for dataset, rank in zip(self.datasets, own_ranks, strict=True)}
            row |= {f"SSIM on {dataset}": float(self.ssim[dataset][number].mean()) for dataset in self.datasets}
            rows.append(row)
        return sorted(rows, key=lambda row: (row["mean rank"], -row["gain"]))

    def differences(self, test: str) -> list[Difference]:
        """Compare every two names on a test set, or over all of them with equal weights."""
        datasets = self.datasets if test == ALL else (test,)
        return compare_all(self.names, [[self.gains[dataset][number] for dataset in datasets] for number in range(len(self.names))])

    def rank_agreement(self, test: str) -> float:
        """Return how far the seeds agree on the ranking: mean Kendall's tau, -1 to 1."""
        return rank_agreement(self.mean_gains(test).T)

    def rows(self) -> list[Row]:
        """Return a row for each name, seed and test set, for other programs."""
        metrics = {"psnr": self.psnr, "ssim": self.ssim, "gain": self.gains}
        return [
            {
                "name": name,
                "seed": seed,
                "dataset": dataset,
                **{metric: float(values[dataset][n, s].mean()) for metric, values in metrics.items()},
                "leaking": self.leaking.get((name, dataset), 0),
            }
            for n, name in enumerate(self.names)
            for s, seed in enumerate(self.seeds)
            for dataset in self.datasets
        ]


def collect_results(grid: Grid) -> Results | None:
    """Read the jobs that are done; None if fewer than two names have all of their seeds."""
    comparison, jobs = grid.config.comparison, grid.jobs()
    done = {(job.name, job.seed): job.read_result() for job in jobs if job.state() is JobState.DONE}
    names = tuple(name for name in comparison.names if all((name, seed) in done for seed in comparison.seeds))
    if len(names) < 2:
        return None
    first = done[names[0], comparison.seeds[0]]
    datasets = tuple(row["dataset"] for row in first["rows"])

    def scores(metric: str) -> dict[str, np.ndarray]:
        return {dataset: np.array([[_image_scores(done[name, seed], dataset, metric) for seed in comparison.seeds] for name in names]) for dataset in datasets}

    return Results(
        names=names,
        seeds=comparison.seeds,
        datasets=datasets,
        gains=scores("gain"),
        psnr=scores("psnr"),
        ssim=scores("ssim"),
        leaking={(entry["name"], entry["dataset"]): len(entry["leaks"]) for entry in grid.read_leakage()},
        missing=missing_jobs([job for job in jobs if (job.name, job.seed) not in done]),
        costs=tuple({"name": name, **_cost([done[name, seed]["cost"] for seed in comparison.seeds])} for name in names),
        protocol=first["protocol"],
    )


def missing_jobs(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Return a line for each job: its title and state."""
    return tuple(f"{job.title}: {job.state_text()}" for job in jobs)


def _image_scores(result: Mapping[str, Any], dataset: str, metric: str) -> list[float]:
    return [min(max(row[metric], -_MAX_DB), _MAX_DB) for row in result["per_image"] if row["dataset"] == dataset]


def _cost(costs: Sequence[Mapping[str, Any]]) -> Row:
    """Return what a name costs: the least time of its seeds, the most memory."""
    peaks = [cost["peak_bytes"] for cost in costs if cost["peak_bytes"] is not None]
    return {
        "type": costs[0]["type"],
        "parameters": costs[0]["parameters"],
        "G multiply-adds": round(costs[0]["multiply_adds"] / 1e9, 2),
        "ms per step": round(1e3 * min(cost["seconds_per_step"] for cost in costs), 1),
        "ms per 128x128 image": round(1e3 * min(cost["seconds_per_image"] for cost in costs), 1),
        "peak MiB": round(max(peaks) / 2**20) if peaks else "unknown",
    }
