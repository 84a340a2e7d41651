"""One kind of table for everything that can be named, and one parser for `NAME:OPTION=VALUE,...`.

A concept's package holds its registry (`losses.LOSSES`, `samplers.SAMPLERS`, ...). An entry names its implementation lazily as
"module:object", so `--help` and `--list` import no framework; what a user registers is the object itself. A flag's text is parsed
once, into a `Spec`, and travels as that.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

from visionfw.errors import RequestError, unknown

#: What the names of modules begin with that are made of users' files: models (graph/language/loader) and plugins (io/plugins).
FILE_MODULES = ("visionfw_model_", "visionfw_plugin_")


@dataclass(frozen=True)
class Option:
    """One option of an entry.

    Attributes:
        default: its value where the text does not give one.
        parse: turns the text into the value; raises ValueError.
        expects: what it takes, in words that follow "must be": "a number above 0".
        help: what it does, in a few words; "" where its name says it.
    """

    default: Any
    parse: Callable[[str], Any]
    expects: str
    help: str = ""


def number(default: float, help: str = "", *, minimum: float = -math.inf, maximum: float = math.inf, above: float = -math.inf, whole: bool = False) -> Option:
    """Return an option that takes a number.

    Args:
        default: its default.
        help: what it does.
        minimum, maximum: bounds that the number may reach.
        above: a bound that it must exceed.
        whole: it is a whole number.
    """

    def parse(text: str) -> float:
        value = int(text) if whole else float(text)
        if not (minimum <= value <= maximum and value > above and math.isfinite(value)):
            raise ValueError(text)
        return value

    return Option(default, parse, number_text(minimum, maximum, above, whole), help)


def number_text(minimum: float = -math.inf, maximum: float = math.inf, above: float = -math.inf, whole: bool = False) -> str:
    """Describe a range of numbers: "a whole number of at least 1", "a number above 0 and at most 1"."""
    kind = "a whole number" if whole else "a number"
    if minimum > -math.inf and maximum < math.inf:
        return f"{kind} from {_short(minimum)} to {_short(maximum)}"
    bounds = [f"above {_short(above)}"] if above > -math.inf else [f"of at least {_short(minimum)}"] if minimum > -math.inf else []
    bounds += [f"at most {_short(maximum)}"] if maximum < math.inf else []
    return " ".join([kind, " and ".join(bounds)]).strip()


def _short(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def choice(default: str, *others: str, help: str = "") -> Option:
    """Return an option that takes one of a few words."""
    words = (default, *others)

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return Option(default, parse, f"one of {', '.join(words)}", help)


def switch(default: bool, help: str = "") -> Option:
    """Return an option that is on or off."""
    words = {"true": True, "false": False, "1": True, "0": False}

    def parse(value: str) -> bool:
        if value.lower() not in words:
            raise ValueError(value)
        return words[value.lower()]

    return Option(default, parse, "true or false", help)


def text(default: str, help: str = "", expects: str = "a text") -> Option:
    """Return an option that takes any text without a comma."""
    return Option(default, str, expects, help)


@dataclass(frozen=True)
class Spec:
    """A parsed choice: an entry's name and the values of all its options.

    Attributes:
        name: of the entry.
        options: every option's value, defaults filled in.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Write the choice with all its options, so that a record keeps its meaning when a default changes; parsing it gives it back."""
        values = ",".join(f"{key}={_written(value)}" for key, value in self.options.items())
        return f"{self.name}:{values}" if values else self.name

    def __hash__(self) -> int:
        return hash(str(self))


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "..".join(map(_written, value))
    return repr(int(value) if value == int(value) else value) if isinstance(value, float) and math.isfinite(value) else str(value)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One member of a registry.

    Attributes:
        name: what users write.
        target: the implementation: "module:object", imported when it is first needed, or the object itself.
        help: what it is, in a line.
        options: by name, in the order in which they are shown.
        check: returns what is wrong with a combination of option values.
    """

    name: str
    target: Any
    help: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    check: Callable[[Mapping[str, Any]], Iterable[str]] | None = None

    def load(self) -> Any:
        """Return the implementation."""
        if not isinstance(self.target, str):
            return self.target
        module, _, name = self.target.partition(":")
        return getattr(import_module(module), name)

    @property
    def summary(self) -> str:
        """The entry's line in a list: its help, and its options with their defaults."""
        options = ", ".join(f"{key}={_written(option.default)}" for key, option in self.options.items())
        return f"{self.help} ({options})" if options else self.help


E = TypeVar("E", bound=Entry)


class Registry(Generic[E]):
    """A table of entries of one kind. Nothing is overwritten, and nothing registers itself by being found.

    Args:
        kind: what the entries are, in the singular, for messages ("loss").
        entries: the members that come with the package.
        entry_type: the class of entry that `register` makes.
    """

    def __init__(self, kind: str, entries: Sequence[E] = (), entry_type: type[E] = Entry):  # type: ignore[assignment]
        self.kind = kind
        self.entry_type = entry_type
        self._entries: dict[str, E] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: E) -> None:
        """Add an entry. The same definition made again, by a file or a notebook's cell that runs twice, takes the place of the first.

        Raises:
            RequestError: its name is empty, or taken by another implementation; the registry is left as it was.
        """
        name = entry.name
        if not isinstance(name, str) or not name or set(name) & set(":,=+* "):
            raise RequestError(f"the name of a {self.kind} must be a word without spaces or any of : , = + *, not {name!r}")
        if name in self._entries and not _is_same(self._entries[name].target, entry.target):
            raise RequestError(f"a {self.kind} {name!r} is registered already; choose another name")
        self._entries[name] = entry

    def get(self, name: str) -> E:
        """Return an entry. Raises RequestError with the nearest name where there is none."""
        if name not in self._entries:
            raise RequestError(unknown(self.kind, name, self._entries))
        return self._entries[name]

    def load(self, name: str) -> Any:
        """Return an entry's implementation. Raises RequestError with the nearest name where there is none."""
        return self.get(name).load()

    def names(self) -> list[str]:
        """Return all names in the order in which they were added."""
        return list(self._entries)

    def summaries(self) -> dict[str, str]:
        """Return every entry's line for a list, by name."""
        return {name: entry.summary for name, entry in self._entries.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @contextmanager
    def temporary(self, entry: E) -> Iterator[None]:
        """Hold an entry for the length of a `with` block."""
        self.add(entry)
        try:
            yield
        finally:
            self.remove(entry.name)

    def remove(self, name: str) -> None:
        """Remove an entry. Raises RequestError with the nearest name where there is none."""
        self.get(name)
        del self._entries[name]

    def parse(self, text: str, flag: str | None = None) -> Spec:
        """Parse NAME, or NAME:OPTION=VALUE,...; an entry with one option also takes NAME:VALUE.

        Args:
            text: what the user wrote.
            flag: the flag that it was written for, for messages; None for the registry's kind.

        Raises:
            RequestError: an unknown name or option, an option given twice, or a wrong value; all problems are reported.
        """
        problems: list[str] = []
        spec = self.read(text, problems)
        if problems or spec is None:
            raise RequestError("\n".join(f"--{flag or self.kind}: {problem}" for problem in problems))
        return spec

    def read(self, text: str, problems: list[str]) -> Spec | None:
        """Parse as `parse` does, but append what is wrong to `problems`; return None where the name is unknown."""
        name, _, rest = text.partition(":")
        name = name.strip()
        if name not in self._entries:
            problems.append(unknown(self.kind, name, self._entries))
            return None
        entry = self._entries[name]
        given, found = _pairs(entry, rest), len(problems)
        values = {key: option.default for key, option in entry.options.items()}
        for key, value in given:
            problem = _problem(entry, key, value, [other for other, _ in given])
            if problem is not None:
                problems += [problem] if problem not in problems else []
                continue
            try:
                values[key] = entry.options[key].parse(value)
            except ValueError:
                problems.append(f"{name}: {key} must be {entry.options[key].expects}, not {value!r}")
        if entry.check is not None and len(problems) == found:
            problems += [f"{name}: {problem}" for problem in entry.check(values)]
        return Spec(name, values)

    def register(self, target: Any = None, *, name: str | None = None, help: str | None = None, **facts: Any) -> Any:
        """Add an implementation, as a function call or as a decorator with or without arguments.

        Args:
            target: the function or class.
            name: what users write; its own name unless given.
            help: a line for `--list`; the first line of its docstring unless given.
            **facts: further fields of the registry's entries. `options` are its keyword-only arguments with a default unless given.

        Returns:
            The target.

        Raises:
            RequestError: the name is taken, or the target is not callable.
        """
        if target is None:
            return lambda target: self.register(target, name=name, help=help, **facts)
        if not callable(target):
            raise RequestError(f"a {self.kind} is a function or a class, not {target!r}")
        line = (inspect.getdoc(target) or "").partition("\n")[0]
        own = {"options": options_of(target)} | facts
        self.add(self.entry_type(name=name or target.__name__, target=target, help=line if help is None else help, **own))
        return target


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two implementations are one, or the same definition made twice: by a file that is run as a model and as a plugin, too."""
    origins = [(_module_name(target), getattr(target, "__qualname__", None)) for target in (one, other)]
    return one is other or (not isinstance(one, str) and None not in origins[0] and origins[0] == origins[1])


def _module_name(target: Any) -> str | None:
    name = getattr(target, "__module__", None)
    for prefix in FILE_MODULES:
        name = name.removeprefix(prefix) if isinstance(name, str) else name
    return name


def source_file(target: Any) -> Path | None:
    """Return the file in which a function, or a class with a method, was defined; None where there is none."""
    functions = [target, *vars(target).values()] if isinstance(target, type) else [target]
    names = (code.co_filename for function in functions if (code := getattr(function, "__code__", None)) is not None)
    return next((Path(name).resolve() for name in names if Path(name).is_file()), None)


def _pairs(entry: Entry, rest: str) -> list[tuple[str, str]]:
    """Split OPTION=VALUE,...; a key is "" where a part has none."""
    parts = [part.strip() for part in rest.split(",") if part.strip()]
    if len(parts) == 1 and "=" not in parts[0] and len(entry.options) == 1:
        return [(next(iter(entry.options)), parts[0])]
    pairs = [part.partition("=") for part in parts]
    return [(key.strip() if equals else "", value.strip() if equals else key) for key, equals, value in pairs]


def _problem(entry: Entry, key: str, value: str, keys: Sequence[str]) -> str | None:
    """Return what is wrong with an option's name, or None."""
    if not entry.options:
        given = f"{key}={value}" if key else value
        return f"{entry.name} takes no options, but {given!r} is given"
    if not key:
        return f"{entry.name}: {value!r} is not OPTION=VALUE; {entry.name} takes {', '.join(entry.options)}"
    if key not in entry.options:
        return f"{entry.name}: {unknown('option', key, entry.options)}"
    return f"{entry.name}: {key} is given twice" if keys.count(key) > 1 else None


def options_of(function: Callable) -> dict[str, Option]:
    """Return the options that a function's or class's keyword-only arguments stand for: those whose default is a number, a bool or a text."""
    makers: dict[type, Callable[[Any], Option]] = {
        bool: switch,
        int: lambda default: number(default, whole=True),
        float: number,
        str: text,
    }
    try:
        arguments = inspect.signature(function).parameters.values()
    except ValueError:  # a function written in C may have no signature
        return {}
    return {
        argument.name: makers[type(argument.default)](argument.default)
        for argument in arguments
        if argument.kind is argument.KEYWORD_ONLY and type(argument.default) in makers
    }
