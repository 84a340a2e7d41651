"""The reference page of the documentation, written from the configurations and the registries.

python -m visionfw.cli.reference > docs/reference.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from visionfw.cli.flags import default_text
from visionfw.cli.listing import REGISTRIES
from visionfw.cli.prepare import TASKS
from visionfw.config import Config, Flag, flags_of
from visionfw.evaluation.config import EvaluateConfig
from visionfw.export.config import ExportConfig
from visionfw.ranking.config import ComparisonConfig, ExecutionConfig
from visionfw.registry import Registry
from visionfw.training.config import TrainConfig

_HEAD = """# Reference

Every flag and everything that a flag can name, with options and defaults; written by `python -m visionfw.cli.reference`. `--help` and
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


if __name__ == "__main__":
    print(reference(), end="")
