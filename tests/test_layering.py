"""Who imports whom: docs/architecture.md's tables, read against the code."""

import ast
import re
import subprocess
import sys

import pytest

THIRD_PARTIES = ("tensorflow", "torch", "jax", "matplotlib", "absl", "ray")


def modules(root):
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in (root / "visionfw").rglob("*.py")}


def imports(path):
    """Yield every module that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="module")
def tables(root):
    text = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    levels = {}
    for level, names in re.findall(r"^\| (\d+) \| (.+) \|$", text, re.MULTILINE):
        levels |= {f"visionfw.{name.strip()}": int(level) for name in names.split(",")}
    doors = {}
    for parties, rooms in re.findall(r"^\| ([a-z, ]+) \| ([a-z., ]+) \|$", text.partition("one door")[2], re.MULTILINE):
        for party in parties.split(","):
            doors[party.strip()] = [f"visionfw.{room.strip()}" for room in rooms.split(",")]
    return levels, doors


def level_of(module, levels):
    """Return a module's level by its longest name in the table."""
    parts = module.split(".")
    for length in range(len(parts), 1, -1):
        if ".".join(parts[:length]) in levels:
            return levels[".".join(parts[:length])]
    return None


def test_every_module_stands_in_the_table(root, tables):
    missing = [name for name in modules(root) if name not in ("visionfw", "visionfw.graph") and level_of(name, tables[0]) is None]
    assert missing == []


def test_imports_go_downwards_only(root, tables):
    levels, _ = tables
    wrong = []
    for name, path in modules(root).items():
        for target in imports(path):
            if name == "visionfw" or not target.startswith("visionfw."):
                continue
            own, other = level_of(name, levels), level_of(target, levels)
            same_package = name.split(".")[1] == target.split(".")[1]
            if own is not None and other is not None and (other > own or (other == own and not same_package)):
                wrong.append(f"{name} (level {own}) imports {target} (level {other})")
    assert wrong == []


def test_samplers_metrics_and_data_do_not_know_of_each_other(root):
    rooms = {"samplers", "metrics", "data"}
    wrong = [
        f"{name} imports {target}"
        for name, path in modules(root).items()
        for target in imports(path)
        if name.split(".")[1:2] and name.split(".")[1] in rooms and target.startswith("visionfw.") and target.split(".")[1] in rooms - {name.split(".")[1]}
    ]
    assert wrong == []


def test_every_third_party_has_its_door(root, tables):
    _, doors = tables
    wrong = []
    for name, path in modules(root).items():
        for target in imports(path):
            party = target.split(".")[0]
            if party in THIRD_PARTIES and not any(name == door or name.startswith(f"{door}.") for door in doors.get(party, ())):
                wrong.append(f"{name} imports {party}")
    assert wrong == []


def test_nobody_inside_imports_the_table_of_contents(root):
    lazy = {"build", "check", "load", "definition", "describe", "upscale"}
    wrong = [name for name, path in modules(root).items() for target in imports(path) if target in {f"visionfw.{entry}" for entry in lazy}]
    assert wrong == []


@pytest.mark.parametrize(
    "statement",
    [
        "import visionfw",
        "import visionfw as vf; vf.canonicalize({'name': 'x', 'conv': [(0, 1)]})",
        "import visionfw.cli, visionfw.cli.train, visionfw.cli.evaluate, visionfw.cli.listing",
        "import visionfw.imaging.resize, visionfw.imaging.files, visionfw.data.patches, visionfw.samplers, visionfw.graph.language.loader",
    ],
)
def test_what_needs_no_tensor_imports_neither_keras_nor_tensorflow(root, statement):
    code = f"{statement}; import sys; print([name for name in ('keras', 'tensorflow', 'jax', 'torch', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
