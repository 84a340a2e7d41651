"""Configuration of a ranking: the same training over and over, with one thing changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from visionfw.config import Config, from_record, section, setting, to_record, with_flags
from visionfw.errors import RequestError
from visionfw.registry import Entry, Registry
from visionfw.samplers import SAMPLERS
from visionfw.training.config import DEFAULT_SCALE, TrainConfig

EQUALIZE = {
    "none": "every training set as it is",
    "patches": "as many patches of each training set as the smallest has",
    "images": "as many images of each training set as the smallest has",
}
#: Each is a function (grid, jobs, log) that does the jobs of a ranking.
ENGINES = Registry(
    "engine",
    [
        Entry(name="local", target="visionfw.ranking.executor:run_locally", help="processes of this machine, --jobs at a time"),
        Entry(name="ray", target="visionfw.ranking.executor:run_with_ray", help="tasks of a Ray cluster, one per run (pip install 'visionfw[ray]')"),
    ],
)
#: train.py's flags that a ranking sets itself.
NOT_TRAINING = ("train_data", "seed", "run_dir", "minutes", "max_images", "max_patches")
_LARGEST_SEED = 2**32 - 1


def parse_names(text: str, flag: str = "") -> tuple[str, ...]:
    """Parse names joined by commas."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def parse_samplers(text: str, flag: str = "samplers") -> tuple[str, ...]:
    """Parse samplers joined by ';'. Raises RequestError for an unknown sampler or option."""
    names = tuple(filter(None, (part.strip() for part in text.split(";"))))
    for name in names:
        SAMPLERS.parse(name, flag)
    return names


def parse_seeds(text: str, flag: str = "seeds") -> tuple[int, ...]:
    """Parse whole numbers joined by commas. Raises RequestError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise RequestError(f"--{flag}={text}: must be whole numbers of at least 0, joined by commas")
    return tuple(map(int, parts))


@dataclass(frozen=True, kw_only=True)
class ComparisonConfig(Config):
    """What is ranked, and on what."""

    train_sets: tuple[str, ...] = setting((), "sets to train on, joined by commas; A+B is one of two sets joined", parse=parse_names)
    models: tuple[str, ...] = setting((), "several models, ranked on one training set instead of training sets", parse=parse_names)
    samplers: tuple[str, ...] = setting((), "several samplers, joined by ';', ranked on one training set instead of training sets", parse=parse_samplers)
    test_sets: str = setting("", "sets to test on, joined by commas")
    seeds: tuple[int, ...] = setting((0, 1, 2), "seeds of the runs of each, joined by commas", parse=parse_seeds, default_text="0,1,2")
    equalize: str = setting("none", "give every training set as many images or patches as the smallest has: none, patches or images", choices=EQUALIZE)

    def problems(self) -> Iterable[str]:
        for key, what in (("train_sets", "the sets to train on"), ("test_sets", "the sets to test on")):
            if not getattr(self, key):
                yield f"--{key}: name {what}"
        if not self.seeds or len(set(self.seeds)) != len(self.seeds) or not 0 <= min(self.seeds) <= max(self.seeds) <= _LARGEST_SEED:
            yield f"--seeds must be different whole numbers from 0 to {_LARGEST_SEED}, joined by commas"
        several = [key for key in ("train_sets", "models", "samplers") if len(getattr(self, key)) > 1]
        if len(several) != 1:
            which = " and ".join(f"--{key}" for key in several) or "nothing"
            yield f"one thing is ranked, several --train_sets, --models or --samplers; {which} has several names"
        for key in several:
            yield from (f"--{key}: {name!r} is named twice" for name in dict.fromkeys(getattr(self, key)) if getattr(self, key).count(name) > 1)

    @property
    def ranked(self) -> str:
        """What is ranked: 'train_sets', 'models' or 'samplers'."""
        return next(key for key in ("train_sets", "models", "samplers") if len(getattr(self, key)) > 1)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are ranked."""
        return getattr(self, self.ranked)


@dataclass(frozen=True, kw_only=True)
class ExecutionConfig(Config):
    """Where the runs are done; results do not depend on it."""

    out: str | None = setting(None, "folder of the ranking")
    engine: str = setting("local", "what does the runs: " + " or ".join(ENGINES), choices=ENGINES)
    jobs: int = setting(1, "runs at a time (local)", minimum=1)
    cpus: float = setting(1.0, "processor cores that Ray reserves for a run", minimum=0)
    gpus: float = setting(0.0, "GPUs that Ray reserves for a run", minimum=0)

    def problems(self) -> Iterable[str]:
        if not self.out:
            yield "--out: name the folder of the ranking"


@dataclass(frozen=True, kw_only=True)
class RankConfig(Config):
    """A ranking of training sets, of models or of samplers."""

    comparison: ComparisonConfig = section("Comparison", ComparisonConfig)
    execution: ExecutionConfig = section("Execution", ExecutionConfig)
    train: TrainConfig = section("Training", TrainConfig)

    def problems(self) -> Iterable[str]:
        comparison, train = self.comparison, self.train
        if len(comparison.train_sets) > 1 and train.budget.epochs is not None and comparison.equalize != "patches":
            yield "--epochs: larger sets would train for more steps; give --steps, or --equalize=patches"
        if comparison.models and train.model.init_from is not None:
            yield "--init_from brings a model along; give it or --models"
        if comparison.models and train.model.weights is not None:
            yield "--weights belongs to one model; give it or --models"
        if comparison.models and train.model.name != TrainConfig().model.name:
            yield "--model and --models both name what is trained; give one"
        if comparison.samplers and train.sampler.sampler is not None:
            yield "--sampler and --samplers both name the patch sampler; give one"

    @property
    def scale(self) -> int:
        """SR size / LR size of every run."""
        return self.train.model.scale or DEFAULT_SCALE

    def request_for(self, name: str, seed: int) -> TrainConfig:
        """Return the training of one ranked name and seed."""
        comparison = self.comparison
        train_set = name if comparison.ranked == "train_sets" else comparison.train_sets[0]
        values: dict[str, Any] = {"train_data": train_set.replace("+", ","), "seed": seed, "scale": self.scale}
        if comparison.models:
            values["model"] = name if comparison.ranked == "models" else comparison.models[0]
        if comparison.samplers:
            values["sampler"] = name if comparison.ranked == "samplers" else comparison.samplers[0]
        return with_flags(self.train, values)

    def record(self) -> dict[str, Any]:
        """Return all that results depend on, as plain JSON."""
        return to_record(self, without=("execution",))

    @classmethod
    def from_record(cls, record: Mapping[str, Any], execution: ExecutionConfig, source: str) -> RankConfig:
        """Return the ranking that `record` describes, executed in another way. Raises RequestError where another version wrote it."""
        return from_record(cls, {**record, "execution": to_record(execution)}, source)
