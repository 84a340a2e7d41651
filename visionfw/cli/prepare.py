"""`prepare.py`: image sets before any training: check, cache, degrade, tile, fetch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionfw.cli.flags import Flags
from visionfw.cli.listing import listing
from visionfw.config import Config, from_flags
from visionfw.data.config import CacheConfig, CheckConfig, DegradeConfig, FetchConfig, TileConfig
from visionfw.errors import RequestError, VisionfwError, unknown
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.io.paths import cache_folder, user_path
from visionfw.io.plugins import HELP as PLUGINS_HELP
from visionfw.io.progress import ProgressReporter, duration_text

_MAX_SHOWN = 20  # findings of one kind


@dataclass(frozen=True)
class Task:
    """One of prepare's tasks: what it does, its configuration, and the function that does it."""

    purpose: str
    config: type[Config]
    run: Callable[[Any], None]


def define(command: str, arguments: Sequence[str] = ()) -> Flags:
    """Return the flags of the task that a command line names, or of prepare itself."""
    if arguments and arguments[0] in TASKS:
        task = TASKS[arguments[0]]
        flags = Flags(f"{command} {arguments[0]}", f"{task.purpose}.")
        flags.add_config(task.config)
        flags.add("plugins", str, PLUGINS_HELP, takes="=FILES")
    else:
        tasks = [f"{command} {name.ljust(8)} {task.purpose}" for name, task in TASKS.items()]
        flags = Flags(command, "work on image sets before any training.", [*tasks, f"{command} check --help"])
        flags.add("data_root", str, "folder in which image sets are looked up by name", default_text="$VISIONFW_DATA")
    flags.add_list()
    return flags


def run(command: str, arguments: Sequence[str]) -> None:
    """Run prepare.py with a command line."""
    arguments = list(arguments)
    question = f"name a task: {command} {'|'.join(TASKS)}"
    if arguments and not arguments[0].startswith("-") and arguments[0] not in TASKS:
        raise RequestError(unknown("task", arguments[0], TASKS))
    if arguments[:1] == ["fetch"] and len(arguments) > 1 and not arguments[1].startswith("-"):
        arguments[1] = f"--name={arguments[1]}"
    has_task = bool(arguments) and arguments[0] in TASKS
    values = define(command, arguments).parse(arguments[1:] if has_task else arguments)
    if "list" in values:
        print(listing(values["list"], values.get("data_root")))
    elif not has_task:
        raise RequestError(question)
    else:
        values.pop("plugins", None)
        task = TASKS[arguments[0]]
        task.run(from_flags(task.config, values))


def _check(config: CheckConfig) -> None:
    from visionfw.data.audit.survey import survey
    from visionfw.data.datasets import find_sets
    from visionfw.reports import tables

    train = find_sets(config.data, config.data_root, config.scale)
    test = find_sets(config.test_data, config.data_root, config.scale) if config.test_data else []
    found = survey(train, test, config.scale, config.patch_size, ProgressReporter("inspecting images"))
    print(tables.as_table(found.sets))
    for kind in dict.fromkeys(finding.kind for finding in found.findings):
        findings = [finding for finding in found.findings if finding.kind == kind]
        print("\n".join(_line(finding) for finding in findings[:_MAX_SHOWN]))
        if len(findings) > _MAX_SHOWN:
            print(f"      {kind}: {len(findings) - _MAX_SHOWN} more; --report=FILE holds them all")
    if config.report:
        parameters = {"scale": config.scale, "patch_size": config.patch_size}
        tables.write_survey(Path(config.report), parameters, found.sets, [finding.row() for finding in found.findings])
        print(f"report: {config.report}")
    if found.errors:
        raise VisionfwError(f"{len(found.errors)} of {len(found.findings)} findings would spoil training or evaluation; they are listed as ERROR")
    print(f"no errors, {len(found.findings)} notes")


def _line(finding: Any) -> str:
    return f"{'ERROR' if finding.severity == 'error' else 'note '} {finding.kind}: {finding.file or finding.dataset}: {finding.text}"


def _cache(config: CacheConfig) -> None:
    from visionfw.data.cache import clear, open_sets, store_folder
    from visionfw.data.datasets import find_sets, rescaled

    folder = cache_folder(config.cache_dir)
    if config.clear and config.data is None:
        print(_removed(clear(folder)))
        return
    degradation = Degradation(config.degradation, config.scale, config.degradation_seed)
    sets = find_sets(config.data, config.data_root, config.scale)
    for images in [*sets, *rescaled(sets, config.rescale)]:
        place = store_folder(images, degradation, folder)
        if config.clear:
            print(f"{images.name}: {_removed(clear(folder, [place]))}")
            continue
        store = open_sets([images], degradation, folder, "skip", progress=ProgressReporter(f"decoding {images.name}"), log=print)
        for path, reason in store.skipped:
            print(f"skipped: {path}: {reason}")
        size = sum(path.stat().st_size for path in place.iterdir())
        print(f"{images.name}: {len(store)} images, {size / 2**20:.1f} MiB in {place}")


def _removed(paths: Sequence[Path]) -> str:
    return "\n".join(f"removed {path}" for path in paths) or "nothing to remove"


def _degrade(config: DegradeConfig) -> None:
    from visionfw.data.build.degraded_pairs import write_pairs
    from visionfw.data.datasets import find_sets

    degradation = Degradation(config.degradation, config.scale, config.degradation_seed)
    sets = find_sets(config.data, config.data_root, config.scale)
    count, skipped = write_pairs(sets, degradation, user_path(config.out), ProgressReporter("degrading images"))
    for line in skipped:
        print(f"skipped: {line}")
    print(f"{count} pairs by {degradation} (seed {degradation.seed}) in {config.out}")
    seed = f" --degradation_seed={degradation.seed}" if degradation.seed else ""
    flags = "" if degradation.is_bicubic else f" --degradation={degradation}{seed}"
    print(f"use them as --train_data={config.out} --scale={degradation.scale}{flags}")


def _tile(config: TileConfig) -> None:
    from visionfw.data.build.tile import tile_images
    from visionfw.data.datasets import find_sets

    sets, options = find_sets(config.data, config.data_root), config.options
    summary = tile_images(sets, user_path(config.out), options, ProgressReporter("cutting tiles"), print)
    for line in summary["images skipped"]:
        print(f"skipped: {line}")
    sizes = {key: f"{value / 2**20:.1f} MiB" for key, value in summary.items() if key.startswith("bytes")}
    rows = {key: value for key, value in summary.items() if key not in ("options", "images skipped")} | sizes
    rows["seconds"] = duration_text(summary["seconds"])
    print("\n".join(f"{key.replace('bytes', 'storage').replace('seconds', 'time')}: {value}" for key, value in rows.items()))
    print(f"tiles in {config.out}; use them as --train_data={config.out}")


def _fetch(config: FetchConfig) -> None:
    from visionfw.data.build.fetch import fetch
    from visionfw.data.datasets.standard import find_standard

    fetched = fetch(config.name, config.data_root, config.address, ProgressReporter(f"fetching {config.name}, bytes"))
    standard = find_standard(config.name)
    expected, terms = (f" of {standard[0].count}", f"; terms: {standard[0].license}, {standard[0].page}") if standard else ("", "")
    checked = "checked by their published SHA-256" if fetched.is_verified else "no SHA-256 is published for them"
    print(f"{fetched.images}{expected} images in {fetched.folder} ({checked}){terms}")


TASKS = {
    "check": Task("inspect every file, and report what would harm training", CheckConfig, _check),
    "cache": Task("decode images ahead of training", CacheConfig, _cache),
    "degrade": Task("write pairs of HR images and degraded LR images", DegradeConfig, _degrade),
    "tile": Task("cut large images into a training set of tiles", TileConfig, _tile),
    "fetch": Task("download a standard set (the only command that uses the network)", FetchConfig, _fetch),
}
