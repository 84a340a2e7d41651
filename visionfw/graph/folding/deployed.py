"""Architectures that have two forms, for training and, with `deployed=True`, for inference: telling that a folded model is the second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from visionfw.graph.language import loader
from visionfw.graph.language.ir import Definition, to_dictionary
from visionfw.graph.language.parser import parse

#: Keys that do not change what a model computes.
_DESCRIPTION = ("name", "paper", "scale", "origin")


def deployed_origin(definition: Definition) -> Mapping[str, Any] | None:
    """Return the origin of a folded definition where it is the form for inference of the architecture that it was folded from, else None.

    Only files of architectures that come with the package are run.
    """
    origin = definition.origin
    files = {file.stem: file for file in loader.installed_files()}
    if origin is None or origin["model"] not in files or origin["arguments"].get("deployed") is not False:
        return None
    arguments = {**origin["arguments"], "deployed": True}
    other, _ = parse(loader.definition(str(files[origin["model"]]), **arguments))
    is_same = other is not None and _computed(other) == _computed(definition)
    return {"model": origin["model"], "arguments": arguments} if is_same else None


def _computed(definition: Definition) -> dict[str, Any]:
    return {key: value for key, value in to_dictionary(definition).items() if key not in _DESCRIPTION}
