"""Plots are drawn whatever the names are, and leave the importing program's settings alone."""

import matplotlib
import numpy as np
import pytest
from PIL import Image

from visionfw.errors import RequestError, VisionfwError
from visionfw.reports.figures import new_figure, save_figure
from visionfw.reports.plots import plot_sampling, plot_training

ROWS = [{"step": 10 * n, "loss": 1 / n, "val_gain": n / 10} for n in (1, 2, 3)]
EDGES = np.linspace(10, 60, 51)


def record(number):
    histogram = np.random.default_rng(number).integers(0, 9, 50).tolist()
    return {"round": number, "drawn": histogram, "flat": 0.25, "scores": histogram}


@pytest.mark.parametrize("title", ["edsr", "$_$", "a$b", r"\frac{", "100% $x^$"])
def test_a_title_is_shown_as_it_is(tmp_path, title):
    plot_training(tmp_path / "curve.png", ROWS, title)
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size == (960, 540)


def test_formulas_are_not_typeset():
    with new_figure(3, 2) as figure:
        axes = figure.add_subplot()
        axes.set_title("$x$")
        assert not axes.title.get_parse_math()


def test_settings_of_the_importing_program_stay():
    backend, before = matplotlib.get_backend(), dict(matplotlib.rcParams)
    with new_figure(3, 2) as figure:
        figure.add_subplot()
    assert matplotlib.get_backend() == backend
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("scores", [None, ("gain", np.linspace(-10, 15, 51))])
@pytest.mark.parametrize("rounds", [1, 5])
def test_the_sampling_of_any_number_of_rounds_is_drawn(tmp_path, scores, rounds):
    records = [record(number) for number in range(rounds)]
    plot_sampling(tmp_path / "sampling.png", records, EDGES, ([1] * 50, 0.5), scores)
    with Image.open(tmp_path / "sampling.png") as picture:
        assert picture.width == (1650 if scores else 1100)


def test_a_plot_is_complete_or_absent(tmp_path, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with new_figure(3, 2) as figure, pytest.raises(VisionfwError, match=r"x\.svg: cannot be written: No space left on device"):
        save_figure(figure, tmp_path / "x.svg", dpi=50)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_reason_is_given(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(RequestError, match=r"plots need matplotlib: pip install 'visionfw\[plots\]'"):
        plot_training(tmp_path / "curve.png", ROWS, "x")
