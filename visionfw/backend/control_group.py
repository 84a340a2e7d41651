"""What this process' control group allows: containers and batch systems limit memory and processor time by one (Linux only).

Groups are nested, and the tightest limit counts. Both versions of the interface are read: `memory.max` and `cpu.max` of version 2,
`memory.limit_in_bytes` and `cpu.cfs_quota_us` of version 1. Elsewhere, and where nothing is limited, every function returns None.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")


def memory_limit(root: Path = ROOT) -> int | None:
    """Return the memory in bytes that the group may use in all, or None.

    Args:
        root: where `proc` and `sys` are mounted.
    """
    return min((limit for limit, _ in _memory(root)), default=None)


def free_memory(root: Path = ROOT) -> int | None:
    """Return the memory in bytes that the group may still take, or None; cached files count as free, because they give way."""
    return min((max(0, limit - in_use) for limit, in_use in _memory(root)), default=None)


def processor_quota(root: Path = ROOT) -> float | None:
    """Return how many processors' time the group gets, 1.5 for one and a half, or None."""
    return min((quota / period for folder in _folders("cpu", root) for quota, period in _quota(folder)), default=None)


def _memory(root: Path) -> Iterator[tuple[int, int]]:
    """Yield (limit, bytes in use without cached files that are not in use) of every group around this process."""
    for folder in _folders("memory", root):
        for limit_file, usage_file, cached in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit, usage = _numbers(folder / limit_file), _numbers(folder / usage_file)
            if limit and usage:
                yield limit[0], usage[0] - _statistic(folder / "memory.stat", cached)


def _quota(folder: Path) -> Iterator[tuple[int, int]]:
    """Yield a group's (quota, period) in microseconds where it has a quota."""
    for pair in (_numbers(folder / "cpu.max"), _numbers(folder / "cpu.cfs_quota_us") + _numbers(folder / "cpu.cfs_period_us")):
        if len(pair) == 2 and min(pair) > 0:
            yield pair[0], pair[1]


def _folders(controller: str, root: Path) -> list[Path]:
    """Return the folders of this process' group and of all groups around it, for a controller of either version."""
    folders = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / (controller if controllers else "")
        names = [name for name in PurePosixPath(path).parts if name not in ("/", "..")]
        folders += [mount.joinpath(*names[:depth]) for depth in range(len(names) + 1)]  # a container may see its own group as the mount itself
    return folders


def _numbers(file: Path) -> list[int]:
    """Return the numbers in a file of one line; none where it is missing or says 'max'."""
    words = _text(file).split()
    return [int(word) for word in words] if all(word.lstrip("-").isdigit() for word in words) else []


def _statistic(file: Path, name: str) -> int:
    """Return one of the statistics in a file of NAME NUMBER lines; 0 where it is missing."""
    return next((int(line.split()[1]) for line in _text(file).splitlines() if line.split()[:1] == [name]), 0)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
