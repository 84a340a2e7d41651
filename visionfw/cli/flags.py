"""Flags by absl, read strictly: an unknown flag or a wrong value is one line with the nearest choice, and exit status 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from absl import flags

from visionfw.errors import RequestError, unknown


class Flags:
    """The flags of one command.

    Args:
        command: its name, as the user typed it.
        purpose: what it does, in a line or two, shown by --help.
        examples: command lines shown by --help.
    """

    def __init__(self, command: str, purpose: str, examples: Sequence[str]):
        self.command, self.purpose, self.examples = command, purpose, examples
        self._values = flags.FlagValues()
        self._help: list[tuple[str, str, Any]] = []
        self.given: set[str] = set()

    def text(self, name: str, default: str | None, help_text: str) -> None:
        """Define a flag that takes any text."""
        flags.DEFINE_string(name, default, help_text, flag_values=self._values)
        self._help.append((f"--{name}=..", help_text, default))

    def number(self, name: str, default: int | None, help_text: str) -> None:
        """Define a flag that takes a whole number."""
        flags.DEFINE_integer(name, default, help_text, flag_values=self._values)
        self._help.append((f"--{name}=N", help_text, default))

    def real(self, name: str, default: float | None, help_text: str) -> None:
        """Define a flag that takes a number."""
        flags.DEFINE_float(name, default, help_text, flag_values=self._values)
        self._help.append((f"--{name}=X", help_text, default))

    def switch(self, name: str, help_text: str) -> None:
        """Define a flag that is given or not."""
        flags.DEFINE_boolean(name, False, help_text, flag_values=self._values)
        self._help.append((f"--{name}", help_text, None))

    def listing(self, name: str, help_text: str) -> None:
        """Define a flag that may be given alone or with a value (--list, --list=models)."""
        flags.DEFINE_string(name, None, help_text, flag_values=self._values)
        self._help.append((f"--{name}[=..]", help_text, None))

    def names(self) -> list[str]:
        """Return the names of all flags."""
        return [entry.partition("=")[0].partition("[")[0].removeprefix("--") for entry, _, _ in self._help]

    def parse(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Read a command line.

        Returns:
            Every flag's value by name.

        Raises:
            RequestError: an unknown flag, a wrong value, a flag given twice, or an argument that is no flag.
        """
        given = ["--list=" if argument in ("--list", "-list") else argument for argument in arguments]
        self._refuse_unknown(given)
        try:
            rest = self._values([self.command, *given])[1:]
        except flags.Error as error:
            raise RequestError(_plainly(str(error))) from error
        if rest:
            is_name = rest[0].partition("=")[0] in self.names()
            hint = f"did you mean '--{rest[0]}'?" if is_name else f"flags are written --name=value (see {self.command} --help)"
            raise RequestError(f"{rest[0]!r} is not a flag; {hint}")
        return {name: self._values[name].value for name in self.names()}

    def _refuse_unknown(self, given: Sequence[str]) -> None:
        known = self.names()
        problems, seen = [], self.given
        for argument in given:
            if not argument.startswith("-") or argument in ("-", "--"):
                continue
            name = argument.lstrip("-").partition("=")[0].replace("-", "_")
            plain = name.removeprefix("no") if name.removeprefix("no") in known and name not in known else name
            if plain not in known:
                problems.append(unknown("flag", f"--{name}", [f"--{entry}" for entry in known], most=40))
            elif plain in seen:
                problems.append(f"--{plain} is given twice")
            seen.add(plain)
        if problems:
            raise RequestError("\n".join(problems))

    def help(self) -> str:
        """Return what --help prints."""
        width = max([len("--help"), *(len(entry) for entry, _, _ in self._help)])
        examples = [*(f"  {example}" for example in self.examples), ""] if self.examples else []
        lines = [f"{self.command}: {self.purpose}", "", *examples]
        for entry, text, default in self._help:
            shown = "" if default in (None, "") else f" [{default}]"
            lines.append(f"  {entry.ljust(width)}  {text}{shown}")
        return "\n".join([*lines, f"  {'--help'.ljust(width)}  this text"])


def _plainly(message: str) -> str:
    """Turn absl's sentence into ours: 'flag --steps=x: invalid literal ...' -> '--steps=x: must be a whole number'."""
    line = message.partition("\n")[0].replace("flag --", "--")
    for theirs, ours in (("invalid literal for int", "must be a whole number"), ("could not convert string to float", "must be a number")):
        if theirs in line:
            return line.partition(theirs)[0] + ours
    return line.partition(": ")[0] + ": takes no value" if "Non-boolean" in line else line
