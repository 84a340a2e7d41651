"""The reference page of the documentation, written from the configurations and the registries.

python -m visionfw.cli.reference > docs/reference.md
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from visionfw.cli.flags import default_text
from visionfw.cli.listing import REGISTRIES
from visionfw.cli.prepare import TASKS
from visionfw.config import Config, Flag, flags_of
from visionfw.evaluation.config import EvaluateConfig
from visionfw.export.config import ExportConfig
from visionfw.layers import LAYERS
from visionfw.layers.keras_layers import KERAS_LAYERS
from visionfw.ranking.config import ComparisonConfig, ExecutionConfig
from visionfw.registry import Registry
from visionfw.training.config import TrainConfig

_TABLE_BEGINS, _TABLE_ENDS = "<!-- layers -->", "<!-- end of layers -->"
_HEAD = """# Reference

Every flag and everything that a flag can name, with options and defaults; written by `python -m visionfw.cli.reference --write`. `--help` and
`--list` on any command print the same. In `config.toml` and in `visionfw.training.config`, values have the places in the last column.
"""


def reference() -> str:
    """Return the page as Markdown."""
    commands: list[tuple[str, Sequence[type[Config]]]] = [
        ("train.py", [TrainConfig]),
        ("evaluate.py", [EvaluateConfig]),
        ("export.py", [ExportConfig]),
        ("rank.py", [ComparisonConfig, ExecutionConfig]),
        *((f"prepare.py {name}", [task.config]) for name, task in TASKS.items()),
    ]
    parts = [_HEAD]
    for command, configs in commands:
        flags = [flag for config in configs for flag in flags_of(config)]
        parts.append("\n".join([f"## {command}\n", *_note(command), *_flag_table(flags)]))
    parts += ["\n".join([f"## {name.replace('_', ' ').capitalize()}\n", *_names_table(registry)]) for name, registry in REGISTRIES.items() if len(registry)]
    return "\n\n".join(parts) + "\n"


def _note(command: str) -> Iterator[str]:
    if command == "rank.py":
        yield "Besides these, rank.py takes the flags of train.py that describe a training.\n"


def _flag_table(flags: Iterable[Flag]) -> Iterator[str]:
    yield "| flag | what it sets | default | place |"
    yield "|---|---|---|---|"
    for flag in flags:
        yield f"| `--{flag.name}` | {_escaped(flag.setting.help)} | {_escaped(default_text(flag))} | `{'.'.join(flag.path)}` |"


def _names_table(registry: Registry) -> Iterator[str]:
    yield "| name | what it is | options |"
    yield "|---|---|---|"
    for name in registry:
        entry = registry.get(name)
        options = "; ".join(f"`{key}={option.default}`{f': {option.help}' if option.help else ''}, {option.expects}" for key, option in entry.options.items())
        yield f"| `{name}` | {_escaped(entry.help)} | {_escaped(options)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def layers_table() -> str:
    """Return the table of visionfw's layers with their parameters; imports all of them."""
    rows = [f"| `{name}{_parameters_of(name)}` | {_escaped(LAYERS.get(name).help)} |" for name in sorted(LAYERS)]
    return "\n".join(["| layer | does |", "|---|---|", *rows])


def _parameters_of(name: str) -> str:
    """Return a layer's own parameters as one would call it: "(heads, window)"; for a kind of one of Keras' layers "(...)" or nothing."""
    if name in KERAS_LAYERS:
        return ""
    if LAYERS.get(name).like in KERAS_LAYERS and LAYERS.get(name).like:
        return "(...)"
    parameters = inspect.signature(LAYERS.load(name)).parameters.values()
    named = (parameter for parameter in parameters if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD))
    own = [parameter.name for parameter in named if parameter.name != "dtype"]
    return f"({', '.join(own)})" if own else ""


def with_layers_table(page: str) -> str:
    """Return docs/model-dictionary.md with the table of layers in its place."""
    before, _, rest = page.partition(_TABLE_BEGINS)
    return f"{before}{_TABLE_BEGINS}\n{layers_table()}\n{_TABLE_ENDS}{rest.partition(_TABLE_ENDS)[2]}"


def main() -> None:
    """Print the page; with --write, write it and the table of layers into docs/."""
    if "--write" not in sys.argv:
        print(reference(), end="")
        return
    docs = Path("docs")
    (docs / "reference.md").write_text(reference(), encoding="utf-8")
    page = docs / "model-dictionary.md"
    page.write_text(with_layers_table(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
