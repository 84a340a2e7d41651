"""How the package uses Keras: by public names only, with one module for the exceptions, and one package that asks which backend runs."""

import ast
import re

import pytest

#: Private names of Python's own library that are in use.
OF_PYTHON = {"_asdict", "_exit", "_fields", "_replace"}


def modules(root):
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted((root / "visionfw").rglob("*.py"))}


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def defined_names(tree):
    """Yield every name that a module defines: functions, classes, arguments, variables, and attributes that it assigns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def foreign_private_names(sources):
    """Return (file, line, name) of every private attribute that is used and that nothing in the sources defines."""
    trees = {file: ast.parse(text) for file, text in sources.items()}
    own = {name for tree in trees.values() for name in defined_names(tree)} | OF_PYTHON
    attributes = ((file, node) for file, tree in trees.items() for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return [(file, node.lineno, node.attr) for file, node in attributes if is_private(node.attr) and node.attr not in own]


def test_private_attributes_of_keras_are_used_in_one_module_only(root):
    assert [entry for entry in foreign_private_names(modules(root)) if entry[0] != "visionfw/backend/keras_internals.py"] == []


@pytest.mark.parametrize("line", ["tensor._keras_history", "operation._inbound_nodes[0]", "self._kernel", "optimizer._iterations.assign_add(1)"])
def test_the_test_above_would_notice(line):
    assert len(foreign_private_names({"x.py": f"def f(self, tensor, operation, optimizer):\n    return {line}\n"})) == 1


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        (r"keras\.backend\.backend\(|keras\.config\.backend\(|[^_]backend\.backend\(", r"visionfw/backend/"),
        (r"\bkeras\.src\b", r"visionfw/backend/keras_internals\.py"),
        (r"\btf\.(compat\.v1|raw_ops)\b", r"visionfw/backend/tensorflow_kernels\.py"),
        (r"operation\.name\s*=[^=]", r"visionfw/backend/keras_internals\.py"),
        (r"vars\(model\)", r"nowhere"),
    ],
)
def test_what_depends_on_the_backend_stands_in_its_package(root, pattern, places):
    found = [file for file, text in modules(root).items() if re.search(pattern, text) and not re.match(places, file)]
    assert found == []
