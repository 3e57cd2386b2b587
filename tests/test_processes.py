"""Processes that begin after threads were used: fork, forkserver, spawn; and one that runs out of memory.

The jobs are those of everything.py: functions, gradients, training steps and files, large enough for threads.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fresh_process import needs_fork, needs_linux, run

TESTS = Path(__file__).parent
PATH = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])


@needs_fork
def test_two_hundred_forked_children_compute_everything():
    """Each child does one job, every twentieth all of them; before every third the parent rests, so that its
    team sleeps."""
    program = """
        import signal, warnings
        import everything
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads is the point here
        expected = everything.all_digests()
        names = list(everything.JOBS)
        for number in range(200):
            if number % 3 == 0:
                time.sleep(0.002)
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                mine = names if number % 20 == 0 else [names[number % len(names)]]
                right = all(everything.run(name) == expected[name] for name in mine)
                os._exit(0 if right else 1)
            assert os.waitpid(child, 0)[1] == 0, f"child {number} has hung or computed something else"
        everything.check(everything.all_digests().items(), expected)
        print("ok")
    """
    assert run(program, timeout=250, PYTHONPATH=PATH, RUSHLIGHT_NUM_THREADS="3") == "ok"


POOL = """
import multiprocessing, sys, warnings
import everything

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    method, children = sys.argv[1], int(sys.argv[2])
    expected = everything.all_digests()
    names = [name for _, name in zip(range(children), 100 * list(everything.JOBS))]
    with multiprocessing.get_context(method).Pool(2, maxtasksperchild=1) as pool:
        found = pool.map(everything.run, names, chunksize=1)
    everything.check(zip(names, found), expected)
    everything.check(everything.all_digests().items(), expected)
    print("ok")
"""


def pool_of(method: str, children: int, folder: Path) -> None:
    """A pool whose children do one job each, after the parent has done all."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    script = folder / "program.py"  # children that do not fork import the program from its file
    script.write_text(POOL)
    result = subprocess.run(
        [sys.executable, str(script), method, str(children)],
        env=os.environ | {"RUSHLIGHT_NUM_THREADS": "3", "PYTHONPATH": PATH},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert (result.returncode, result.stdout.strip()) == (0, "ok"), result.stderr


@pytest.mark.parametrize(("method", "children"), [("fork", 14), ("forkserver", 7), ("spawn", 4)])
def test_pools_of_processes(method, children, tmp_path):
    pool_of(method, children, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_two_hundred_children_of_a_pool(method, tmp_path):
    pool_of(method, 200, tmp_path)


# ------------------------------------------------------------ out of memory

STARVED = """
    import resource
    import everything
    import rushlight, rushlight.functional as F
    from rushlight import nn

    def resident():  # what is mapped, in bytes
        with open("/proc/self/statm") as pages:
            return int(pages.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")

    def with_room(room, work):  # work(), with so many bytes to be had; whether it ran out of them
        resource.setrlimit(resource.RLIMIT_AS, (resident() + room, resource.RLIM_INFINITY))
        try:
            work()
        except MemoryError:
            return True
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return False
"""

TOO_LARGE = """
    expected = everything.all_digests()
    x, w = np.ones((1, 4, 64, 64), np.float32), np.ones((4, 4, 3, 3), np.float32)
    t = rushlight.ones(4, 64, requires_grad=True)
    calls = [
        lambda: F.conv2d(x, w, padding=30000),
        lambda: F.conv2d(x.astype(np.float64), w.astype(np.float64), padding=(0, 2**30)),
        lambda: F.conv_transpose2d(x, w, stride=20000),
        lambda: F.pad(x, (2**15, 2**15, 2**15, 2**15)),
        lambda: F.unfold(x, 32, padding=2000),
        lambda: F.interpolate(x, scale_factor=2000),
        lambda: F.adaptive_avg_pool2d(x, 60000),
        lambda: nn.grad.conv2d_input((1, 4, 2**20, 66), w, x, stride=(2**14, 1)),
        lambda: rushlight.zeros(2**36),
        lambda: t.expand(2**30, 4, 64).clone(),
        lambda: (t[:, None, None] * rushlight.ones(2**14, 2**14, 1)).sum().backward(),
        lambda: nn.Linear(2**18, 2**18),
        lambda: nn.Conv2d(2**15, 2**15, 5),
    ]
    for number, call in enumerate(calls):
        assert with_room(2**28, call), f"call {number} found room"
        assert everything.run("gradients") == expected["gradients"]
    assert everything.all_digests() == expected
    print("ok")
"""

# The first calls that start threads and make workspaces, with ever more room. Arrays are made before, for
# NumPy itself does not survive everywhere that it cannot have a buffer.
BARELY = """
    x, w = everything.normal(0, 2, 32, 40, 41), everything.normal(1, 32, 32, 3, 3)
    y, deep, flat = F.relu(x), w[:, :1].copy(), w.reshape(32, 32, 9)
    double, double_w = x.astype(float), w.astype(float)
    whole, whole_w = (x * 8).astype(int), (w * 8).astype(int)
    calls = [
        lambda: F.conv2d(x, w, padding=1),
        lambda: F.conv2d(x, w, stride=2),
        lambda: F.conv2d(x, deep, groups=32),
        lambda: F.conv2d(double, double_w),
        lambda: F.conv2d(whole, whole_w),
        lambda: F.conv1d(x.reshape(2, 32, 1640), flat),
        lambda: F.conv_transpose2d(x, w, stride=2),
        lambda: nn.grad.conv2d_weight(x, w.shape, y, padding=1),
        lambda: nn.grad.conv2d_input(x.shape, w, y, padding=1),
        lambda: F.max_pool2d(x, 3, return_indices=True),
        lambda: F.avg_pool2d(x, 3, 1),
        lambda: F.unfold(x, 3),
        lambda: F.relu(x),
    ]
    times = sum(with_room(step * 400_000, call) for step in range(25) for call in calls)
    with rushlight.num_threads(1):
        expected = [everything.digest(call()) for call in calls[:9]]
    assert [everything.digest(call()) for call in calls[:9]] == expected
    print(times)
"""


@needs_linux
def test_out_of_memory_is_a_memory_error_and_everything_works_after_it():
    assert run(STARVED + TOO_LARGE, timeout=250, PYTHONPATH=PATH) == "ok"


# glibc: no spare memory in arenas of its own, and none that is kept for later.
FRUGAL = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


@needs_linux
@pytest.mark.parametrize(("threads", "malloc"), [("1", FRUGAL), ("2", {}), ("4", FRUGAL), ("4", {})])
def test_memory_that_runs_out_at_any_point(threads, malloc):
    program = STARVED + BARELY
    times = run(program, timeout=250, PYTHONPATH=PATH, RUSHLIGHT_NUM_THREADS=threads, **malloc)
    assert int(times) >= (10 if malloc else 0)
