"""What the backend in use can do."""

import pytest

from visionfw.backend import backend_name, capabilities


@pytest.mark.skipif(backend_name() != "tensorflow", reason="is about TensorFlow")
@pytest.mark.parametrize(("has_gpu", "expected"), [(False, False), (True, "auto")])
def test_xla_is_off_on_a_cpu_under_tensorflow(monkeypatch, has_gpu, expected):
    monkeypatch.setattr(capabilities, "has_accelerator", lambda: has_gpu)
    assert capabilities.jit_compile() == expected


@pytest.mark.skipif(backend_name() != "tensorflow", reason="is about TensorFlow")
@pytest.mark.parametrize("has_gpu", [False, True])
def test_tensorflow_runs_parts_of_a_step_concurrently_on_a_cpu(monkeypatch, has_gpu):
    monkeypatch.setattr(capabilities, "has_accelerator", lambda: has_gpu)
    assert capabilities.runs_operations_concurrently() is not has_gpu
