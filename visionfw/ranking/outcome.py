"""The figures of a matrix's cells -> tables and findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from visionfw.ranking.grid import Grid, read_leakage
from visionfw.ranking.statistics import Difference, differences, ranks, stability

Row = dict[str, Any]
_MOST = 100.0  # dB; an image that is met exactly has infinitely many
MARK = "*"  # of figures whose training images are in the test set


@dataclass(frozen=True)
class Outcome:
    """What a matrix says, as far as its cells are done.

    Attributes:
        names: those of which every seed is done, in the order they were named.
        seeds: of each.
        datasets: the test sets.
        gains, psnr, ssim: test set -> (names, seeds, images).
        leaking: (name, test set) -> number of training images that are in it.
        missing: cells that are not done, in words.
        costs: one row a name.
        protocol: how figures were made.
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

    def means(self, dataset: str) -> np.ndarray:
        """Return the mean gain of every name and seed on a test set, (names, seeds)."""
        return self.gains[dataset].mean(axis=2)

    def overall(self) -> np.ndarray:
        """Return the mean over test sets, each counting alike, (names, seeds)."""
        return np.mean([self.means(dataset) for dataset in self.datasets], axis=0)

    def table(self) -> list[Row]:
        """Return the ranking's table: a row a test set, a column a name: mean gain and its spread over seeds; the best's lead."""
        rows = []
        for dataset in (*self.datasets, "all"):
            means = self.overall() if dataset == "all" else self.means(dataset)
            by_name = np.sort(means.mean(axis=1))
            cells = {name: self._cell(name, dataset, means[place]) for place, name in enumerate(self.names)}
            best = self.names[int(means.mean(axis=1).argmax())]
            rows.append({"test set": dataset, **cells, "best": best, "min diff": float(by_name[-1] - by_name[-2])})
        return rows

    def _cell(self, name: str, dataset: str, gains: np.ndarray) -> str:
        leaks = any(count for (who, where), count in self.leaking.items() if who == name and dataset in (where, "all"))
        spread = f" \u00b1 {gains.std(ddof=1):.3f}" if len(gains) > 1 else ""
        return f"{gains.mean():+.3f}{spread}{MARK if leaks else ''}"

    def standings(self) -> list[Row]:
        """Return a row a name, best first: gain over all, mean rank, first places, PSNR and SSIM."""
        means = {dataset: self.means(dataset).mean(axis=1) for dataset in self.datasets}
        placed = np.array([ranks(means[dataset]) for dataset in self.datasets])
        rows = []
        for place, name in enumerate(self.names):
            row: Row = {"name": name, "gain": float(self.overall()[place].mean()), "mean rank": float(placed[:, place].mean())}
            row |= {"first places": int((placed[:, place] == 1).sum())}
            row |= {f"rank on {dataset}": float(placed[number, place]) for number, dataset in enumerate(self.datasets)}
            row |= {f"SSIM on {dataset}": float(self.ssim[dataset][place].mean()) for dataset in self.datasets}
            rows.append(row)
        return sorted(rows, key=lambda row: (row["mean rank"], -row["gain"]))

    def findings(self, dataset: str) -> list[Difference]:
        """Compare every two names on a test set, or on all, each counting alike."""
        chosen = self.datasets if dataset == "all" else (dataset,)
        gains = [[self.gains[one][place] for one in chosen] for place in range(len(self.names))]
        return differences(self.names, gains)

    def stability(self, dataset: str) -> float:
        """Return how alike the seeds rank the names: mean Kendall's tau, -1 to 1."""
        return stability((self.overall() if dataset == "all" else self.means(dataset)).T)

    def long_rows(self) -> list[Row]:
        """Return a row for every name, seed and test set, for other programs."""
        rows = []
        for place, name in enumerate(self.names):
            for number, seed in enumerate(self.seeds):
                for dataset in self.datasets:
                    figures = {
                        key: float(values[dataset][place, number].mean()) for key, values in (("psnr", self.psnr), ("ssim", self.ssim), ("gain", self.gains))
                    }
                    rows.append({"name": name, "seed": seed, "dataset": dataset, **figures, "leaking": self.leaking.get((name, dataset), 0)})
        return rows


def gather(matrix: Grid) -> Outcome | None:
    """Read the cells that are done; None where fewer than two names have all their seeds."""
    request = matrix.request.comparison
    cells = {(cell.name, cell.seed): cell for cell in matrix.cells()}
    done = {key: cell.read() for key, cell in cells.items() if cell.state() == "done"}
    names = tuple(name for name in request.names if all((name, seed) in done for seed in request.seeds))
    missing = tuple(
        f"{cell.title}: {cell.state()}" + (f" ({cell.why()})" if cell.state() == "failed" else "") for key, cell in cells.items() if key not in done
    )
    if len(names) < 2:
        return None
    first = done[names[0], request.seeds[0]]
    datasets = tuple(row["dataset"] for row in first["rows"])

    def figures(key: str) -> dict[str, np.ndarray]:
        return {dataset: np.array([[_of(done[name, seed], dataset, key) for seed in request.seeds] for name in names]) for dataset in datasets}

    leaking = {(entry["name"], entry["dataset"]): len(entry["leaks"]) for entry in read_leakage(matrix.folder)}
    costs = tuple({"name": name, **_cost([done[name, seed]["cost"] for seed in request.seeds])} for name in names)
    return Outcome(names, request.seeds, datasets, figures("gain"), figures("psnr"), figures("ssim"), leaking, missing, costs, first["protocol"])


def _of(result: Mapping[str, Any], dataset: str, key: str) -> list[float]:
    return [min(row[key], _MOST) for row in result["per_image"] if row["dataset"] == dataset]


def _cost(costs: Sequence[Mapping[str, Any]]) -> Row:
    """Return what a name costs: the least time of its seeds, the most memory."""
    return {
        "type": costs[0]["type"],
        "parameters": costs[0]["parameters"],
        "G multiply-adds": round(costs[0]["multiply_adds"] / 1e9, 2),
        "ms a step": round(1e3 * min(cost["seconds_per_step"] for cost in costs), 1),
        "ms an image of 128x128": round(1e3 * min(cost["seconds_per_image"] for cost in costs), 1),
        "peak MiB": round(max(cost["peak_bytes"] or 0 for cost in costs) / 2**20),
    }
