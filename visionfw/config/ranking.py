"""A ranking as a frozen record: the same training over and over, with one thing changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from visionfw.config.checks import at_least, choices, refuse
from visionfw.config.training import TrainRequest
from visionfw.errors import RequestError

EQUALIZE = {
    "none": "every training set as it is",
    "patches": "as many patches of each training set as the smallest has",
    "images": "as many images of each training set as the smallest has",
}
ENGINES = {"local": "on this machine, --jobs at a time", "ray": "on a Ray cluster, one task a cell (pip install 'visionfw[ray]')"}


@dataclass(frozen=True)
class RankRequest:
    """A ranking of training sets, of models or of samplers.

    Attributes:
        train: what every cell has in common.
        train_sets: what is ranked: names as train.py takes them; several joined by '+' are one.
        models: names of architectures, ranked instead where there are several.
        samplers: as train.py takes them, ranked instead where there are several.
        test_sets: names of image sets, joined by commas.
        seeds: of the runs of each.
        out: folder of the matrix.
        equalize: a name from EQUALIZE.
        engine: a name from ENGINES.
        jobs: cells at a time.
        cpus, gpus: what Ray reserves for a cell.
    """

    train: TrainRequest = field(default_factory=TrainRequest)
    train_sets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    samplers: tuple[str, ...] = ()
    test_sets: str = ""
    seeds: tuple[int, ...] = (0, 1, 2)
    out: str = ""
    equalize: str = "none"
    engine: str = "local"
    jobs: int = 1
    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        problems = choices(self, {"equalize": EQUALIZE, "engine": ENGINES}) + at_least(self, 1, ("jobs",)) + at_least(self, 0, ("cpus", "gpus"))
        problems += [
            f"--{key}: name {what}"
            for key, what in (("train_sets", "the sets to train on"), ("test_sets", "the sets to test on"), ("out", "the folder of the ranking"))
            if not getattr(self, key)
        ]
        if not self.seeds or len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            problems.append("--seeds: different whole numbers of at least 0, joined by commas")
        ranked = [key for key in ("train_sets", "models", "samplers") if len(getattr(self, key)) > 1]
        if len(ranked) != 1:
            which = " and ".join(f"--{key}" for key in ranked) or "nothing"
            problems.append(f"one thing is ranked, several --train_sets, --models or --samplers; {which} has several names")
        problems += [f"--{key}: {name!r} is named twice" for key in ranked for name in getattr(self, key) if getattr(self, key).count(name) > 1]
        if len(self.train_sets) > 1 and self.train.epochs is not None and self.equalize != "patches":
            problems.append("--epochs: larger sets would train for more steps; give --steps, or --equalize=patches")
        problems += [f"--seeds: must be below {2**32}, not {seed}" for seed in self.seeds if seed >= 2**32]
        refuse(list(dict.fromkeys(problems)))

    @property
    def ranked(self) -> str:
        """What is ranked: 'train_sets', 'models' or 'samplers'."""
        return next(key for key in ("train_sets", "models", "samplers") if len(getattr(self, key)) > 1)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are ranked."""
        return getattr(self, self.ranked)

    def of(self, name: str, seed: int) -> TrainRequest:
        """Return the training of one name and seed."""
        data = name if self.ranked == "train_sets" else self.train_sets[0]
        changed: dict[str, Any] = {"train_data": data.replace("+", ","), "seed": seed}
        if self.ranked == "models" or self.models:
            changed["model"] = name if self.ranked == "models" else self.models[0]
        if self.ranked == "samplers" or self.samplers:
            changed["sampler"] = name if self.ranked == "samplers" else self.samplers[0]
        return replace(self.train, **changed)

    def record(self) -> dict[str, Any]:
        """Return all that results depend on, as plain JSON."""
        values = asdict(self) | {"train": self.train.record()}
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in values.items() if key not in ("out", "engine", "jobs", "cpus", "gpus")
        }

    @classmethod
    def of_record(cls, record: Mapping[str, Any], **how: Any) -> RankRequest:
        """Return the request that `record` gave, done `how`. Raises RequestError where another version wrote it."""
        try:
            lists = {key: tuple(record[key]) for key in ("train_sets", "models", "samplers", "seeds")}
            return cls(**(dict(record) | lists | {"train": TrainRequest.of_record(record["train"])} | how))
        except (TypeError, KeyError) as error:
            raise RequestError(f"--resume: the ranking was recorded by another version of visionfw: {error}") from error
