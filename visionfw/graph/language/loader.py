"""The loader: a model's name or file -> its dictionary; its arguments checked against the function that returns it.

A name is a file `NAME.py` in `model_defs/`: the working directory's folder comes first, then the installed architectures. A file holds a
function that returns the dictionary, or a plain dictionary; a JSON file holds a dictionary and cannot run code.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from visionfw.errors import RequestError, brief, unknown
from visionfw.graph.language.defaults import COLORS
from visionfw.graph.language.ir import FunctionBlock
from visionfw.graph.language.parse_values import ValueProblem, to_plain
from visionfw.graph.language.parser import parse
from visionfw.io.paths import user_path
from visionfw.registry import FILE_MODULES

#: What a model's file may define beside the model: how a reference implementation calls its weights, and how to tell the model by them.
BESIDE_THE_MODEL = ("names", "detect", "in_order")
_INSTALLED = Path(__file__).resolve().parents[2] / "model_defs"
_CHECKOUT = Path(__file__).resolve().parents[3] / "model_defs"


@dataclass(frozen=True)
class Source:
    """A model's dictionary and where it came from.

    Attributes:
        dictionary: the dictionary, as spelled.
        path: the file that it stands in.
        functions: the Python functions of that file, which its links may name as blocks.
        note: a line for the user where a name stood for a file of the working directory, whose code was run; else ''.
    """

    dictionary: Mapping[str, Any]
    path: Path
    functions: Mapping[str, Callable] = field(default_factory=dict)
    note: str = ""


def folders() -> list[Path]:
    """Return the folders in which models are looked up by name, the first one first."""
    candidates = [Path.cwd() / "model_defs", _INSTALLED, _CHECKOUT]
    return list(dict.fromkeys(folder.resolve() for folder in candidates if folder.is_dir()))


def names() -> list[str]:
    """Return the names of all models that can be named."""
    return sorted({file.stem for folder in folders() for file in folder.glob("*.py") if not file.stem.startswith("_")})


def installed_folder() -> Path:
    """Return the folder of the architectures that come with the package."""
    return next(folder for folder in (_INSTALLED, _CHECKOUT) if folder.is_dir())


def installed_files() -> list[Path]:
    """Return the files of the architectures that come with the package."""
    return sorted(file for file in installed_folder().glob("*.py") if not file.stem.startswith("_"))


@dataclass(frozen=True)
class ModelFile:
    """What a model's Python file defines.

    Attributes:
        path: the file.
        model: the function that returns the dictionary, or the dictionary.
        contents: everything that the file defines, by name.
    """

    path: Path
    model: Callable | Mapping[str, Any]
    contents: Mapping[str, Any]


def read_file(name: str) -> ModelFile:
    """Run a model's Python file.

    Args:
        name: as in `definition`.

    Raises:
        RequestError: no such model or file, or a file of another kind.
    """
    path, entry, _ = _locate(name)
    if path.suffix == ".json":
        raise RequestError(f"model {name}: a JSON file defines nothing beside its dictionary")
    with _imported(path) as module:
        return ModelFile(path, _pick(vars(module), path, entry), dict(vars(module)))


def summary(name: str) -> str:
    """Return the first line of a model's docstring, without running its file."""
    path = _find(name)[0]
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

    Returns:
        The dictionary as spelled. Functions of its file that its links name as blocks stand in its `blocks`.

    Raises:
        RequestError: no such model, file or argument; the nearest is named.
    """
    source = load(name, arguments)
    parsed, _ = parse(source.dictionary, source.functions)
    blocks = parsed.graph.blocks if parsed is not None else {}
    functions = {key: block.call for key, block in blocks.items() if isinstance(block, FunctionBlock) and block.call is not None}
    dictionary = dict(source.dictionary)
    return dictionary | {"blocks": functions | dict(dictionary.get("blocks") or {})} if functions else dictionary


def load(name: str, arguments: Mapping[str, Any] | None = None, scale: int | None = None, patch_size: int | None = None) -> Source:
    """Find and read a model; its file is executed once.

    Args:
        name: as in `definition`.
        arguments: arguments of its function.
        scale: the run's scale, passed on where the function takes one and the arguments do not give it.
        patch_size: side of the patches that a discriminator judges, passed on likewise.

    Raises:
        RequestError: no such model, file or argument; the nearest is named.
    """
    values = dict(arguments or {})
    path, entry, note = _locate(name)
    if path.suffix == ".json":
        _refuse_arguments(name, values, "a JSON file")
        return Source(_read_json(path), path)
    with _imported(path) as module:
        value = _pick(vars(module), path, entry)
        functions = {key: item for key, item in vars(module).items() if inspect.isfunction(item) and item.__globals__ is vars(module)}
        if isinstance(value, Mapping):
            _refuse_arguments(name, values, f"{path.name} holds a plain dictionary, which")
            return Source(value, path, functions, note)
        offered = {key: size for key, size in (("scale", scale), ("patch_size", patch_size)) if size is not None}
        dictionary = _call(value, name, values, offered, path)
        if "names" in functions:
            dictionary = with_origin(dictionary, path.stem if path.parent in (_INSTALLED, _CHECKOUT) else str(path), value, values)
        return Source(dictionary, path, functions, note)


def with_origin(dictionary: Mapping[str, Any], name: str, function: Callable, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dictionary that says which function returned it for which arguments, so that the reference's names of its weights can be found.

    Args:
        dictionary: what the function returned.
        name: the model's name or file.
        function: the function.
        arguments: what it was called with; its defaults are added.
    """
    parameters = inspect.signature(function).parameters
    filled = {key: arguments.get(key, parameter.default) for key, parameter in parameters.items()}
    with contextlib.suppress(ValueProblem):  # an argument that JSON cannot hold: there is no telling it from a file
        return dict(dictionary) | {"origin": {"model": name, "arguments": to_plain(filled)}}
    return dict(dictionary)


def _refuse_arguments(name: str, arguments: Mapping[str, Any], what: str) -> None:
    if arguments:
        raise RequestError(f"model {name}: {what} takes no arguments, but {', '.join(arguments)} is given")


# --- arguments as text -------------------------------------------------------------------------------------------------


def parse_arguments(text: str, flag: str = "model_args") -> dict[str, Any]:
    """Parse `blocks=8,kernels=[9,1,5],name=x` as keyword arguments: Python literals, and bare words as strings. Nothing is evaluated.

    Args:
        text: the arguments.
        flag: the flag that they were written for, for messages.

    Raises:
        RequestError: a part is not KEY=VALUE, or a key is given twice.
    """
    call = f"f({text})"
    node: ast.expr | None = None
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        node = ast.parse(call, mode="eval").body
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args or any(keyword.arg is None for keyword in node.keywords):
        raise RequestError(f"--{flag}: {text[:80]!r} is not KEY=VALUE (several are joined by commas: blocks=8,kernels=[9,1,5]; quote other text: name='a b')")
    arguments: dict[str, Any] = {}
    for keyword in node.keywords:
        key = str(keyword.arg)
        if key in arguments:
            raise RequestError(f"--{flag}: {key!r} is given twice")
        arguments[key] = _literal(keyword.value, call)
    return arguments


def _literal(node: ast.expr, text: str) -> Any:
    """Return a literal's value; what is no literal as the text that was written."""
    if isinstance(node, ast.Name) and node.id.lower() in ("true", "false"):
        return node.id.lower() == "true"
    if isinstance(node, ast.List | ast.Tuple):
        entries = [_literal(entry, text) for entry in node.elts]
        return tuple(entries) if isinstance(node, ast.Tuple) else entries
    try:
        if isinstance(node, ast.Dict):
            return {_literal(key, text): _literal(value, text) for key, value in zip(node.keys, node.values, strict=True) if key is not None}
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return ast.get_source_segment(text, node)


# --- files -------------------------------------------------------------------------------------------------------------


def _locate(name: str) -> tuple[Path, str, str]:
    """Return a model's file, the entry of it that is named, and `Source.note`."""
    text, _, entry = name.partition(":")
    if not text.endswith((".py", ".json")) and "/" not in text:
        path, note = _find(text)
        return path, entry, note
    path = user_path(text)
    if path.suffix not in (".py", ".json"):
        raise RequestError(f"model {name}: a model's file ends in .py or .json")
    if not path.is_file():
        siblings = [file.name for pattern in ("*.py", "*.json") for file in path.parent.glob(pattern)] if path.parent.is_dir() else []
        raise RequestError(f"model {name}: {unknown('file', path.name, siblings)} (in {path.parent})")
    return path, entry, ""


def _find(name: str) -> tuple[Path, str]:
    """Return the file of a model, and `Source.note`."""
    files = [folder / f"{name}.py" for folder in folders()]
    files = [file for file in files if file.is_file() and not name.startswith("_")]
    if not files:
        raise RequestError(unknown("model", name, names(), most=40))
    if files[0].parent in (_INSTALLED, _CHECKOUT):
        return files[0], ""
    instead = " instead of the installed model of that name" if len(files) > 1 else ""
    return files[0], f"model {name}: {files[0]} is used{instead}"


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        dictionary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"model {path}: not readable as JSON: {brief(error)}") from error
    if not isinstance(dictionary, dict):
        raise RequestError(f"model {path}: holds {type(dictionary).__name__}, not a dictionary")
    return dictionary


@contextlib.contextmanager
def _imported(path: Path) -> Iterator[ModuleType]:
    """Run a model's file as a module of its own, which is in sys.modules inside the `with` block (dataclasses need it there)."""
    spec = importlib.util.spec_from_file_location(f"{FILE_MODULES[0]}{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RequestError(f"model {path}: cannot be run as Python")
    module = importlib.util.module_from_spec(spec)
    previous = sys.modules.get(spec.name)
    sys.modules[spec.name] = module
    try:
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # a user's file may raise anything
            raise RequestError(f"model {path}{_raised_in(path, error)}") from error
        yield module
    finally:
        if previous is None:
            del sys.modules[spec.name]
        else:
            sys.modules[spec.name] = previous


def _raised_in(path: Path, error: BaseException) -> str:
    """Write what a user's file raised, and in which of its lines."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == path.name]
    line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
    reason = error.msg if isinstance(error, SyntaxError) else brief(error)
    return f"{f', line {line}' if line else ''}: {type(error).__name__}: {reason}"


def _pick(contents: Mapping[str, Any], path: Path, entry: str) -> Callable | Mapping:
    """Choose a file's function or dictionary: the one that is named, the one called like the file, or the only one."""
    public = {name: value for name, value in contents.items() if not name.startswith("_") and name not in BESIDE_THE_MODEL}
    dictionaries = {name: value for name, value in public.items() if isinstance(value, dict) and "name" in value}
    functions = {name: value for name, value in public.items() if inspect.isfunction(value) and value.__module__ == contents["__name__"]}
    if entry:
        if entry not in dictionaries and entry not in functions:
            raise RequestError(f"model {path}: {unknown('dictionary or function', entry, [*dictionaries, *functions])}")
        return dictionaries.get(entry) or functions[entry]
    by_file_name = functions.get(path.stem) or dictionaries.get(path.stem)
    if by_file_name is not None:
        return by_file_name
    choices: dict[str, Any] = dictionaries or functions
    if len(choices) == 1:
        return next(iter(choices.values()))
    if not choices:
        raise RequestError(f"model {path}: holds neither a function that returns a dictionary nor a dictionary with a 'name'")
    raise RequestError(f"model {path}: holds several ({', '.join(sorted(choices))}); name one as {path}:{min(choices)}")


def _call(function: Callable, name: str, arguments: dict[str, Any], offered: Mapping[str, int], path: Path) -> Mapping[str, Any]:
    """Return the dictionary of a model's function.

    Args:
        function: the function.
        name: the model's name, for messages.
        arguments: what the user gives.
        offered: what the run knows, for parameters that the function has and the user leaves out.
        path: the function's file.
    """
    parameters = inspect.signature(function).parameters
    for key in arguments:
        if key not in parameters:
            raise RequestError(f"model {name}: {unknown('argument', key, parameters)}")
    color = parameters.get("color")
    if color is not None and color.default in COLORS and arguments.get("color", "rgb") not in COLORS:
        raise RequestError(f"model {name}: {unknown('color', arguments['color'], COLORS)}")
    for key, value in offered.items():
        if key in parameters and arguments.setdefault(key, value) != value:
            raise RequestError(f"model {name}: its arguments say {key}={arguments[key]}, the run {value}")
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    missing = [key for key, one in parameters.items() if one.default is one.empty and one.kind not in variadic and key not in arguments]
    if missing:
        raise RequestError(f"model {name}: needs {', '.join(missing)}; give it in --model_args")
    try:
        dictionary = function(**arguments)
    except (Exception, SystemExit) as error:  # a user's function may raise anything
        reason = f": {brief(error)}" if isinstance(error, ValueError) else _raised_in(path, error)
        raise RequestError(f"model {name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())}){reason}") from error
    if not isinstance(dictionary, Mapping):
        raise RequestError(f"model {name}: {function.__name__}() returned {type(dictionary).__name__}, not a dictionary")
    return dictionary
