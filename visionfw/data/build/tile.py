"""Training sets made automatically from large images: cut into tiles, the leftovers dropped, or framed with noise up to a tile.

OUT/HR/          the tiles: NUMBER_ROW_COLUMN.png
OUT/manifest.jsonl   a line an image: which tiles, from where, and where in the tile the image's pixels are
OUT/summary.json     what was asked for, counts, bytes, seconds
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from visionfw.config import DivideRequest
from visionfw.data.datasets import ImageSet
from visionfw.data.pairs import pad_with_noise
from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.imaging.degradations.pipeline import name_seed
from visionfw.imaging.files import ImageError, read_image, write_image
from visionfw.io.files import read_json, write_bytes, write_json
from visionfw.io.locks import locked
from visionfw.io.paths import user_path
from visionfw.io.progress import ProgressCallback


def divide(
    request: DivideRequest, sets: Sequence[ImageSet], progress: ProgressCallback | None = None, log: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Make a training set of tiles; called again after a kill it goes on, and ends with the same files.

    Args:
        request: method, size, seed, where to.
        sets: the core images.
        progress: called with (images done, images in all).
        log: called with a line where another process is waited for.

    Returns:
        The summary, as it stands in summary.json.

    Raises:
        RequestError: the folder holds something else, or tiles that were made in another way.
        VisionfwError: no image could be used, or the disk is full; what is done is kept.
    """
    out = user_path(request.out)
    _begin(out, request)
    try:
        with locked(out / ".lock", lambda: log(f"another process divides into {out}; waiting for it")):
            return _divide_into(out, request, sets, progress)
    except OSError as error:
        raise VisionfwError(f"--out: {out}: {error.strerror or error}; what is done is kept, and the same command goes on") from error


def _divide_into(out: Path, request: DivideRequest, sets: Sequence[ImageSet], progress: ProgressCallback | None) -> dict[str, Any]:
    started = time.monotonic()
    before = float(read_json(out / "summary.json").get("seconds", 0.0))
    images = [(images.name, path) for images in sets for path in images.hr]
    done = _read_manifest(out / "manifest.jsonl", images)
    for number, line in enumerate(done):
        if not all((out / "HR" / tile["tile"]).exists() for tile in line["tiles"]):
            _divide_one(number, *images[number], request, out / "HR")
    with (out / "manifest.jsonl").open("a", encoding="utf-8") as manifest:
        for number, line in enumerate(_divided(images[len(done) :], len(done), request, out / "HR"), len(done) + 1):
            manifest.write(json.dumps(line) + "\n")
            manifest.flush()
            done.append(line)
            if progress:
                progress(number, len(images))
    summary = _summary(request, done, images, before + time.monotonic() - started, out)
    if not summary["tiles"]:
        shutil.rmtree(out)
        raise VisionfwError(f"{request.data}: no tile could be made; {summary['images too small']} images are smaller than {request.size} pixels")
    write_json(out / "summary.json", summary)
    return summary


def cells(height: int, width: int, size: int, framed: bool, least: int = 1) -> Iterator[tuple[int, int, int, int]]:
    """Yield (row, column, height, width) of the pieces of an image, on a grid of `size` pixels from its upper left corner.

    Whole tiles, and with `framed` also the leftovers at the right and the bottom whose sides have at least `least` pixels.
    """
    for row in range(0, height, size):
        for column in range(0, width, size):
            piece = min(size, height - row), min(size, width - column)
            if piece == (size, size) or (framed and min(piece) >= least):
                yield row, column, *piece


def _begin(out: Path, request: DivideRequest) -> None:
    """Make the folder, or find it as an earlier call with the same request left it."""
    asked = request.record()
    summary = out / "summary.json"
    if summary.is_file():
        found = read_json(summary).get("request", {})
        different = [key for key, value in asked.items() if found.get(key) != value]
        if different:
            was = found.get(different[0])
            raise RequestError(f"--out: {out} holds tiles of another request ({different[0]} was {was!r}); name another folder, or remove it")
        return
    if out.exists() and (not out.is_dir() or [path.name for path in out.iterdir()] not in ([], ["HR"]) or any((out / "HR").glob("*"))):
        raise RequestError(f"--out: {out} exists and is not empty; name another folder, or remove it")
    try:
        (out / "HR").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VisionfwError(f"--out: {out} cannot be made: {error.strerror}") from error
    write_json(summary, {"request": asked, "seconds": 0.0})


def _read_manifest(path: Path, images: Sequence[tuple[str, Path]]) -> list[dict[str, Any]]:
    """Return the lines of the images that are done; a line that a kill cut off is taken away."""
    if not path.exists():
        return []
    try:
        lines = [json.loads(text) for text in path.read_text(encoding="utf-8").split("\n")[:-1]]
        begun_with = [line["image"] for line in lines]
    except (ValueError, KeyError, TypeError) as error:
        raise VisionfwError(f"{path}: is damaged: {brief(error)}; remove {path.parent} to begin anew") from error
    there = [str(image) for _, image in images[: len(lines)]]
    if begun_with != there:
        other = next((name for name, image in zip_longest(begun_with, there) if name != image))
        raise RequestError(f"--out: {path.parent} was begun with other images ({other} is not there, or not at its place, now); name another folder")
    write_bytes(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
    return lines


def _divided(images: Sequence[tuple[str, Path]], first: int, request: DivideRequest, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the manifest's lines in order; a few images are worked on at a time, so that memory stays bounded."""
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        try:
            for number, (name, path) in enumerate(images, first):
                waiting.append(workers.submit(_divide_one, number, name, path, request, folder))
                if len(waiting) > 2 * (os.cpu_count() or 1):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise


def _divide_one(number: int, name: str, path: Path, request: DivideRequest, folder: Path) -> dict[str, Any]:
    """Cut one image and write its tiles; return its line."""
    line: dict[str, Any] = {"image": str(path), "dataset": name, "tiles": []}
    try:
        image = read_image(path)
    except ImageError as error:
        return line | {"left_out": error.reason}
    size = request.size
    for row, column, height, width in cells(*image.shape[:2], size, request.method == "noise_framed", request.least):
        tile, top, left = image[row : row + height, column : column + width], 0, 0
        if (height, width) != (size, size):
            random = np.random.default_rng([request.seed, name_seed(path.name), row, column])
            tile, top, left = pad_with_noise(tile, (size, size), request.noise_sigma, random)
        file = f"{number:06}_{row // size:03}_{column // size:03}.png"
        write_image(folder / file, tile)
        line["tiles"].append({"tile": file, "row": row, "column": column, "height": height, "width": width, "top": top, "left": left})
    return line | {"size": list(image.shape[:2]), "bytes": path.stat().st_size}


def _summary(request: DivideRequest, lines: Sequence[dict], images: Sequence[tuple[str, Path]], seconds: float, out: Path) -> dict[str, Any]:
    """Count, and compare with plain tiling and with one tile an image."""
    size = request.size
    tiles = sum(len(line["tiles"]) for line in lines)
    whole = sum((line["size"][0] // size) * (line["size"][1] // size) for line in lines if "size" in line)
    read = [line for line in lines if "size" in line]
    core_bytes = sum(line["bytes"] for line in read)
    needed = round(len(read) * tiles / whole) if whole else 0
    return {
        "request": request.record(),
        "images": len(images),
        "images left out": [f"{line['image']}: {line['left_out']}" for line in lines if "left_out" in line],
        "images too small": sum(not line["tiles"] for line in read),
        "tiles": tiles,
        "framed tiles": sum((tile["height"], tile["width"]) != (size, size) for line in lines for tile in line["tiles"]),
        "tiles by plain tiling": whole,
        "images that plain tiling needs for as many tiles": needed,
        "images saved beside plain tiling": max(0, needed - len(read)),
        "images saved beside one tile an image": tiles - len(read),
        "bytes of the tiles": sum((out / "HR" / tile["tile"]).stat().st_size for line in lines for tile in line["tiles"]),
        "bytes of the images": core_bytes,
        "bytes of as many images as tiles": round(core_bytes * tiles / len(read)) if read else 0,
        "seconds": round(seconds, 1),
    }
