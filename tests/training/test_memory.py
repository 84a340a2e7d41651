"""The memory of a training step, and the one line where there is too little."""

import re

import pytest
from configs import plan_of, training

from visionfw.errors import VisionfwError
from visionfw.training import fit, memory
from visionfw.training.fit import train
from visionfw.training.memory import advice, advice_within, step_bytes

SMALL = {"model_args": {"blocks": 1, "filters": 8}, "batch_size": 8, "patch_size": 12, "steps": 4, "precision": "float32"}
GIB = 2**30


@pytest.fixture(scope="module")
def plan():
    return plan_of(training(**SMALL), lambda line: None)


@pytest.fixture(scope="module")
def large_plan():
    return plan_of(training(model="edsr", batch_size=2000, patch_size=24), lambda line: None)


def test_a_step_holds_the_outputs_of_all_layers(plan):
    """At 12x12: head, second convolution of a block and its sum, body and its sum, 8 features each; the block's first convolution and its
    ReLU, 18; the upsampler's convolution, 48. At 48x48: three images. A float32 takes 4 bytes; a gibibyte is there whatever the model."""
    floats = (5 * 8 + 2 * 18 + 48) * 12 * 12 + 3 * 3 * 48 * 48
    ten, twenty = step_bytes(plan, 10), step_bytes(plan, 20)
    assert ten - GIB == pytest.approx(twenty - ten, abs=1)
    assert 10 * 4 * floats < ten - GIB < 1.5 * 10 * 4 * floats


def test_the_batch_size_that_is_advised_fits_and_is_the_largest_that_does(large_plan):
    line = advice_within(large_plan, 4 * GIB)
    batch_size = int(re.fullmatch(r"out of memory: --batch_size=2000 of 96x96 patches takes about .* GiB; --batch_size=(\d+) would fit", line).group(1))
    assert step_bytes(large_plan, batch_size) <= 0.8 * 4 * GIB < step_bytes(large_plan, batch_size + 2)


def test_half_the_batch_is_the_most_that_is_advised(plan):
    assert advice_within(plan, 64 * GIB).endswith("; --batch_size=4 would fit")


def test_smaller_patches_are_advised_where_no_batch_fits(large_plan):
    assert re.search(r"; --batch_size=1 --patch_size=\d+ would fit$", advice_within(large_plan, GIB))


def test_the_memory_of_the_device_counts(monkeypatch, large_plan):
    monkeypatch.setattr(memory, "device_bytes", lambda: 4 * GIB)
    assert advice(large_plan) == advice_within(large_plan, 4 * GIB)


def test_no_number_is_advised_where_the_memory_of_the_device_is_not_known(monkeypatch, large_plan):
    monkeypatch.setattr(memory, "device_bytes", lambda: None)
    assert re.fullmatch(r".* patches takes about [\d.]+ GiB; give a smaller --batch_size, or a smaller --patch_size", advice(large_plan))


@pytest.mark.parametrize("error", [MemoryError(), ValueError("RESOURCE_EXHAUSTED: Out of memory allocating 100 bytes")])
def test_a_step_without_memory_is_one_line(tmp_path, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(fit, "as_batches", fail)
    with pytest.raises(VisionfwError, match=r"^out of memory: --batch_size=8 of 48x48 patches takes about .* would fit$"):
        train(training(**SMALL, run_dir=str(tmp_path / "run")), lambda line: None)
