"""The wheel stands alone: what `python -m build` makes is installed outside the checkout, and trains, evaluates and lists from there."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def run(*arguments, cwd):
    """Run a command that cannot see the checkout; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VISIONFW_DATA")}
    done = subprocess.run(arguments, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """The wheel, built by way of the source distribution from a copy of the checkout, without any download."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("visionfw", "model_defs"):
        shutil.copytree(root / name, folder / "checkout" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, folder / "checkout")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir=dist", "checkout", cwd=folder)
    shutil.rmtree(folder / "checkout")
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def commands(wheel, tmp_path_factory):
    """The `bin` folder of a new virtual environment with the wheel in it; the dependencies are those of the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    packages = Path(run(folder / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # A .pth file is read after the environment's own packages, and not those in the folders that it names: an editable install stays out.
    (packages / "dependencies.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    return folder / "bin"


def test_an_installed_wheel_is_imported_from_its_environment(commands, tmp_path):
    place = run(commands / "python", "-c", "import visionfw; print(visionfw.__file__)", cwd=tmp_path).strip()
    assert Path(place).is_relative_to(commands.parent)


def test_an_installed_wheel_lists_the_models_that_come_with_it(root, commands, tmp_path):
    listed = run(commands / "visionfw", "train", "--list=models", cwd=tmp_path)
    members = [line for line in listed.splitlines() if line.startswith("    ")]  # below the name of their family
    assert {line.split()[0] for line in members} == {path.stem for path in (root / "model_defs").glob("*.py")}


def test_an_installed_wheel_trains_on_the_embedded_photographs_and_evaluates(commands, tmp_path):
    trained = run(commands / "visionfw", "train", "--model=espcn", "--minutes=0.1", cwd=tmp_path)
    assert "0.1 min at" in trained
    assert "best validation" in trained
    assert "| ESPCN | embedded/test |" in run(commands / "visionfw", "evaluate", "--run=latest", cwd=tmp_path)
