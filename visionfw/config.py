"""Configuration: frozen dataclasses whose fields carry their help, bounds and choices.

Everything else is derived from the fields: command-line flags and `--help`, the checks (the same from Python as from flags), the run's
record, `config.toml` and the reference tables of the documentation. A value that users write in a small language (a loss, a sampler, a
degradation) is parsed when the dataclass is made and travels parsed.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, cast

import tomli_w

from visionfw.errors import RequestError, unknown
from visionfw.io.paths import user_path
from visionfw.registry import Registry, number_text

PRECISIONS = {
    "auto": "mixed_bfloat16 where the processor or GPU computes it in hardware, else float32",
    "float32": "everything in float32",
    "mixed_bfloat16": "layers in bfloat16; weights, loss and output in float32",
}

Names = Mapping[str, str] | Registry[Any]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

#: The type of a field that may be left open (None) in a request, and is settled, or refused by `problems`, before its value is used.
Settled = Annotated[T, "None while it is left open"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known of one field of a configuration.

    Attributes:
        help: what it does, in a line that stands alone.
        flag: the name of its command-line flag; the field's own unless given.
        default_text: what the value is where the default is None ("a quarter of the patch"); "" where None means absent.
        parse: (text, flag) -> value, for values that are written in a language of their own; raises RequestError.
        choices: the names that it may be.
        minimum, maximum: bounds that a number may reach.
        above, below: bounds that it must not reach.
    """

    help: str
    flag: str = ""
    default_text: str = ""
    parse: Callable[[str, str], Any] | None = None
    choices: Names | None = None
    minimum: float = -math.inf
    maximum: float = math.inf
    above: float = -math.inf
    below: float = math.inf


def setting(default: Any, help: str, **facts: Any) -> Any:
    """Return a dataclass field with a default, its help line and further facts of a `Setting`."""
    metadata = {"setting": Setting(help=help, **facts)}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def section(title: str, config: type[Config], optional: str = "") -> Any:
    """Return a dataclass field that holds a nested configuration.

    Args:
        title: the heading of its flags in `--help`.
        config: its class.
        optional: the field without which the section is absent (None).
    """
    metadata = {"section": Section(title, config, optional)}
    if optional:
        return dataclasses.field(default=None, metadata=metadata)
    return dataclasses.field(default_factory=config, metadata=metadata)


@dataclass(frozen=True)
class Section:
    """A nested configuration: the heading of its flags, its class, and the field without which it is absent."""

    title: str
    config: type[Config]
    optional: str = ""


@dataclass(frozen=True)
class Flag:
    """One command-line flag.

    Attributes:
        name: without dashes.
        type: bool, int, float or str: what the command line is read as.
        default: the field's default.
        setting: the field's facts.
        section: heading in `--help`.
        path: names of the fields that lead to the value, from the outermost configuration.
    """

    name: str
    type: type
    default: Any
    setting: Setting
    section: str
    path: tuple[str, ...]


C = TypeVar("C", bound="Config")


class Config:
    """Base of all configurations. Fields are checked, and texts parsed, when an instance is made.

    Raises:
        RequestError: values of a wrong type, outside their bounds or unknown, or combinations that `problems` refuses; all are reported.
    """

    def __post_init__(self) -> None:
        wrong = [problem for field in settings_of(type(self)) for problem in _settle(self, *field)]
        if not wrong:
            wrong = list(self.problems())
        if wrong:
            raise RequestError("\n".join(wrong))

    def problems(self) -> Iterable[str]:
        """Yield what is wrong with combinations of values, each of which is right by itself."""
        return ()


def _cached(function: F) -> F:
    """Cache a function of a class, typed as the function itself: mypy does not take a class for hashable."""
    return cast(F, cache(function))


@_cached
def settings_of(config: type[Config]) -> tuple[tuple[str, type, bool, Any, Setting], ...]:
    """Return (field, type, may be None, default, setting) of every field that is not a section."""
    hints = typing.get_type_hints(config, include_extras=True)
    entries = []
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        if "setting" in field.metadata:
            kind, optional = _plain_type(hints[field.name])
            default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
            entries.append((field.name, kind, optional, default, field.metadata["setting"]))
    return tuple(entries)


@_cached
def sections_of(config: type[Config]) -> dict[str, Section]:
    """Return the nested configurations by field name."""
    fields = dataclasses.fields(config)  # type: ignore[arg-type]
    return {field.name: field.metadata["section"] for field in fields if "section" in field.metadata}


def _plain_type(hint: Any) -> tuple[type, bool]:
    """Return a type hint without None, and whether it may be None."""
    if typing.get_origin(hint) is Annotated:
        return _plain_type(typing.get_args(hint)[0])[0], True
    arguments = typing.get_args(hint) if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union else (hint,)
    plain = [argument for argument in arguments if argument is not type(None)]
    kind = plain[0] if len(plain) == 1 else object
    return typing.get_origin(kind) or kind, type(None) in arguments


def _settle(config: Config, name: str, kind: type, optional: bool, default: Any, facts: Setting) -> Iterator[str]:
    """Check a field; put a parsed or converted value in its place."""
    value, flag = getattr(config, name), facts.flag or name
    if value is None:
        if not optional:
            yield f"--{flag} must be given"
        return
    if facts.parse is not None and isinstance(value, str) and kind is not str:
        try:
            value = facts.parse(value, flag)
        except RequestError as error:
            yield from str(error).splitlines()
            return
    elif kind is float and type(value) is int:
        value = float(value)
    problem = _problem_of(value, kind, flag, facts)
    if problem:
        yield problem
    else:
        object.__setattr__(config, name, value)


def _problem_of(value: Any, kind: type, flag: str, facts: Setting) -> str | None:
    if kind is not object and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        return f"--{flag} must be {_TYPE_NAMES.get(kind, kind.__name__)}, not {value!r}"
    if facts.choices is not None and value not in facts.choices:
        return f"--{flag}: {unknown('choice' if '_' in flag else flag, value, facts.choices)}"
    if kind in (int, float) and not (facts.minimum <= value <= facts.maximum and facts.above < value < facts.below and math.isfinite(value)):
        return f"--{flag} must be {_range_text(kind, facts)}, not {value}"
    if kind is str and facts.parse is not None:
        try:
            facts.parse(value, flag)
        except RequestError as error:
            return str(error)
    return None


_TYPE_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", dict: "a dictionary", tuple: "a tuple"}


def _range_text(kind: type, facts: Setting) -> str:
    text = number_text(facts.minimum, facts.maximum, facts.above, whole=kind is int)
    if facts.below < math.inf:
        text += f" {'and ' if facts.minimum > -math.inf or facts.above > -math.inf else ''}below {facts.below:g}"
    return f"a finite number{text.removeprefix('a number')}" if kind is float else text


# --- flags ------------------------------------------------------------------------------------------------------------


@_cached
def flags_of(config: type[Config], title: str = "", path: tuple[str, ...] = ()) -> tuple[Flag, ...]:
    """Return the flags of a configuration and of those nested in it, in the order of the fields."""
    own = {name: _flag(name, kind, default, facts, title, path) for name, kind, _, default, facts in settings_of(config)}
    nested = {name: flags_of(part.config, part.title, (*path, name)) for name, part in sections_of(config).items()}
    fields = [field.name for field in dataclasses.fields(config)]  # type: ignore[arg-type]
    return tuple(flag for name in fields for flag in ([own[name]] if name in own else nested.get(name, ())))


def _flag(name: str, kind: type, default: Any, facts: Setting, title: str, path: tuple[str, ...]) -> Flag:
    read_as = kind if kind in (bool, int, float) else str
    return Flag(facts.flag or name, read_as, default, facts, title, (*path, name))


def from_flags(config: type[C], values: Mapping[str, Any]) -> C:
    """Make a configuration from flag values by flag name; flags that are not in `values` keep their defaults.

    Raises:
        RequestError: what is wrong in any section; all problems are reported. A flag of an absent section is refused.
    """
    problems: list[str] = []
    instance = _from_flags(config, values, problems)
    if problems or instance is None:
        raise RequestError("\n".join(problems))
    return instance


def _from_flags(config: type[C], values: Mapping[str, Any], problems: list[str]) -> C | None:
    arguments: dict[str, Any] = {}
    for name, _, _, _, facts in settings_of(config):
        if (facts.flag or name) in values:
            arguments[name] = values[facts.flag or name]
    for name, part in sections_of(config).items():
        switch = _flag_of(part.config, part.optional) if part.optional else ""
        if not switch or values.get(switch) not in (None, ""):
            arguments[name] = _from_flags(part.config, values, problems)
        else:
            needless = [flag.name for flag in flags_of(part.config) if values.get(flag.name) is not None and flag.name != switch]
            problems += [f"--{flag} belongs to --{switch}; give both, or leave it out" for flag in needless]
    if any(value is None and name in sections_of(config) for name, value in arguments.items()):
        return None
    try:
        return config(**arguments)
    except RequestError as error:
        problems += str(error).splitlines()
        return None


def _flag_of(config: type[Config], field: str) -> str:
    return next(facts.flag or name for name, _, _, _, facts in settings_of(config) if name == field)


def to_flags(config: Config) -> dict[str, Any]:
    """Return the values of a configuration and of those nested in it by flag name; absent sections are left out."""
    values = {facts.flag or name: getattr(config, name) for name, _, _, _, facts in settings_of(type(config))}
    for name in sections_of(type(config)):
        part = getattr(config, name)
        values |= to_flags(part) if part is not None else {}
    return values


def with_flags(config: C, values: Mapping[str, Any]) -> C:
    """Return a configuration with some flags' values changed. Raises RequestError as `from_flags` does.

    An optional section goes with all its flags where the flag that it depends on is set to None.
    """
    kept = to_flags(config)
    for part in sections_of(type(config)).values():
        switch = _flag_of(part.config, part.optional) if part.optional else ""
        if switch in values and values[switch] in (None, ""):
            kept = {flag: value for flag, value in kept.items() if flag not in {entry.name for entry in flags_of(part.config)}}
    return from_flags(type(config), {**kept, **values})


def open_settings(config: Config) -> set[str]:
    """Return the flags whose value is left open (None)."""
    return {flag for flag, value in to_flags(config).items() if value is None}


# --- records ----------------------------------------------------------------------------------------------------------


def to_record(config: Config, without: Collection[str] = ()) -> dict[str, Any]:
    """Return a configuration as nested plain JSON; parsed values are written as their canonical text, None is left out.

    Args:
        config: what to record.
        without: names of fields to leave out, wherever they are.
    """
    record: dict[str, Any] = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if value is None or field.name in without:
            continue
        record[field.name] = to_record(value, without) if isinstance(value, Config) else _plain(value)
    return record


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def from_record(config: type[C], record: Mapping[str, Any], source: str) -> C:
    """Make a configuration from what `to_record` returned, or from a TOML file's tables.

    Args:
        config: its class.
        record: nested plain data.
        source: where it came from, for messages: "runs/a/config.toml".

    Raises:
        RequestError: an unknown key, with the nearest; or a wrong value.
    """
    problems: list[str] = []
    instance = _from_record(config, record, "", problems)
    if problems or instance is None:
        raise RequestError("\n".join(f"{source}: {problem}" for problem in problems))
    return instance


def _from_record(config: type[C], record: Any, place: str, problems: list[str]) -> C | None:
    names = [field.name for field in dataclasses.fields(config)]  # type: ignore[arg-type]
    if not isinstance(record, Mapping):
        problems.append(f"{place or 'the top level'} must be a table, not {record!r}")
        return None
    problems += [f"{f'[{place}]: ' if place else ''}{unknown('key', key, names)}" for key in record if key not in names]
    parts, known = sections_of(config), {key: value for key, value in record.items() if key in names}
    before = len(problems)
    arguments = {
        key: _from_record(parts[key].config, value, f"{place}.{key}".lstrip("."), problems) if key in parts else _tuples(value) for key, value in known.items()
    }
    if len(problems) > before:
        return None
    try:
        return config(**arguments)
    except RequestError as error:
        problems += str(error).splitlines()
        return None


def _tuples(value: Any) -> Any:
    """Return JSON's lists as tuples, which do not change."""
    if isinstance(value, Mapping):
        return {key: _tuples(entry) for key, entry in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def refuse_changes(config: C, values: Mapping[str, Any], subject: str) -> None:
    """Refuse flags whose values differ from those that something was started with; equal ones are accepted.

    Args:
        config: the recorded configuration.
        values: flag values by name.
        subject: what was started, for messages: "the run in runs/a".

    Raises:
        RequestError: a value differs, or is wrong by itself.
    """
    before, after = to_flags(config), to_flags(with_flags(config, values))
    changed = [flag for flag in values if before.get(flag) != after.get(flag)]
    if changed:
        raise RequestError("\n".join(f"--{flag}={values[flag]}: {subject} was started with {_shown(before.get(flag))}; leave the flag out" for flag in changed))


def _shown(value: Any) -> str:
    return "the default" if value is None else repr(_plain(value))


def read_toml(config: type[C], file: str) -> C:
    """Read a configuration from a TOML file, such as the config.toml of a run.

    Raises:
        RequestError: the file cannot be read, is no TOML, or holds an unknown key or a wrong value.
    """
    path = user_path(file)
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"--config={file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RequestError(f"--config={file}: is no TOML: {error}") from error
    return from_record(config, record, f"--config={file}")


def to_toml(config: Config, without: Collection[str] = ()) -> str:
    """Write a configuration as TOML that `read_toml` reads back; values that are left open are left out."""
    return tomli_w.dumps(to_record(config, without))
