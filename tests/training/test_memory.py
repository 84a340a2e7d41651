"""What a step takes, and the one line where it is not there."""

import pytest

from visionfw.backend.memory import is_out_of_memory
from visionfw.config import TrainRequest
from visionfw.errors import VisionfwError
from visionfw.training import fit
from visionfw.training.fit import train
from visionfw.training.memory import advice, step_bytes
from visionfw.training.setup import prepare

SMALL = {"model_args": (("blocks", 1), ("filters", 8)), "batch_size": 8, "patch_size": 12, "steps": 4, "precision": "float32"}
GIB = 2**30


@pytest.fixture(scope="module")
def plan():
    return prepare(TrainRequest(**SMALL), lambda line: None)


def test_a_step_takes_the_outputs_of_all_layers(plan):
    """Head, a block's second convolution and its sum, body, a sum: 8 features; its first one and the ReLU: 18; then 48, and thrice the image."""
    values = (5 * 8 + 2 * 18) * 12 * 12 + 48 * 12 * 12 + 3 * 3 * 48 * 48
    assert step_bytes(plan, 10) == round(GIB + 1.2 * 4 * 10 * values)


def test_what_would_fit_is_less_and_fits(plan):
    free = 1.5 * GIB
    told = advice(plan, int(free))
    assert told.startswith("out of memory: --batch_size=8 of 48x48 patches takes about 1.0 GiB; --batch_size=4 would fit")
    big = prepare(TrainRequest(model="edsr", batch_size=2000, patch_size=24), lambda line: None)
    told = advice(big, int(4 * GIB))
    fitting = int(told.partition("; --batch_size=")[2].split()[0])
    assert 1 <= fitting < 2000
    assert step_bytes(big, fitting) <= 0.8 * 4 * GIB < step_bytes(big, fitting + 2)
    assert "--batch_size=1 --patch_size=" in advice(big, GIB)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: out of memory"),
        ValueError("RESOURCE_EXHAUSTED: Out of memory allocating 100 bytes"),
        type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor"),
    ],
)
def test_a_step_without_memory_is_one_line(tmp_path, monkeypatch, error):
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("shapes differ"))

    def fail(*given):
        raise error

    monkeypatch.setattr(fit, "_learn", fail)
    with pytest.raises(VisionfwError, match=r"^out of memory: --batch_size=8 of 48x48 patches takes about .* would fit$"):
        train(TrainRequest(**SMALL, run_dir=str(tmp_path / "run")), lambda line: None)
