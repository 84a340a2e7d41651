"""CONTRIBUTING matches the code: every registry is in its table, and the imports of the benchmarks exist."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from visionfw.registry import Registry


def registries(root):
    """Yield (name, module's path) of every registry that a module defines."""
    for path in (root / "visionfw").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "Registry":
                yield target.id, str(path.relative_to(root))


def test_the_table_of_members_lists_every_registry(root):
    listed = re.findall(r"`([A-Z_]+)` in `(visionfw/[\w/]+\.py)`", (root / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(registries(root))
    for name, path in listed:
        assert isinstance(getattr(importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")), name), Registry)


@pytest.mark.parametrize("name", sorted(path.name for path in (Path(__file__).parents[1] / "benchmarks").glob("*.py")))
def test_what_a_benchmark_imports_exists(root, name):
    for node in ast.walk(ast.parse((root / "benchmarks" / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "visionfw":
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.import_module(f"{node.module}.{alias.name}")
