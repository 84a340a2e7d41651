"""What tests share: where optional images lie, and small images of their own."""

import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from visionfw.cli import entry
from visionfw.registry import Registry

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
settings.register_profile("equal", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("equal")  # the same examples on every machine, however busy it is
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory):
    """Decoded images of all tests go into a folder of their own."""
    os.environ["VISIONFW_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """Set5, Set14 and BSD100 with MATLAB's LR images, beside the checkout; without them the test is skipped."""
    folder = ROOT.parent / "shared" / "data" / "benchmark"
    if not (folder / "Set5" / "HR").is_dir():
        pytest.skip(f"needs benchmark images in {folder}")
    return folder


@pytest.fixture
def restored():
    """Return a function that takes a registry: what the test adds to it is removed at the end of the test."""
    members = []
    yield lambda registry: members.append((registry, set(registry)))
    for registry, names in members:
        for name in set(registry) - names:
            with registry.temporary(registry.get(name)):  # removes it at its end
                pass


@pytest.fixture(autouse=True)
def what_a_test_registers_goes_with_it(monkeypatch):
    """Members that a test adds to registries are removed after it; those of a registry that it is the first to import stay."""
    make, add, added, filling = Registry.__init__, Registry.add, [], []

    def make_and_note(registry, *arguments, **options):
        filling.append(registry)
        make(registry, *arguments, **options)
        filling.remove(registry)

    def add_and_note(registry, entry):
        is_new = entry.name not in registry
        add(registry, entry)
        if is_new and registry not in filling:
            added.append((registry, entry.name))

    monkeypatch.setattr(Registry, "__init__", make_and_note)
    monkeypatch.setattr(Registry, "add", add_and_note)
    yield
    for registry, name in added:
        if name in registry:
            registry.remove(name)


class Ended(NamedTuple):
    """How a command ended: its exit status, and what it printed."""

    status: int
    output: str
    errors: str


@pytest.fixture
def command(capsys):
    """Return a function that runs a command in this process, as its script does: command("train", "--steps=1") -> Ended."""

    def run(name: str, *arguments: str) -> Ended:
        capsys.readouterr()
        status = 0
        with warnings.catch_warnings():  # a command changes the filters of its process
            try:
                entry.command(name, arguments)
            except SystemExit as end:
                status = end.code
        return Ended(status, *capsys.readouterr())

    return run


@pytest.fixture
def photograph() -> np.ndarray:
    """A real photograph, (300, 451, 3) uint8."""
    from visionfw.data.datasets import find_sets
    from visionfw.imaging.files import read_image

    return read_image(find_sets("embedded/test")[0].hr[1])


@pytest.fixture
def image_folder(tmp_path, photograph) -> Path:
    """Three small images cut from the photograph, as PNG files."""
    from visionfw.imaging.files import write_image

    folder = tmp_path / "images"
    folder.mkdir()
    for number, (top, left) in enumerate([(0, 0), (60, 150), (150, 250)]):
        write_image(folder / f"{number}.png", photograph[top : top + 130 + number, left : left + 150])
    return folder
