"""Checks of a whole ranking before its first job, and the limits that give all training sets equally much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from visionfw.backend.start import start_backend
from visionfw.config import with_flags
from visionfw.data.datasets import ImageSet, find_sets
from visionfw.errors import RequestError
from visionfw.imaging.files import ImageError, image_size
from visionfw.ranking.config import RankConfig
from visionfw.training.config import TrainConfig
from visionfw.training.preflight import degradation_of, preflight

#: The row of the tables that stands for all test sets.
ALL = "all"
#: Columns of the ranking's table beside those of the names.
OWN_COLUMNS = ("test set", "best", "min diff")
_MIN_SIDE = 11  # pixels: SSIM's window


def check_ranking(config: RankConfig) -> dict[str, list[ImageSet]]:
    """Refuse what can be refused before a framework is imported; all problems are reported together.

    Returns:
        The image sets of every training set.

    Raises:
        RequestError: a name, a combination or a test image is wrong.
    """
    problems: list[str] = []
    train_sets = _check_data(config, problems)
    comparison, kinds = config.comparison, {}
    for name in comparison.names:
        if name in OWN_COLUMNS:
            problems.append(f"--{comparison.ranked}: {name!r} is the name of another column of the tables")
        with _collecting(problems):
            kinds[name] = preflight(config.request_for(name, comparison.seeds[0])).kind
    if comparison.ranked == "models" and len(set(kinds.values())) > 1:
        text = ", ".join(f"{name}'s is {kind}" for name, kind in kinds.items())
        problems.append(f"--models: their trainings differ in loss and optimizer, so a ranking could not tell which model is better: {text}")
    if problems:
        raise RequestError("\n".join(dict.fromkeys(problems)))
    return train_sets


@contextmanager
def _collecting(problems: list[str]) -> Iterator[None]:
    """Append the lines of a RequestError inside the block to the problems."""
    try:
        yield
    except RequestError as error:
        problems.extend(str(error).splitlines())


def _check_data(config: RankConfig, problems: list[str]) -> dict[str, list[ImageSet]]:
    """Find the image sets and check those for tests and validation; return the training sets."""
    train, degradation = with_flags(config.train, {"scale": config.scale}), None
    with _collecting(problems):
        degradation = degradation_of(train)

    def find(names: str) -> list[ImageSet]:
        with _collecting(problems):
            return list(find_sets(names, train.data.root, config.scale))
        return []

    train_sets = {name: find(name.replace("+", ",")) for name in config.comparison.train_sets}
    tests = find(config.comparison.test_sets)
    for images in [*tests, *find(train.data.val)] if degradation is not None else []:
        with _collecting(problems):
            images.lr_files(degradation)
    problems += _test_set_problems(tests, config.scale)
    return train_sets


def _test_set_problems(tests: list[ImageSet], scale: int) -> Iterator[str]:
    """Yield what is wrong with test sets: named twice, with a reserved name, or with images that cannot be measured."""
    contents = [{path.resolve() for path in images.hr} for images in tests]
    for number, images in enumerate(tests):
        if contents[number] in contents[:number]:
            yield f"--test_sets: {images.name!r} is named twice"
        if images.name == ALL:
            yield f"--test_sets: {ALL!r} is the name of the tables' last row; rename the folder"
        yield from (f"{path}: {reason}" for path, reason in _unmeasurable(images, scale))


def _unmeasurable(images: ImageSet, scale: int) -> Iterator[tuple[Path, str]]:
    """Yield the test images that cannot be measured, each with the reason."""
    for path in images.hr:
        try:
            height, width = image_size(path)
        except ImageError as error:
            yield path, error.reason
            continue
        if min(height, width) // scale * scale - 2 * scale < _MIN_SIDE:
            yield path, f"{width} x {height} pixels are too few to be measured at x{scale}"


def prepare_training(config: RankConfig, log: Callable[[str], None], *, decode: bool = True) -> TrainConfig:
    """Prepare the training of every name, which refuses what is wrong with it, and equalize training sets.

    Args:
        config: the ranking.
        log: called with each line for the user.
        decode: decode all training images into the cache; else only their headers are read, and nothing is written.

    Returns:
        The training that all jobs have in common, with the limits that give every training set as much as the smallest has.

    Raises:
        RequestError, VisionfwError: a training cannot start.
    """
    start_backend(config.train.runtime.devices)
    from visionfw.training.setup import prepare

    comparison, counts = config.comparison, {}
    for name in comparison.names:
        flight = preflight(config.request_for(name, comparison.seeds[0]))
        patches = prepare(flight, lambda line: None, decode=decode).patches
        counts[name] = len(patches) if comparison.equalize == "patches" else len(set(patches.store.paths))
    if comparison.equalize == "none" or comparison.ranked != "train_sets":
        return config.train
    limit = min(counts.values())
    log(f"every training set gives {limit} {comparison.equalize} ({', '.join(f'{name} has {count}' for name, count in counts.items())})")
    return with_flags(config.train, {f"max_{comparison.equalize}": limit})
