"""Layers and blocks of the user's own in a run's model: which file registered them, a copy of it, and how to get them back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from visionfw.errors import RequestError
from visionfw.graph.language.blocks import BLOCKS
from visionfw.io.files import write_text
from visionfw.layers import LAYERS
from visionfw.registry import source_file
from visionfw.runs.directory import Run

if TYPE_CHECKING:  # it imports Keras, which is not needed to look a run's members up
    from visionfw.graph.checking.check import Checked


def own_members(checked: Checked) -> dict[str, str]:
    """Return the registered layers and blocks that a model uses and that do not come with the package: {name: file}, "" for no file."""
    layers = {call.link.layer for call in checked.flat.calls if call.link.layer in LAYERS and not LAYERS.get(call.link.layer).is_builtin}
    targets = {name: LAYERS.load(name) for name in layers}
    targets |= {name: BLOCKS.load(name) for name in checked.flat.registered_blocks if not isinstance(BLOCKS.get(name).target, str)}
    return {name: str(source_file(target) or "") for name, target in sorted(targets.items())}


def keep_sources(run: Run, members: Mapping[str, str]) -> None:
    """Copy the files that registered a run's layers and blocks into the run; what cannot be read is left out."""
    for file in sorted(set(filter(None, members.values()))):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            copy = run.sources / Path(file).name
            if not copy.exists():
                run.sources.mkdir(exist_ok=True)
                write_text(copy, Path(file).read_text(encoding="utf-8"))


def require_members(run: Run) -> None:
    """Check that the layers and blocks of a run's model are registered. A run's files are never executed unasked.

    Raises:
        RequestError: one is not; the message says which file registers it, or where its copy lies.
    """
    recorded = run.read().get("registered", {})
    missing = {name: file for name, file in recorded.items() if name not in LAYERS and name not in BLOCKS} if isinstance(recorded, dict) else {}
    if missing:
        raise RequestError(f"run {run.folder}: {_remedy(run, missing)}")


def _remedy(run: Run, missing: Mapping[str, str]) -> str:
    names = " and ".join(repr(name) for name in missing)
    files = list(dict.fromkeys(filter(None, missing.values())))
    copies = [run.sources / Path(file).name for file in files]
    if not files or not all(Path(file).is_file() or copy.is_file() for file, copy in zip(files, copies, strict=True)):
        where = f" by {' and '.join(files)}, which is gone" if files else ""
        return f"its model uses {names}, which was registered{where}; register it again, by a file named with --plugins"
    gone = [file for file in files if not Path(file).is_file()]
    plugins = [file if Path(file).is_file() else str(copy) for file, copy in zip(files, copies, strict=True)]
    note = f" ({', '.join(gone)} is gone; this is the run's copy)" if gone else ""
    return f"its model uses {names}, which a file of yours registers: --plugins={','.join(plugins)}{note}"
