"""Who imports whom: the tables of docs/architecture.md, read against the code."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

#: Distributions whose modules have another name.
DISTRIBUTIONS = {"tomli_w": "tomli-w", "PIL": "pillow", "absl": "absl-py", "png": "pypng", "skimage": "scikit-image"}


@pytest.fixture(scope="module")
def imports(root):
    """Every module of the package: what it imports anywhere in it, inside functions and under TYPE_CHECKING too."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): set(imported_names(path))
        for path in (root / "visionfw").rglob("*.py")
    }


def imported_names(path):
    """Yield the dotted names that a file imports: "a.b" for `import a.b`, "a.b.c" for `from a.b import c`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="module")
def architecture(root):
    return (root / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def levels(architecture):
    """The table of levels: module -> level."""
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", architecture, re.MULTILINE)
    return {f"visionfw.{name.strip()}": int(level) for level, names in rows for name in names.split(",")}


@pytest.fixture(scope="module")
def importers(architecture):
    """The table of third parties: library -> the packages and modules that may import it; all where it says "anywhere"."""
    rows = re.findall(r"^\| ([\w, ]+) \| ([\w., ]+) \|$", architecture.partition("| third party |")[2], re.MULTILINE)
    return {
        library.strip(): [f"visionfw.{name.strip()}".removesuffix(".anywhere") for name in names.split(",")]
        for libraries, names in rows
        for library in libraries.split(",")
    }


def is_inside(name, package):
    return name == package or name.startswith(f"{package}.")


def longest_in(name, table):
    """Return the longest beginning of a dotted name that a table holds, or None."""
    while name and name not in table:
        name = name.rpartition(".")[0]
    return name or None


def test_the_root_holds_five_loose_modules_at_most(root):
    assert len(list((root / "visionfw").glob("*.py"))) <= 5


def test_every_module_has_a_level(imports, levels):
    assert [name for name in imports if name != "visionfw" and longest_in(name, levels) is None] == []


def test_every_level_is_of_a_module(imports, levels):
    assert [name for name in levels if name not in imports] == []


def test_imports_go_downwards_only(imports, levels):
    wrong = []
    for name, targets in imports.items():
        for target in targets:
            own, other = longest_in(name, levels), longest_in(target, levels)
            if own is None or other is None:
                continue
            is_own_package = name.split(".")[1] == target.split(".")[1]
            if levels[other] > levels[own] or (levels[other] == levels[own] and not is_own_package):
                wrong.append(f"{name} (level {levels[own]}) imports {target} (level {levels[other]})")
    assert wrong == []


def test_no_module_imports_itself_by_way_of_others(imports):
    graph = {name: {longest_in(target, imports) for target in targets} - {None, name} for name, targets in imports.items() if name != "visionfw"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_samplers_metrics_and_data_do_not_know_of_each_other(imports):
    packages = {"visionfw.samplers", "visionfw.metrics", "visionfw.data"}
    wrong = []
    for name, targets in imports.items():
        own = longest_in(name, packages)
        wrong += [f"{name} imports {target}" for target in targets if own and longest_in(target, packages) not in (own, None)]
    assert wrong == []


def test_evaluation_does_not_know_of_training(imports):
    wrong = [name for name, targets in imports.items() if is_inside(name, "visionfw.evaluation") and any(is_inside(t, "visionfw.training") for t in targets)]
    assert wrong == []


def test_every_third_party_has_its_importers(imports, importers):
    wrong, used = [], set()
    for name, targets in imports.items():
        for library in {target.partition(".")[0] for target in targets} - set(sys.stdlib_module_names) - {"visionfw"}:
            own = [package for package in importers.get(library, ()) if is_inside(name, package)]
            used |= {(library, package) for package in own}
            wrong += [] if own else [f"{name} imports {library}"]
    assert wrong == []
    assert used == {(library, package) for library, packages in importers.items() for package in packages}


def test_every_third_party_is_declared(root, importers):
    setup = (root / "setup.py").read_text(encoding="utf-8")
    declared = {match.lower() for match in re.findall(r'"([A-Za-z0-9_-]+)(?:\[[a-z-]+\])?[><=~]=', setup)}
    assert {DISTRIBUTIONS.get(library, library) for library in importers} - declared == set()


def test_nobody_inside_imports_the_table_of_contents(imports):
    assert [f"{name} imports {target}" for name, targets in imports.items() for target in targets if longest_in(target, imports) == "visionfw"] == []


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
