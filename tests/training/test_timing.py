"""A timing run estimates durations; a dry run says all that a run would say, and writes nothing anywhere."""

import numpy as np
import pytest
from configs import change, training

import visionfw as vf
from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.files import write_image
from visionfw.runs.directory import create
from visionfw.training import fit, timing
from visionfw.training.fit import train
from visionfw.training.preflight import preflight
from visionfw.training.timing import StepTiming, estimate_seconds, mean_step

SMALL = {"model_args": {"blocks": 1, "filters": 8}, "batch_size": 4, "patch_size": 12, "steps": 30, "validate_every": 10}


def dry_run(request, log):
    timing.dry_run(preflight(request), log)


def everything_in(folder):
    return sorted(path for path in folder.rglob("*"))


@pytest.fixture
def empty_home(tmp_path, monkeypatch):
    """A home, a cache folder and a working directory in which nothing lies yet."""
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("VISIONFW_CACHE", str(home / "cache" / "visionfw"))
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.chdir(home / "work")
    return home


@pytest.mark.parametrize("sampler", [None, "psnr_gain"], ids=["default sampler, which ranks patches by their pixels", "a sampler that waits for scores"])
def test_a_dry_run_writes_nothing_anywhere(empty_home, sampler):
    lines, before = [], everything_in(empty_home)
    dry_run(training(**SMALL, sampler=sampler, round_patches=8), lines.append)
    assert everything_in(empty_home) == before
    assert any("ms per step" in line and "s per validation" in line and "memory" in line for line in lines)
    assert lines[-1].startswith("estimate: ")
    assert lines[-1].endswith("for 30 steps and 3 validations, and the time to decode the images; nothing was written")


def test_a_dry_run_says_of_the_data_what_the_run_says(tmp_path, image_folder):
    request = training(**SMALL | {"steps": 1, "validate_every": 0}, standardize_input=True, train_data=str(image_folder), val_data=str(image_folder))
    dry, real = [], []
    dry_run(request, dry.append)
    train(change(request, run_dir=str(tmp_path / "run")), real.append)
    assert dry[0] == real[0]
    assert "patches of 12x12" in dry[0]


def test_images_smaller_than_a_patch_are_named(image_folder, photograph):
    write_image(image_folder / "small.png", photograph[:40, :40])
    lines = []
    dry_run(training(**SMALL, train_data=str(image_folder)), lines.append)
    assert "images smaller than a patch, skipped (--small_images=pad pads them): 1 (small.png)" in lines
    lines.clear()
    dry_run(training(**SMALL, train_data=str(image_folder), small_images="pad"), lines.append)
    assert lines[0].startswith("8 images (4 of them downscaled copies), ")
    assert not any("skipped" in line for line in lines)


def test_a_file_without_a_header_stops_a_dry_run(image_folder):
    (image_folder / "broken.png").write_text("nothing")
    with pytest.raises(VisionfwError, match=r"broken\.png: .*\n1 of 4 images cannot be used; --invalid_images=skip goes on without them"):
        dry_run(training(**SMALL, train_data=str(image_folder)), lambda line: None)


def test_a_dry_run_into_a_folder_that_is_taken_is_refused(tmp_path):
    create(tmp_path / "run", "")
    with pytest.raises(RequestError, match="holds a run already"):
        dry_run(training(**SMALL, run_dir=str(tmp_path / "run")), lambda line: None)


def test_a_validation_costs_time_too():
    timing_of = StepTiming(step=0.1, validation=2.0)
    assert timing_of.total(training(validate_every=10), 25) == pytest.approx(25 * 0.1 + 3 * 2.0)
    assert timing_of.total(training(validate_every=0), 50) == pytest.approx(50 * 0.1 + 10 * 2.0)  # a tenth of the run apart


@pytest.mark.parametrize(
    ("validate_every", "seconds", "steps"),
    [(0, 12.0, 70), (0, 4.9, 0), (100, 105.1, 1000), (100, 129.3, 1200)],
    ids=["ten validations", "not even these", "one in a hundred steps", "rounded down to two digits"],
)
def test_the_steps_that_fit_into_a_time_leave_room_for_validations(validate_every, seconds, steps):
    assert max(0, StepTiming(0.1, 0.5).steps_within(training(validate_every=validate_every), seconds)) == steps


def test_the_first_steps_which_compile_do_not_count():
    ends = [100.0 * n for n in range(10)] + [1000.0 + 0.5 * n for n in range(41)]
    assert mean_step(ends) == pytest.approx(0.5)
    assert mean_step([0.0, 50.0, 57.0]) == pytest.approx(7.0)


def test_the_estimate_of_a_run_is_that_of_its_steps(monkeypatch):
    monkeypatch.setattr(timing, "measure", lambda plan: StepTiming(0.1, 2.0))
    assert estimate_seconds(training(**SMALL)) == pytest.approx(30 * 0.1 + 3 * 2.0)


@pytest.mark.slow
def test_a_run_of_minutes_is_that_of_its_steps(tmp_path, monkeypatch):
    """0.1 s a step and 0.5 s a validation fit 70 steps and ten validations into 0.2 minutes; the timing run leaves no trace."""
    monkeypatch.setattr(timing, "measure", lambda plan, measure=timing.measure: measure(plan) and StepTiming(0.1, 0.5))
    small, lines = SMALL | {"steps": None, "validate_every": 0}, []
    run = train(training(**small, minutes=0.2, run_dir=str(tmp_path / "minutes")), lines.append)
    assert "0.2 min at 100 ms per step and 0.5 s per validation: 70 steps" in lines
    assert run.read()["steps"] == 70
    same = train(training(**small | {"steps": 70}, run_dir=str(tmp_path / "steps")), lambda line: None)
    for one, other in zip(vf.load(run.folder).get_weights(), vf.load(same.folder).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_resumed_run_of_minutes_is_not_timed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "steps_within", lambda plan, log: 20)
    request = training(**SMALL | {"steps": None}, minutes=5.0, run_dir=str(tmp_path / "run"))
    run = train(request, lambda line: None)
    run.checkpoint.unlink()
    monkeypatch.setattr(fit, "steps_within", lambda plan, log: pytest.fail("a run is timed once"))
    lines = []
    train(request, lines.append, resume=True)
    assert "resuming at step 0 of 20" in lines


def test_minutes_that_are_too_few_are_reported(tmp_path):
    with pytest.raises(RequestError, match=r"--minutes=0\.0001: too little for EDSR-small here: 10 steps and their validations take about \d+ s"):
        train(training(**SMALL | {"steps": None}, minutes=0.0001, run_dir=str(tmp_path / "run")), lambda line: None)
    assert not (tmp_path / "run").exists()
