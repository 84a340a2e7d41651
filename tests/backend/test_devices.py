"""What the machine computes fast."""

import pytest

from visionfw.backend import devices


def test_a_precision_that_is_asked_for_is_taken():
    assert devices.choose_precision("float32") == "float32"
    assert devices.choose_precision("mixed_bfloat16") == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("gpu", "processor", "expected"),
    [(None, False, "float32"), (None, True, "mixed_bfloat16"), (True, False, "mixed_bfloat16"), (False, True, "float32")],
)
def test_auto_is_bfloat16_only_where_hardware_has_it(monkeypatch, gpu, processor, expected):
    monkeypatch.setattr(devices, "gpu_has_bfloat16", lambda: gpu)
    monkeypatch.setattr(devices, "processor_has_bfloat16", lambda: processor)
    assert devices.choose_precision("auto") == expected


def test_xla_is_off_on_a_cpu_under_tensorflow(monkeypatch):
    monkeypatch.setattr(devices, "gpu_has_bfloat16", lambda: None)
    assert devices.jit_compile() is False
    monkeypatch.setattr(devices, "gpu_has_bfloat16", lambda: True)
    assert devices.jit_compile() == "auto"


def test_keeping_memory_is_harmless_anywhere():
    devices.keep_freed_memory()
