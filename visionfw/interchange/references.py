"""The reference implementation of an architecture: the names of its weights, and how to tell the architecture by them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionfw.errors import RequestError, brief
from visionfw.graph.language import loader
from visionfw.interchange.state import State

#: Our layer -> the prefix of its keys in a state_dict; see docs/weights.md.
NameMap = Mapping[str, str]


class RuledOut(Exception):
    """A state_dict is not an architecture's; the message says why."""


@dataclass(frozen=True)
class Reference:
    """What a model's file says about the reference implementation.

    Attributes:
        name: the architecture.
        path: its file.
        model: its function.
        names: returns the map of names, or several of them, for the model's arguments.
        detect: returns the model's arguments for a State; None where the file has no such function.
        assumed: arguments that no shape tells.
        in_order: returns the prefixes of the keys in the order in which the network runs its layers, for the number of layers with
            weights; None for a number that it cannot have, or where the file has no such function.
    """

    name: str
    path: Path
    model: Callable[..., Mapping[str, Any]]
    names: Callable[..., NameMap | Sequence[NameMap]]
    detect: Callable[[State], Mapping[str, Any] | None] | None
    assumed: tuple[str, ...] = ()
    in_order: Callable[[int], Sequence[str] | None] | None = None

    def dictionary(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the model's dictionary. Raises what its function raises."""
        return loader.with_origin(self.model(**arguments), self.name, self.model, arguments)

    def filled(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the model's function with its defaults filled in."""
        parameters = inspect.signature(self.model).parameters
        return {name: arguments.get(name, parameter.default) for name, parameter in parameters.items()}

    def maps(self, arguments: Mapping[str, Any]) -> list[NameMap]:
        """Return the maps of names for the model's arguments: the one that is written first."""
        maps = self.names(**self.filled(arguments))
        return [maps] if isinstance(maps, Mapping) else list(maps)

    def arguments_of(self, state: State) -> dict[str, Any]:
        """Return the arguments of the model that a state_dict belongs to.

        Raises:
            RuledOut: it is not this architecture's.
        """
        if self.detect is None:
            raise RuledOut("its file has no `detect`")
        try:
            arguments = self.detect(state)
        except (IndexError, TypeError, ZeroDivisionError) as error:  # shapes of other ranks than the architecture's
            raise RuledOut(f"its shapes are others ({brief(error)})") from error
        except (KeyError, ValueError) as error:
            raise RuledOut(brief(error)) from error
        if arguments is None:
            raise RuledOut("its keys are others")
        return dict(arguments)

    def assumptions(self, arguments: Mapping[str, Any]) -> list[str]:
        """Return the arguments that were assumed, as "image_range=1.0"."""
        filled = self.filled(arguments)
        return [f"{name}={filled[name]!r}" for name in self.assumed if name not in arguments]


def reference_of(name: str) -> Reference | None:
    """Return what the file of a model says about its reference implementation; None where it says nothing.

    Args:
        name: a model's name or file.

    Raises:
        RequestError: no such model, or its file cannot be run.
    """
    file = loader.read_file(name)
    names = file.contents.get("names")
    if not callable(names) or isinstance(file.model, Mapping):
        return None
    is_installed = file.path in loader.installed_files()
    assumed = tuple(file.contents.get("ASSUMED", ()))
    return Reference(
        file.path.stem if is_installed else name, file.path, file.model, names, file.contents.get("detect"), assumed, file.contents.get("in_order")
    )


def installed_references() -> list[Reference]:
    """Return the references of the architectures that come with the package. No other file is run."""
    references = (reference_of(str(path)) for path in loader.installed_files())
    return [reference for reference in references if reference is not None]


def require_reference(name: str) -> Reference:
    """Return a model's reference. Raises RequestError where its file names none."""
    reference = reference_of(name)
    if reference is None:
        raise RequestError(f"model {name}: its file has no function `names`, so the names of a reference implementation are not known")
    return reference
