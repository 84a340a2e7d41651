"""A model's name or file -> its dictionary; its arguments checked against the function that makes it.

A name is a file `NAME.py` in `model_defs/`: the one in the working directory is looked into first, then the installed architectures.
A file may hold a function that returns the dictionary, or a plain dictionary; a JSON file holds a dictionary and can't run code.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from visionfw.errors import RequestError, brief, unknown
from visionfw.io.paths import user_path

_INSTALLED = Path(__file__).resolve().parents[2] / "model_defs"
_CHECKOUT = Path(__file__).resolve().parents[3] / "model_defs"


@dataclass(frozen=True)
class Source:
    """A dictionary and where it came from.

    Attributes:
        dictionary: the model's dictionary, as spelled.
        path: the file it stands in.
        functions: the Python functions of that file, which its links may name as blocks.
    """

    dictionary: Mapping[str, Any]
    path: Path
    functions: Mapping[str, Callable] = field(default_factory=dict)


def folders() -> list[Path]:
    """Return the folders in which models are looked for by name, first one first."""
    here = Path.cwd() / "model_defs"
    found = [folder for folder in (here, _INSTALLED, _CHECKOUT) if folder.is_dir()]
    return list(dict.fromkeys(folder.resolve() for folder in found))


def names() -> list[str]:
    """Return the names of all models that can be named."""
    return sorted({file.stem for folder in folders() for file in folder.glob("*.py") if not file.stem.startswith("_")})


def summary(name: str) -> str:
    """Return the first line of a model's docstring, without running its file."""
    path = _find(name)
    try:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    except (OSError, SyntaxError, ValueError) as error:
        return f"(cannot be read: {brief(error)})"
    return text.partition("\n")[0]


def definition(name: str, **arguments: Any) -> dict[str, Any]:
    """Return the dictionary of a model.

    Args:
        name: a model's name ("srresnet"), a path to a .py or .json file, or PATH.py:NAME where the file holds several.
        arguments: keyword arguments of the function in the file.

    Raises:
        RequestError: no such model, file or argument; the nearest is named.
    """
    source = load(name, arguments)
    dictionary = dict(source.dictionary)
    named = dictionary.get("block_sub") or []
    named = {named} if isinstance(named, str) else {entry for entry in named if isinstance(entry, str)}
    own = {entry: function for entry, function in source.functions.items() if entry in named}
    return dictionary | {"blocks": own | dict(dictionary.get("blocks") or {})} if own else dictionary


def load(name: str, arguments: Mapping[str, Any] | None = None, scale: int | None = None, patch_size: int | None = None) -> Source:
    """Find and read a model.

    Args:
        name: as in `definition`.
        arguments: its function's arguments.
        scale: the run's scale, passed on where the function takes one and the arguments do not give it.
        patch_size: side of the patches that a discriminator judges, passed on likewise.

    Raises:
        RequestError: no such model, file or argument; the nearest is named.
    """
    given = dict(arguments or {})
    path, _, entry = _split(name)
    if path.suffix == ".json":
        if given:
            raise RequestError(f"model {name}: a JSON file takes no arguments, but {', '.join(given)} is given")
        return Source(_read_json(path), path)
    module = _run(path)
    made = _pick(module, path, entry)
    functions = {name: value for name, value in vars(module).items() if inspect.isfunction(value) and value.__globals__ is vars(module)}
    if isinstance(made, Mapping):
        if given:
            raise RequestError(f"model {name}: {path.name} holds a plain dictionary, which takes no arguments, but {', '.join(given)} is given")
        return Source(made, path, functions)
    offered = {key: value for key, value in (("scale", scale), ("patch_size", patch_size)) if value is not None}
    return Source(_call(made, name, given, offered, path), path, functions)


def parse_arguments(text: str, flag: str = "model_args") -> dict[str, Any]:
    """Read `blocks=8,filters=32,name=x` as keyword arguments: Python literals, everything else a string.

    Raises:
        RequestError: a part is not KEY=VALUE, or a key stands twice.
    """
    arguments: dict[str, Any] = {}
    for part in re.split(r",(?![^\[\(]*[\]\)])", text) if text.strip() else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key.isidentifier():
            raise RequestError(f"--{flag}: {part.strip()!r} is not KEY=VALUE (several are joined by commas: blocks=8,filters=32)")
        if key in arguments:
            raise RequestError(f"--{flag}: {key!r} stands twice")
        arguments[key] = _literal(value)
    return arguments


def _literal(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _split(name: str) -> tuple[Path, str, str]:
    """Split a model's name into its file and the entry asked for."""
    text, colon, entry = name.partition(":")
    if not text.endswith((".py", ".json")) and "/" not in text:
        return _find(text), colon, entry
    path = user_path(text)
    if path.suffix not in (".py", ".json"):
        raise RequestError(f"model {name}: a model's file ends in .py or .json")
    if not path.is_file():
        siblings = [file.name for pattern in ("*.py", "*.json") for file in path.parent.glob(pattern)] if path.parent.is_dir() else []
        raise RequestError(f"model {name}: {unknown('file', path.name, siblings)} (in {path.parent})")
    return path, colon, entry


def _find(name: str) -> Path:
    for folder in folders():
        if (folder / f"{name}.py").is_file() and not name.startswith("_"):
            return folder / f"{name}.py"
    raise RequestError(unknown("model", name, names(), most=40))


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        dictionary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"model {path}: not readable as JSON: {brief(error)}") from error
    if not isinstance(dictionary, dict):
        raise RequestError(f"model {path}: holds {type(dictionary).__name__}, not a dictionary")
    return dictionary


def _run(path: Path) -> ModuleType:
    """Run a model's file as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"visionfw_model_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        raise RequestError(f"model {path}{_told(path, error)}") from error
    return module


def _told(path: Path, error: BaseException) -> str:
    """Say what a user's file raised, and in which of its lines."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == path.name]
    line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
    reason = error.msg if isinstance(error, SyntaxError) else brief(error)
    return f"{f', line {line}' if line else ''}: {type(error).__name__}: {reason}"


def _pick(module: ModuleType, path: Path, entry: str) -> Callable | Mapping:
    """Choose the function or dictionary: the one asked for, the one called like the file, or the only one there is."""
    own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    dictionaries = {name: value for name, value in own.items() if isinstance(value, dict) and "name" in value}
    makers = {name: value for name, value in own.items() if inspect.isfunction(value) and value.__module__ == module.__name__}
    if entry:
        if entry not in dictionaries and entry not in makers:
            raise RequestError(f"model {path}: {unknown('dictionary or function', entry, [*dictionaries, *makers])}")
        return dictionaries.get(entry) or makers[entry]
    for candidates in (makers, dictionaries):
        if path.stem in candidates:
            return candidates[path.stem]
    choices = dictionaries or makers
    if len(choices) == 1:
        return next(iter(choices.values()))
    if not choices:
        raise RequestError(f"model {path}: holds neither a function that returns a dictionary nor a dictionary with a 'name'")
    raise RequestError(f"model {path}: holds several ({', '.join(sorted(choices))}); name one as {path}:{min(choices)}")


def _call(make: Callable, name: str, given: dict[str, Any], offered: Mapping[str, int], path: Path) -> Mapping[str, Any]:
    taken = inspect.signature(make).parameters
    for key in given:
        if key not in taken:
            raise RequestError(f"model {name}: {unknown('argument', key, taken)}")
    for key, value in offered.items():
        if key in taken and given.setdefault(key, value) != value:
            raise RequestError(f"model {name}: its arguments say {key}={given[key]}, the run {value}")
    free = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    missing = [key for key, argument in taken.items() if argument.default is argument.empty and argument.kind not in free and key not in given]
    if missing:
        raise RequestError(f"model {name}: needs {', '.join(missing)}; give it in --model_args")
    try:
        dictionary = make(**given)
    except (Exception, SystemExit) as error:  # a user's function may raise anything
        said = f": {brief(error)}" if isinstance(error, ValueError) else _told(path, error)
        raise RequestError(f"model {name}({', '.join(f'{key}={value!r}' for key, value in given.items())}){said}") from error
    if not isinstance(dictionary, Mapping):
        raise RequestError(f"model {name}: {make.__name__}() returned {type(dictionary).__name__}, not a dictionary")
    return dictionary
