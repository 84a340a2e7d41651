"""Thread pools belong to the program that imports visionfw, unless a command was started."""

import subprocess
import sys

import pytest

PROGRAM = """
from visionfw.backend.start import start_backend
{start}
from visionfw.backend.threads import share_cores
share_cores(2)
import tensorflow as tf
print(tf.config.threading.get_inter_op_parallelism_threads())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("start", "threads"), [("", "0"), ("start_backend()", "2")], ids=["imported", "command"])
def test_only_a_command_sets_tensorflow_s_thread_pools(root, start, threads):
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(start=start)], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == threads
