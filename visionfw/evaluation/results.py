"""Writes what a benchmark leaves behind: the model's images, and reports of every kind."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from visionfw.diffusion.noise_schedule import NoiseSchedule
from visionfw.diffusion.target import Target
from visionfw.errors import RequestError
from visionfw.evaluation.benchmark import SetScore
from visionfw.evaluation.config import EvaluateConfig
from visionfw.evaluation.loaded_model import LoadedModel
from visionfw.evaluation.protocol import EvalImage, Protocol, Score
from visionfw.graph.analysis.cost import compute_cost
from visionfw.graph.analysis.describe import table
from visionfw.graph.analysis.draw import render
from visionfw.imaging.files import write_image
from visionfw.io.files import write_text
from visionfw.io.paths import folder_name, user_path
from visionfw.reports import tables as reports
from visionfw.reports.html.evaluation import EvaluationPage, Example
from visionfw.runs.directory import Run
from visionfw.runs.history import read_history

_SHOWN = 2  # images of each set with the highest gain, and as many with the lowest


class Results:
    """Collects images and scores during a benchmark, and writes its reports.

    Args:
        config: which reports are written, and where images go.
        loaded: the model that is measured.
        protocol: how metrics are computed.
        lr_folders: folders of the LR images that sets bring along, by the set's name.
    """

    def __init__(self, config: EvaluateConfig, loaded: LoadedModel, protocol: Protocol, lr_folders: Mapping[str, str]):
        self.config, self.loaded, self.lr_folders = config, loaded, lr_folders
        self.record: dict[str, Any] = protocol.record() | {"precision": config.precision}
        if config.upscale.self_ensemble:
            self.record["self-ensemble"] = "x8"
        if lr_folders:
            self.record["LR files"] = "; ".join(f"{name} in {folder}" for name, folder in lr_folders.items())
        if loaded.diffusion is not None:
            self.record |= self._sampling_record(*loaded.diffusion)
        self._needs_examples = any(file.lower().endswith(".html") for file in config.benchmark.report)
        self._examples: dict[str, list[Example]] = {}
        self._written: set[Path] = set()

    def _sampling_record(self, schedule: NoiseSchedule, target: Target) -> dict[str, str]:
        """Return how a diffusion model's images are sampled, in words."""
        sampling, steps = self.config.sampling, self.loaded.denoising_steps(self.config)
        return {
            "sampling": f"{sampling.sampling or 'ddim'}, {steps} denoising steps, {sampling.samples or 1} samples, seed {sampling.seed or 0}",
            "noise": f"{schedule.name}, {schedule.steps} steps, on the {target.name}",
        }

    def add(self, dataset: str, image: EvalImage, score: Score, sr: np.ndarray) -> None:
        """Take one measured image: write it if images are written, and keep it while it is among the best or worst of its set."""
        if self.config.upscale.out:
            write_image(self._path(self.config.upscale.out, dataset, image.name), image.to_rgb(sr))
        if self._needs_examples:
            panels = image.to_rgb(image.bicubic), image.to_rgb(sr), image.hr
            self._keep_example(Example(dataset, image.name, False, *panels, score.values()))

    def _path(self, out: str, dataset: str, name: str) -> Path:
        """Return the file of an image: its own, even where two images of a set differ only in their suffix."""
        folder = user_path(out) / folder_name(dataset)
        folder.mkdir(parents=True, exist_ok=True)
        paths = (folder / f"{name}{number}.png" for number in itertools.chain([""], (f"-{count}" for count in itertools.count(2))))
        path = next(path for path in paths if path not in self._written)
        self._written.add(path)
        return path

    def _keep_example(self, example: Example) -> None:
        kept = sorted([*self._examples.get(example.dataset, []), example], key=lambda one: -one.scores["gain"])
        self._examples[example.dataset] = kept if len(kept) <= 2 * _SHOWN else kept[:_SHOWN] + kept[-_SHOWN:]

    def write(self, set_scores: Sequence[SetScore]) -> list[dict[str, Any]]:
        """Write the reports; return the rows, each with the precision, the weights and the run. Raises VisionfwError if a file cannot be written."""
        failures = [line for score in set_scores for line in score.failure_lines()]
        if failures:
            self.record["not measured"] = "; ".join(failures)
        source = {"precision": self.config.precision, "self-ensemble": "x8" if self.config.upscale.self_ensemble else ""}
        source |= {"weights": self.loaded.weights, "run": self.loaded.run}
        rows = [score.row(self.loaded.name) | source | {"LR": self.lr_folders.get(score.dataset, "computed")} for score in set_scores]
        per_image = [row for score in set_scores for row in score.image_rows()]
        for file in self.config.benchmark.report:
            if file.lower().endswith(".html"):
                write_text(user_path(file), self._page(rows, per_image))
            else:
                reports.write_report(user_path(file), self.record, rows, per_image)
        return rows

    def _page(self, rows: Sequence[dict], per_image: Sequence[dict]) -> str:
        loaded = self.loaded
        return EvaluationPage(
            title=f"{loaded.name} x{loaded.scale}",
            about=self._model_facts(),
            protocol=self.record,
            rows=rows,
            per_image=per_image,
            examples=self._ranked_examples(),
            model=table(loaded.checked) if loaded.checked else "",
            drawing=self._picture(),
            history=read_history(Run(Path(loaded.run)).history) if loaded.run else [],
            data=reports.as_json(self.record, rows, per_image),
        ).html()

    def _model_facts(self) -> dict[str, str]:
        """Return facts about the model, by name."""
        facts = {"weights": self.loaded.weights} | ({"run": self.loaded.run} if self.loaded.run else {})
        if not self.loaded.checked:
            return facts
        cost = compute_cost(self.loaded.checked)
        field = "the whole image" if math.isinf(cost.receptive_field) else f"{cost.receptive_field:g} x {cost.receptive_field:g} pixels"
        multiply_adds = f"{cost.multiply_adds / 1e9:.2f} G for an output of 1280x720"
        return facts | {"parameters": f"{cost.params:,}", "multiply-adds": multiply_adds, "receptive field": field}

    def _ranked_examples(self) -> list[Example]:
        """Return the best images of each set, then its worst; no image twice."""
        examples = []
        for kept in self._examples.values():
            best = min(_SHOWN, -(-len(kept) // 2))
            examples += [replace(example, is_best=place < best) for place, example in enumerate(kept)]
        return examples

    def _picture(self) -> str:
        """Return the model's picture as SVG; "" where matplotlib is not installed."""
        file = io.BytesIO()
        try:
            if self.loaded.checked:
                render(self.loaded.checked, file, "svg")
        except RequestError:
            return ""
        text = file.getvalue().decode()
        return text[text.find("<svg") :]
