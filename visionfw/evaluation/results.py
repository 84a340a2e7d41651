"""What a benchmark leaves behind: enlarged images, and reports of every kind."""

from __future__ import annotations

import io
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

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
from visionfw.io.paths import user_path
from visionfw.reports import plots
from visionfw.reports import tables as reports
from visionfw.reports.html.evaluation import EvaluationPage, Example
from visionfw.runs.directory import Run

_SHOWN = 2  # images of a set with the most and with the least gain


class Results:
    """Gathers what reports show while a benchmark goes on.

    Args:
        config: which reports are written, and where images go.
        subject: what is measured.
        protocol: how.
        given: sets that bring their own LR images -> where they lie.
    """

    def __init__(self, config: EvaluateConfig, subject: LoadedModel, protocol: Protocol, given: Mapping[str, str]):
        self.config, self.subject, self.given = config, subject, given
        self.record = protocol.record() | {"precision": config.precision} | ({"self-ensemble": "x8"} if config.upscale.self_ensemble else {})
        self.record |= {"LR as given": "; ".join(f"{name} in {folder}" for name, folder in given.items())} if given else {}
        if subject.diffusion is not None:
            schedule, target = subject.diffusion
            sampling = config.sampling
            steps = subject.denoising_steps(config)
            drawn = f"{sampling.sampling or 'ddim'}, {steps} denoising steps, {sampling.samples or 1} samples, seed {sampling.seed or 0}"
            self.record |= {"sampling": drawn, "noise": f"{schedule.name}, {schedule.steps} steps, in the {target.name}"}
        self._wants_page = any(file.lower().endswith(".html") for file in config.benchmark.report)
        self._examples: dict[str, list[Example]] = {}
        self._written: set[Path] = set()

    def keep(self, dataset: str, case: EvalImage, score: Score, levels: np.ndarray) -> None:
        """Take one image: write it where images are asked for, and remember it while it is among the best or worst of its set."""
        if self.config.upscale.out:
            write_image(self._place(dataset, case.name), case.to_rgb(levels))
        if self._wants_page:
            figures = {key: getattr(score, key) for key in ("psnr", "ssim", "bicubic_psnr", "bicubic_ssim", "gain")}
            images = case.to_rgb(case.bicubic), case.to_rgb(levels), case.hr
            self._remember(Example(dataset, case.name, False, *images, figures))

    def _place(self, dataset: str, name: str) -> Path:
        """Return where an enlarged image goes: a file for each, also where two of a set differ in nothing but their suffix."""
        folder = user_path(self.config.upscale.out) / re.sub(r"[^\w.-]+", "_", dataset).strip("_")
        folder.mkdir(parents=True, exist_ok=True)
        paths = (folder / f"{name}{number}.png" for number in itertools.chain([""], (f"-{count}" for count in itertools.count(2))))
        path = next(path for path in paths if path not in self._written)
        self._written.add(path)
        return path

    def _remember(self, example: Example) -> None:
        kept = sorted([*self._examples.get(example.dataset, []), example], key=lambda one: -one.figures["gain"])
        self._examples[example.dataset] = kept if len(kept) <= 2 * _SHOWN else kept[:_SHOWN] + kept[-_SHOWN:]

    def write(self, scores: Sequence[SetScore]) -> list[dict[str, Any]]:
        """Write the reports; return the rows, each with the weights and the run it is of. Raises VisionfwError where the disk refuses."""
        of = {"precision": self.config.precision, "self-ensemble": "x8" if self.config.upscale.self_ensemble else ""}
        of |= {"weights": self.subject.weights, "run": self.subject.run}
        rows = [score.row(self.subject.name) | of | {"LR": self.given.get(score.dataset, "made")} for score in scores]
        per_image = [row for score in scores for row in score.image_rows()]
        for file in self.config.benchmark.report:
            if file.lower().endswith(".html"):
                write_text(user_path(file), self._page(rows, per_image))
            else:
                reports.write_report(user_path(file), self.record, rows, per_image)
        return rows

    def _page(self, rows: Sequence[dict], per_image: Sequence[dict]) -> str:
        subject = self.subject
        about = {"weights": subject.weights, **({"run": subject.run} if subject.run else {})}
        if subject.checked:
            cost = compute_cost(subject.checked)
            about |= {"parameters": f"{cost.params:,}", "multiply-adds": f"{cost.multiply_adds / 1e9:.2f} G for an output of 1280x720"}
            reach = "the whole image" if math.isinf(cost.receptive_field) else f"{cost.receptive_field:g} x {cost.receptive_field:g} pixels"
            about |= {"receptive field": reach}
        return EvaluationPage(
            title=f"{subject.name} x{subject.scale}",
            about=about,
            protocol=self.record,
            rows=rows,
            per_image=per_image,
            examples=self._chosen(),
            model=table(subject.checked) if subject.checked else "",
            picture=self._picture(),
            history=plots.read_history(Run(Path(subject.run)).history) if subject.run else [],
            data=reports.as_json(self.record, rows, per_image),
        ).html()

    def _chosen(self) -> list[Example]:
        """Return each set's best images and its worst ones, one after the other; no image twice."""
        found = []
        for kept in self._examples.values():
            best = kept[: min(_SHOWN, -(-len(kept) // 2))]
            found += [Example(one.dataset, one.image, one in best, one.bicubic, one.made, one.original, one.figures) for one in kept]
        return found

    def _picture(self) -> str:
        """Return the model's picture; '' where matplotlib is not installed."""
        file = io.BytesIO()
        try:
            if self.subject.checked:
                render(self.subject.checked, file, "svg")
        except RequestError:
            return ""
        text = file.getvalue().decode()
        return text[text.find("<svg") :]
