"""`prepare.py`: image sets before any training: check, cache, degrade, divide, fetch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from visionfw import config
from visionfw.cli.flags import Flags
from visionfw.cli.listing import listing
from visionfw.errors import RequestError, VisionfwError, unknown
from visionfw.io.paths import cache_folder, user_path
from visionfw.io.progress import ProgressReporter, duration_text

_PREPARE, _DIVIDE = config.PrepareRequest(data="-"), config.DivideRequest(data="-", out="-")

_MOST_SHOWN = 20  # of one kind


@dataclass(frozen=True)
class Task:
    """One of prepare's tasks: what it does, how its flags are defined, and how it is run with their values."""

    purpose: str
    define: Callable[[Flags], None]
    run: Callable[[dict], None]


def define(command: str) -> Flags:
    """Return the flags of prepare itself: only the tasks are told."""
    tasks = [f"{command} {name.ljust(8)} {task.purpose}" for name, task in TASKS.items()]
    flags = Flags(command, "work on image sets before any training.", [*tasks, f"{command} check --help"])
    _define_lists(flags)
    return flags


def _define_lists(flags: Flags) -> None:
    flags.text("data_root", None, "folder that data names are looked up in; $VISIONFW_DATA unless given")
    flags.listing("list", "what can be named: datasets, degradations, ...")


def define_for(command: str, arguments: Sequence[str]) -> Flags:
    """Return the flags of the task that a command line names, or of prepare itself."""
    return _task_flags(command, arguments[0]) if arguments and arguments[0] in TASKS else define(command)


def run(command: str, arguments: Sequence[str]) -> None:
    """Run prepare.py with a command line."""
    if arguments and arguments[0].startswith("-"):
        values = define(command).parse(arguments)
        if values["list"] is None:
            raise RequestError(f"what is to be done? {command} {'|'.join(TASKS)}")
        print(listing(values["list"], values["data_root"]))
        return
    if not arguments or arguments[0] not in TASKS:
        raise RequestError(unknown("task", arguments[0], TASKS) if arguments else f"what is to be done? {command} {'|'.join(TASKS)}")
    name, rest = arguments[0], list(arguments[1:])
    if name == "fetch" and rest and not rest[0].startswith("-"):
        rest[0] = f"--name={rest[0]}"
    values = _task_flags(command, name).parse(rest)
    list_kind = values.pop("list")
    if list_kind is not None:
        print(listing(list_kind, values["data_root"]))
        return
    TASKS[name].run(values)


def _task_flags(command: str, name: str) -> Flags:
    task = TASKS[name]
    flags = Flags(f"{command} {name}", task.purpose + ".", [])
    task.define(flags)
    _define_lists(flags)
    return flags


def _define_sets(flags: Flags) -> None:
    flags.text("data", None, "image sets: names or folders, joined by commas")
    flags.number("scale", _PREPARE.scale, "HR size / LR size")


def _define_degradation(flags: Flags) -> None:
    _define_sets(flags)
    flags.text("degradation", _PREPARE.degradation, "how LR images are made: steps joined by '+' (blur:sigma=1.6+bicubic); --list=degradations")
    flags.number("degradation_seed", _PREPARE.degradation_seed, "of what is random in the degradation")


def _define_check(flags: Flags) -> None:
    _define_sets(flags)
    flags.text("test_data", "", "sets that are tested on: whatever picture is in both is told as leakage")
    flags.number("patch_size", _PREPARE.patch_size, "side of a patch in LR pixels")
    flags.text("report", None, "file to write all findings to: .md, .csv or .json")


def _check(values: dict) -> None:
    from visionfw.data.audit.survey import survey
    from visionfw.data.datasets import find_sets
    from visionfw.reports import tables as reports

    request = config.PrepareRequest(**values)
    train = find_sets(request.data, request.data_root, request.scale)
    test = find_sets(request.test_data, request.data_root, request.scale) if request.test_data else []
    found = survey(train, test, request.scale, request.patch_size, ProgressReporter("inspecting images"))
    print(reports.as_table(found.sets))
    for kind in dict.fromkeys(finding.kind for finding in found.findings):
        of_kind = [finding for finding in found.findings if finding.kind == kind]
        print("\n".join(_line(finding) for finding in of_kind[:_MOST_SHOWN]))
        if len(of_kind) > _MOST_SHOWN:
            print(f"      {kind}: {len(of_kind) - _MOST_SHOWN} more; --report=FILE holds them all")
    if request.report:
        asked = {"scale": request.scale, "patch_size": request.patch_size}
        reports.write_rows(Path(request.report), asked, found.sets, [finding.row() for finding in found.findings])
        print(f"report: {request.report}")
    if found.errors:
        raise VisionfwError(f"{len(found.errors)} of {len(found.findings)} findings would spoil training or evaluation; they are listed as ERROR")
    print(f"no errors, {len(found.findings)} notes")


def _line(finding) -> str:
    return f"{'ERROR' if finding.severity == 'error' else 'note '} {finding.kind}: {finding.file or finding.dataset}: {finding.text}"


def _define_cache(flags: Flags) -> None:
    _define_degradation(flags)
    flags.text("rescale", _PREPARE.rescale, "sizes to decode images without LR files at besides their own, as train.py does: 0.8,0.6, or none")
    flags.text("cache_dir", None, "folder of decoded images; $VISIONFW_CACHE or ~/.cache/visionfw unless given")
    flags.switch("clear", "remove the decoded images of these sets instead, or of all where no --data is given")


def _cache(values: dict) -> None:
    from visionfw.data.cache import clear, open_sets, store_folder
    from visionfw.data.datasets import find_sets, rescaled
    from visionfw.imaging.degradations.pipeline import Degradation

    clears = values.pop("clear")
    if clears and values["data"] is None:
        print(_removed(clear(cache_folder(values["cache_dir"]))))
        return
    request = config.PrepareRequest(**values)
    how = Degradation.parse(request.degradation, request.scale, request.degradation_seed)
    folder = cache_folder(request.cache_dir)
    sets = find_sets(request.data, request.data_root, request.scale)
    for images in [*sets, *rescaled(sets, config.read_rescale(request.rescale))]:
        place = store_folder(images, how, folder)
        if clears:
            print(f"{images.name}: {_removed(clear(folder, [place]))}")
            continue
        store = open_sets([images], how, folder, "skip", progress=ProgressReporter(f"decoding {images.name}"), log=print)
        for path, reason in store.skipped:
            print(f"skipped: {path}: {reason}")
        size = sum(path.stat().st_size for path in place.iterdir())
        print(f"{images.name}: {len(store)} images, {size / 2**20:.1f} MiB in {place}")


def _removed(paths: Sequence[Path]) -> str:
    return "\n".join(f"removed {path}" for path in paths) or "nothing to remove"


def _define_degrade(flags: Flags) -> None:
    _define_degradation(flags)
    flags.text("out", None, "folder to write HR/ and LR_../X4/ into")


def _degrade(values: dict) -> None:
    from visionfw.data.build.degraded_pairs import write_pairs
    from visionfw.data.datasets import find_sets
    from visionfw.imaging.degradations.pipeline import Degradation

    request = config.PrepareRequest(**values)
    if not request.out:
        raise RequestError("--out: name the folder to write")
    how = Degradation.parse(request.degradation, request.scale, request.degradation_seed)
    made, left_out = write_pairs(find_sets(request.data, request.data_root, request.scale), how, user_path(request.out), ProgressReporter("degrading images"))
    for line in left_out:
        print(f"skipped: {line}")
    print(f"{made} pairs by {how} (seed {how.seed}) in {request.out}")
    flags = "" if how.is_bicubic else f" --degradation={how}" + (f" --degradation_seed={how.seed}" if how.seed else "")
    print(f"use them as --train_data={request.out} --scale={how.scale}{flags}")


def _define_divide(flags: Flags) -> None:
    flags.text("data", None, "sets of source images: names or folders, joined by commas")
    flags.text("out", None, "folder to write")
    flags.text("method", _DIVIDE.method, ", ".join(config.DIVIDE_METHODS))
    flags.number("size", _DIVIDE.size, "side of a tile in pixels")
    flags.number("least", _DIVIDE.least, "shortest side of a leftover that is padded with noise, in pixels")
    flags.real("noise_sigma", _DIVIDE.noise_sigma, "standard deviation of the padding's noise, in gray levels")
    flags.number("seed", _DIVIDE.seed, "of the noise")


def _divide(values: dict) -> None:
    from visionfw.data.build.tile import TileOptions, tile_images
    from visionfw.data.datasets import find_sets

    request = config.DivideRequest(**values)
    options = TileOptions(request.method, request.size, request.least, request.noise_sigma, request.seed)
    summary = tile_images(find_sets(request.data, request.data_root), user_path(request.out), options, ProgressReporter("cutting tiles"), print)
    for line in summary["images skipped"]:
        print(f"skipped: {line}")
    size = {key: f"{value / 2**20:.1f} MiB" for key, value in summary.items() if key.startswith("bytes")}
    told = {key: value for key, value in summary.items() if key not in ("options", "images skipped")} | size | {"seconds": duration_text(summary["seconds"])}
    print("\n".join(f"{key.replace('bytes', 'storage').replace('seconds', 'time')}: {value}" for key, value in told.items()))
    print(f"tiles in {request.out}; use them as --train_data={request.out}")


def _define_fetch(flags: Flags) -> None:
    flags.text("name", None, "of a standard set (may be given without --name=); --list=datasets tells which have an address")
    flags.text("address", None, "another address of the archive or image")


def _fetch(values: dict) -> None:
    from visionfw.data.build.fetch import fetch
    from visionfw.data.datasets.standard import find_standard

    if not values["name"]:
        raise RequestError("which set? prepare.py fetch NAME; --list=datasets tells which have an address")
    fetched = fetch(values["name"], values["data_root"], values["address"], ProgressReporter(f"fetching {values['name']}, bytes"))
    standard = find_standard(values["name"])
    expected, terms = (f" of {standard[0].count}", f"; terms: {standard[0].license}, {standard[0].page}") if standard else ("", "")
    checked = "checked by their published SHA-256" if fetched.is_verified else "no SHA-256 is published for them"
    print(f"{fetched.images}{expected} images in {fetched.folder} ({checked}){terms}")


TASKS = {
    "check": Task("look at every file, and tell what would harm training", _define_check, _check),
    "cache": Task("decode images ahead of training", _define_cache, _cache),
    "degrade": Task("write degraded images as files", _define_degrade, _degrade),
    "divide": Task("make a training set of tiles from large images", _define_divide, _divide),
    "fetch": Task("download a standard set (the only command that uses the network)", _define_fetch, _fetch),
}
