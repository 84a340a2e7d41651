"""How much memory there is, and which errors say that it was not enough."""

import pytest

from visionfw.backend import control_group, devices
from visionfw.backend.memory import device_bytes, free_bytes, host_bytes, is_out_of_memory, keep_freed_memory

GIB = 2**30


def test_a_control_group_limits_what_the_host_has(monkeypatch):
    monkeypatch.setattr(control_group, "memory_limit", lambda: None)
    machine = host_bytes()
    monkeypatch.setattr(control_group, "memory_limit", lambda: machine // 2)
    assert host_bytes() == machine // 2
    monkeypatch.setattr(control_group, "memory_limit", lambda: 2 * machine)
    assert host_bytes() == machine


def test_a_control_group_limits_what_is_free(monkeypatch):
    monkeypatch.setattr(control_group, "free_memory", lambda: None)
    assert 0 < free_bytes() <= host_bytes()
    monkeypatch.setattr(control_group, "free_memory", lambda: 12345)
    assert free_bytes() == 12345


@pytest.mark.skipif(devices.has_accelerator(), reason="is about a machine without a GPU")
def test_without_a_gpu_the_device_has_the_host_s_memory():
    assert device_bytes() == host_bytes()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: out of memory"),
        ValueError("RESOURCE_EXHAUSTED: Out of memory allocating 100 bytes"),
        type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor"),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_every_backend_s_error_is_recognized(error):
    assert is_out_of_memory(error)


def test_another_error_is_not():
    assert not is_out_of_memory(RuntimeError("shapes differ"))


def test_keeping_freed_memory_can_be_asked_for_anywhere():
    assert keep_freed_memory() is None
