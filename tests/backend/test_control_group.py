"""Limits of control groups, read from folders that look like Linux's."""

import pytest

from visionfw.backend.control_group import free_memory, memory_limit, processor_quota

MB = 2**20


@pytest.fixture
def system(tmp_path):
    """Return a function that writes files below a root folder, {path: text}, and returns the root."""

    def write(files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(f"{text}\n")
        return tmp_path

    return write


def memory_v2(group, limit, current, inactive):
    statistics = f"anon 1\nfile {inactive + 5}\ninactive_file {inactive}\nactive_file 5"
    return {f"{group}/memory.max": limit, f"{group}/memory.current": current, f"{group}/memory.stat": statistics}


def test_nothing_is_limited_where_there_are_no_control_groups(tmp_path):
    assert (memory_limit(tmp_path), free_memory(tmp_path), processor_quota(tmp_path)) == (None, None, None)


def test_cached_files_count_as_free_memory(system):
    root = system({"proc/self/cgroup": "0::/"} | memory_v2("sys/fs/cgroup", 100 * MB, 90 * MB, 70 * MB))
    assert memory_limit(root) == 100 * MB
    assert free_memory(root) == 80 * MB


def test_the_tightest_of_the_groups_around_a_process_counts(system):
    files = {"proc/self/cgroup": "0::/batch/job"}
    files |= memory_v2("sys/fs/cgroup/batch", 50 * MB, 45 * MB, 0) | memory_v2("sys/fs/cgroup/batch/job", 80 * MB, 10 * MB, 0)
    files |= {"sys/fs/cgroup/batch/cpu.max": "max 100000", "sys/fs/cgroup/batch/job/cpu.max": "150000 100000"}
    root = system(files)
    assert memory_limit(root) == 50 * MB
    assert free_memory(root) == 5 * MB
    assert processor_quota(root) == 1.5


def test_a_group_without_a_limit_limits_nothing(system):
    root = system({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"} | memory_v2("sys/fs/cgroup", "max", 90 * MB, 0))
    assert (memory_limit(root), free_memory(root), processor_quota(root)) == (None, None, None)


@pytest.mark.parametrize("seen_as", ["docker/abc", ""], ids=["the host's view", "the container's own view"])
def test_version_one_is_read_too(system, seen_as):
    memory, cpu = f"sys/fs/cgroup/memory/{seen_as}", f"sys/fs/cgroup/cpu/{seen_as}"
    root = system(
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc",
            f"{memory}/memory.limit_in_bytes": 100 * MB,
            f"{memory}/memory.usage_in_bytes": 60 * MB,
            f"{memory}/memory.stat": f"inactive_file 1\ntotal_inactive_file {30 * MB}",
            f"{cpu}/cpu.cfs_quota_us": 200000,
            f"{cpu}/cpu.cfs_period_us": 100000,
        }
    )
    assert memory_limit(root) == 100 * MB
    assert free_memory(root) == 70 * MB
    assert processor_quota(root) == 2


def test_no_quota_of_version_one_is_minus_one(system):
    folder = "sys/fs/cgroup/cpu"
    root = system({"proc/self/cgroup": "1:cpu:/", f"{folder}/cpu.cfs_quota_us": -1, f"{folder}/cpu.cfs_period_us": 100000})
    assert processor_quota(root) is None


def test_more_in_use_than_allowed_leaves_nothing(system):
    root = system({"proc/self/cgroup": "0::/"} | memory_v2("sys/fs/cgroup", 10 * MB, 12 * MB, 0))
    assert free_memory(root) == 0
