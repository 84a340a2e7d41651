"""Flags by absl, parsed strictly: an unknown flag or a wrong value is one line with the nearest choice, and exit status 2.

Most flags are derived from configurations (`visionfw.config`); only what belongs to the command itself is defined by hand.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from absl import flags

from visionfw.config import Config, Flag, flags_of
from visionfw.errors import RequestError, unknown

_WIDTH = 110
_VALUES = {str: "=TEXT", int: "=N", float: "=X", bool: ""}
_DEFINE: dict[type, Callable[..., Any]] = {str: flags.DEFINE_string, int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_boolean}


@dataclass(frozen=True)
class _Line:
    """One flag's line in --help."""

    flag: str
    text: str
    section: str


class Flags:
    """The flags of one command.

    Args:
        command: its name, as the user typed it.
        purpose: what it does, in a line or two, shown by --help.
        examples: command lines shown by --help.
    """

    def __init__(self, command: str, purpose: str, examples: Sequence[str] = ()):
        self.command, self.purpose, self.examples = command, purpose, examples
        self._values = flags.FlagValues()
        self._lines: list[_Line] = []
        self._names: list[str] = []

    def add(self, name: str, type: type, help: str, *, section: str = "Command", default_text: str = "", takes: str | None = None) -> None:
        """Define one flag.

        Args:
            name: without dashes.
            type: bool, int, float or str.
            help: what it does, in a line that stands alone.
            section: its heading in --help.
            default_text: the default, for --help.
            takes: how its value is shown in --help; by its type unless given.
        """
        _DEFINE[type](name, None, help, flag_values=self._values)
        shown = f" [default: {default_text}]" if default_text else ""
        self._lines.append(_Line(f"--{name}{_VALUES[type] if takes is None else takes}", f"{help}{shown}", section))
        self._names.append(name)

    def add_config(self, config: type[Config], without: Collection[str] = ()) -> None:
        """Define the flags of a configuration, but for some."""
        for flag in flags_of(config):
            if flag.name not in without:
                self.add(flag.name, flag.type, flag.setting.help, section=flag.section or "Command", default_text=default_text(flag))

    def add_list(self) -> None:
        """Define --list, which may be given alone or with a kind of names (--list=models)."""
        self.add("list", str, "list what can be named: models, datasets, losses, ...; --list=KIND lists one kind", takes="[=KIND]")

    def names(self) -> list[str]:
        """Return the names of all flags."""
        return list(self._names)

    def parse(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Parse a command line.

        Returns:
            The values of the flags that are on it, by name.

        Raises:
            RequestError: an unknown flag, a wrong value, a flag given twice, or an argument that is no flag.
        """
        arguments = ["--list=" if argument in ("--list", "-list") else argument for argument in arguments]
        present = self._present(arguments)
        try:
            rest = self._values([self.command, *arguments])[1:]
        except flags.Error as error:
            raise RequestError(_plainly(str(error))) from error
        if rest:
            hint = f"did you mean '--{rest[0]}'?" if rest[0].partition("=")[0] in self._names else f"flags are written --name=value (see {self.command} --help)"
            raise RequestError(f"{rest[0]!r} is not a flag; {hint}")
        return {name: self._values[name].value for name in present}

    def _present(self, arguments: Sequence[str]) -> list[str]:
        """Return the names of the flags on a command line; refuse unknown and repeated ones."""
        problems: list[str] = []
        present: list[str] = []
        for argument in arguments:
            if not argument.startswith("-") or argument in ("-", "--"):
                continue
            name = argument.lstrip("-").partition("=")[0].replace("-", "_")
            plain = name if name in self._names or name.removeprefix("no") not in self._names else name.removeprefix("no")
            if plain not in self._names:
                problems.append(unknown("flag", f"--{name}", [f"--{entry}" for entry in self._names], most=40))
            elif plain in present:
                problems.append(f"--{plain} is given twice")
            else:
                present.append(plain)
        if problems:
            raise RequestError("\n".join(problems))
        return present

    def help(self) -> str:
        """Return what --help prints: purpose, examples, and the flags by section."""
        self_line = _Line("--help", "print this text", "Command")
        lines = [*self._lines, self_line]
        width = min(28, max(len(line.flag) for line in lines))
        blocks = [f"{self.command}: {self.purpose}"]
        if self.examples:
            blocks.append("\n".join(f"  {example}" for example in self.examples))
        sections = [section for section in dict.fromkeys(line.section for line in lines) if section != "Command"]
        for section in [*sections, "Command"]:
            rows = [_row(line, width) for line in lines if line.section == section]
            blocks.append("\n".join([f"{section}:", *rows]))
        return "\n\n".join(blocks)


def _row(line: _Line, width: int) -> str:
    indent = " " * (width + 4)
    first = f"  {line.flag.ljust(width)}  "
    wrapped = textwrap.wrap(line.text, _WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
    start = [first + wrapped[0]] if len(line.flag) <= width else [f"  {line.flag}", indent + wrapped[0]]
    return "\n".join([*start, *(indent + text for text in wrapped[1:])])


def default_text(flag: Flag) -> str:
    """Write a flag's default; "" where there is nothing to show."""
    default = flag.default
    if flag.setting.default_text:
        return flag.setting.default_text
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    if default is None or default is False or default in ("", {}, ()):
        return ""
    return f"{default:g}" if isinstance(default, float) else str(default)


def _plainly(message: str) -> str:
    """Turn absl's sentence into ours: 'flag --steps=x: invalid literal ...' -> '--steps=x: must be a whole number'."""
    line = message.partition("\n")[0].replace("flag --", "--")
    for theirs, ours in (("invalid literal for int", "must be a whole number"), ("could not convert string to float", "must be a number")):
        if theirs in line:
            return line.partition(theirs)[0] + ours
    return line.partition(": ")[0] + ": takes no value" if "Non-boolean" in line else line
