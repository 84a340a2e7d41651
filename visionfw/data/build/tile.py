"""Training sets of tiles, cut automatically from large images; leftovers are dropped, or padded with noise to a tile.

OUT/HR/              the tiles: NUMBER_ROW_COLUMN.png
OUT/manifest.jsonl   a line an image: its tiles, where they were cut, and where in the tile the image's pixels are
OUT/summary.json     the options, counts, bytes, seconds
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from visionfw.data.datasets import ImageSet
from visionfw.data.pairs import NOISE_SIGMA, pad_with_noise
from visionfw.data.threads import map_in_threads
from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.imaging.degradations.pipeline import name_seed
from visionfw.imaging.files import ImageError, read_image, write_image
from visionfw.io.files import read_json, reporting_write_errors, write_bytes, write_json
from visionfw.io.locks import locked
from visionfw.io.progress import ProgressCallback
from visionfw.registry import Entry, Registry

MAX_TILE = 8192
Piece = tuple[int, int, int, int]
Log = Callable[[str], None]


def whole_tiles(height: int, width: int, size: int, min_side: int = 1) -> Iterator[Piece]:
    """Yield (row, column, size, size) of the whole tiles of an image, on a grid from its upper left corner."""
    yield from (piece for piece in all_pieces(height, width, size) if piece[2:] == (size, size))


def all_pieces(height: int, width: int, size: int, min_side: int = 1) -> Iterator[Piece]:
    """Yield (row, column, height, width) of the tiles of an image and of its leftovers at the right and the bottom.

    Args:
        height, width: of the image.
        size: side of a tile in pixels.
        min_side: leftovers with a shorter side than this are dropped.
    """
    for row in range(0, height, size):
        for column in range(0, width, size):
            piece = min(size, height - row), min(size, width - column)
            if piece == (size, size) or min(piece) >= min_side:
                yield row, column, *piece


@dataclass(frozen=True, kw_only=True)
class TileMethod(Entry):
    """A way to cut images. The implementation is a function like `all_pieces`; pieces smaller than a tile are padded with noise.

    Attributes:
        alias_of: the method's name in records, where this is another name of it.
    """

    alias_of: str = ""


TILE_METHODS: Registry[TileMethod] = Registry(
    "method",
    [
        TileMethod(name="tile", target=whole_tiles, help="cut into tiles, leftovers dropped"),
        TileMethod(name="pad_with_noise", target=all_pieces, help="cut into tiles, leftovers and small images padded with Gaussian RGB noise"),
        TileMethod(name="divide_and_conquer", target=whole_tiles, help="another name of tile", alias_of="tile"),
    ],
    TileMethod,
)


@dataclass(frozen=True)
class TileOptions:
    """How images are cut.

    Attributes:
        method: a name from TILE_METHODS.
        size: side of a tile in pixels.
        min_side: shortest side of a leftover that is padded, in pixels.
        noise_sigma: standard deviation of the padding's noise, in gray levels.
        seed: of the noise.

    Raises:
        RequestError: a value is not valid; all problems are reported.
    """

    method: str = "tile"
    size: int = 128
    min_side: int = 1
    noise_sigma: float = NOISE_SIGMA
    seed: int = 0

    def __post_init__(self) -> None:
        problems: list[str] = []
        TILE_METHODS.read(self.method, problems)
        for key, low, high in (("size", 1, MAX_TILE), ("min_side", 1, MAX_TILE), ("seed", 0, math.inf), ("noise_sigma", 0, 1e6)):
            value = getattr(self, key)
            if not low <= value <= high:
                problems.append(f"{key} must be from {low} to {high:g}, not {value}")
        if problems:
            raise RequestError("\n".join(problems))

    def record(self) -> dict[str, Any]:
        """Return the options as plain JSON, with the method's own name."""
        return asdict(self) | {"method": TILE_METHODS.get(self.method).alias_of or self.method}


@dataclass(frozen=True)
class _Job:
    """One image to cut: its number in all sets together, its set, and its file."""

    number: int
    dataset: str
    path: Path


def tile_images(
    sets: Sequence[ImageSet], out: Path, options: TileOptions, progress: ProgressCallback | None = None, log: Log = lambda line: None
) -> dict[str, Any]:
    """Make a training set of tiles. After a kill the same call continues, and ends with the same files.

    Args:
        sets: the source images.
        out: folder that is written.
        options: how the images are cut.
        progress: called with (images done, images in all).
        log: called with a line while another process is waited for.

    Returns:
        The summary, as in summary.json.

    Raises:
        RequestError: the folder holds something else, or tiles that were cut in another way.
        VisionfwError: no tile could be made, or the disk is full; what is done is kept.
    """
    record = {"data": ",".join(images.name for images in sets)} | options.record()
    with reporting_write_errors(out, "what is done is kept, and the same command continues"):
        _begin(out, record)
        with locked(out / ".lock", lambda: log(f"another process writes tiles into {out}; waiting for it")):
            return _tile_into(out, record, options, sets, progress)


def _tile_into(out: Path, record: dict[str, Any], options: TileOptions, sets: Sequence[ImageSet], progress: ProgressCallback | None) -> dict[str, Any]:
    started = time.monotonic()
    seconds_before = float(read_json(out / "summary.json").get("seconds", 0.0))
    jobs = [_Job(number, name, path) for number, (name, path) in enumerate((images.name, path) for images in sets for path in images.hr)]
    lines = _read_manifest(out / "manifest.jsonl", jobs)
    for job, line in zip(jobs, lines, strict=False):
        if not all((out / "HR" / tile["tile"]).exists() for tile in line["tiles"]):
            _tile_image(job, options, out / "HR")
    done = len(lines)
    with (out / "manifest.jsonl").open("a", encoding="utf-8") as manifest:
        for line in map_in_threads(lambda job: _tile_image(job, options, out / "HR"), jobs[done:]):
            manifest.write(json.dumps(line) + "\n")
            manifest.flush()
            lines.append(line)
            if progress:
                progress(len(lines), len(jobs))
    summary = _summarize(record, lines, options.size, out) | {"seconds": round(seconds_before + time.monotonic() - started, 1)}
    if not summary["tiles"]:
        shutil.rmtree(out)
        raise VisionfwError(f"{record['data']}: no tile could be made; {summary['images too small']} images are smaller than {options.size} pixels")
    write_json(out / "summary.json", summary)
    return summary


def _begin(out: Path, record: dict[str, Any]) -> None:
    """Make the folder, or accept it as an earlier call with the same options left it."""
    summary = out / "summary.json"
    if summary.is_file():
        earlier = read_json(summary).get("options", {})
        different = [key for key, value in record.items() if earlier.get(key) != value]
        if different:
            raise RequestError(
                f"--out: {out} holds tiles that were cut in another way ({different[0]} was {earlier.get(different[0])!r}); name another folder, or remove it"
            )
        return
    if out.exists() and (not out.is_dir() or [path.name for path in out.iterdir()] not in ([], ["HR"]) or any((out / "HR").glob("*"))):
        raise RequestError(f"--out: {out} exists and is not empty; name another folder, or remove it")
    (out / "HR").mkdir(parents=True, exist_ok=True)
    write_json(summary, {"options": record, "seconds": 0.0})


def _read_manifest(path: Path, jobs: Sequence[_Job]) -> list[dict[str, Any]]:
    """Return the lines of the images that are done; a line that a kill cut off is removed."""
    if not path.exists():
        return []
    try:
        lines = [json.loads(text) for text in path.read_text(encoding="utf-8").split("\n")[:-1]]
        earlier = [line["image"] for line in lines]
    except (ValueError, KeyError, TypeError) as error:
        raise VisionfwError(f"{path}: is damaged: {brief(error)}; remove {path.parent} to begin anew") from error
    present = [str(job.path) for job in jobs[: len(lines)]]
    if earlier != present:
        other = next(name for name, image in zip_longest(earlier, present) if name != image)
        raise RequestError(f"--out: {path.parent} was begun with other images ({other} is missing or at another place now); name another folder")
    write_bytes(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
    return lines


def _tile_image(job: _Job, options: TileOptions, folder: Path) -> dict[str, Any]:
    """Cut one image, write its tiles, and return its line of the manifest."""
    line: dict[str, Any] = {"image": str(job.path), "dataset": job.dataset, "tiles": []}
    try:
        image = read_image(job.path)
    except ImageError as error:
        return line | {"skipped": error.reason}
    size = options.size
    for row, column, height, width in TILE_METHODS.load(options.method)(*image.shape[:2], size, options.min_side):
        tile, top, left = image[row : row + height, column : column + width], 0, 0
        if (height, width) != (size, size):
            random = np.random.default_rng([options.seed, name_seed(job.path.name), row, column])
            tile, top, left = pad_with_noise(tile, (size, size), options.noise_sigma, random)
        file = f"{job.number:06}_{row // size:03}_{column // size:03}.png"
        write_image(folder / file, tile)
        line["tiles"].append({"tile": file, "row": row, "column": column, "height": height, "width": width, "top": top, "left": left})
    return line | {"size": list(image.shape[:2]), "bytes": job.path.stat().st_size}


def _summarize(record: dict[str, Any], lines: Sequence[dict[str, Any]], size: int, out: Path) -> dict[str, Any]:
    """Count, and compare with whole tiles alone and with one tile an image."""
    read = [line for line in lines if "size" in line]
    tiles = [tile for line in lines for tile in line["tiles"]]
    whole = sum((line["size"][0] // size) * (line["size"][1] // size) for line in read)
    needed = round(len(read) * len(tiles) / whole) if whole else 0
    source_bytes = sum(line["bytes"] for line in read)
    return {
        "options": record,
        "images": len(lines),
        "images skipped": [f"{line['image']}: {line['skipped']}" for line in lines if "skipped" in line],
        "images too small": sum(not line["tiles"] for line in read),
        "tiles": len(tiles),
        "padded tiles": sum((tile["height"], tile["width"]) != (size, size) for tile in tiles),
        "whole tiles": whole,
        "images needed for as many whole tiles": needed,
        "images saved compared with whole tiles": max(0, needed - len(read)),
        "images saved compared with one tile an image": len(tiles) - len(read),
        "bytes of the tiles": sum((out / "HR" / tile["tile"]).stat().st_size for tile in tiles),
        "bytes of the images": source_bytes,
        "bytes of as many images as tiles": round(source_bytes * len(tiles) / len(read)) if read else 0,
    }
