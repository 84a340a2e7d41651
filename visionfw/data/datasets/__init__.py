"""Image sets by name or folder.

`image_set` defines a set, `layouts` reads it from its folders, `standard` lists the field's standard sets.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from visionfw.data.datasets.image_set import ImageSet, limit_images, read_note, rescaled
from visionfw.data.datasets.layouts import folders_of_images, read_folder
from visionfw.errors import RequestError, nearest
from visionfw.io.paths import user_path

__all__ = ["EMBEDDED", "ImageSet", "data_root", "find_sets", "limit_images", "list_sets", "read_note", "rescaled"]

#: Photographs inside scikit-image's wheel, all CC0 or in the public domain (its `skimage.data` gives the source of each).
EMBEDDED = {
    "embedded/train": ("brick.png", "camera.png", "coffee.png", "coins.png", "grass.png", "gravel.png", "moon.png", "rocket.jpg"),
    "embedded/test": ("astronaut.png", "chelsea.png"),
}


def data_root(folder: str | None) -> Path:
    """Return the folder that data names are looked up in: the given one, $VISIONFW_DATA, or the working directory."""
    root = user_path(folder or os.environ.get("VISIONFW_DATA") or ".")
    if not root.is_dir():
        source = "--data_root" if folder else "$VISIONFW_DATA"
        raise RequestError(f"{source}: no folder {root}")
    return root


def find_sets(names: str, root: str | None = None, scale: int = 4) -> list[ImageSet]:
    """Find image sets.

    Args:
        names: one name or folder, or several joined by commas. 'embedded/train' and 'embedded/test' are always there.
        root: folder that names are looked up in.
        scale: HR size / LR size of the LR images that belong to the sets.

    Raises:
        RequestError: no such set (the nearest is named), it holds no images, or the pairing of its LR images is ambiguous.
    """
    parts = [part.strip() for part in names.split(",") if part.strip()]
    if not parts:
        raise RequestError("no data set is named")
    data_root(root)
    return [_find_set(part, root, scale) for part in parts]


def list_sets(root: str | None = None) -> list[str]:
    """Return the names of all sets that can be named: the embedded ones, and every folder of images under the root."""
    return [*EMBEDDED, *sorted(folders_of_images(data_root(root)))]


def _find_set(name: str, root: str | None, scale: int) -> ImageSet:
    if name in EMBEDDED:
        return ImageSet(name, tuple(_embedded_folder() / file for file in EMBEDDED[name]))
    places = (data_root(root) / name, user_path(name))
    folder = next((path for path in places if path.is_dir()), None)
    if folder is not None:
        return read_folder(name, folder, scale)
    if any(path.is_file() for path in places):
        raise RequestError(f"data set {name!r} is a file; name its folder")
    names = list_sets(root)
    below = [other for other in names if other.lower().endswith(f"/{name.lower()}")]
    near = below[0] if below else nearest(name, names)
    hint = f"did you mean {near!r}?" if near else "there is " + ", ".join(names[:12])
    raise RequestError(f"no data set {name!r} under {data_root(root)}; {hint}")


def _embedded_folder() -> Path:
    """Return where scikit-image keeps its photographs, without importing it."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise RequestError("the embedded photographs come with scikit-image, which is not installed: pip install scikit-image")
    return Path(spec.submodule_search_locations[0]) / "data"
