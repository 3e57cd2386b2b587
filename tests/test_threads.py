"""Threads as a user meets them: how many, what limits them, and that fork, exit and idleness are clean.

Nearly everything runs in a fresh interpreter, because the answers depend on what a process did before.
Nothing here asserts on speed. tests/cpp/parallel_test.cpp stresses the team itself, without Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from rushlight import _core

LINUX = sys.platform.startswith("linux")
HAS_TEAM = _core.config()["threading_layer"].startswith("OpenMP")
needs_linux = pytest.mark.skipif(not LINUX, reason="reads /proc")
needs_team = pytest.mark.skipif(not (LINUX and HAS_TEAM), reason="needs OpenMP and /proc")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
CPUS = sorted(os.sched_getaffinity(0)) if LINUX else []

# Every program starts with this: arrays for convolutions large and small, and a look at our threads.
PRELUDE = """
import os, sys, time
import numpy as np

def arrays(channels=32, size=56, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((2, channels, size, size), dtype=np.float32),
            rng.standard_normal((channels, channels, 3, 3), dtype=np.float32))

def conv(arrays):
    from rushlight import _core
    x, w = arrays
    return _core.conv2d_forward(x, w, None, (1, 1), (1, 1, 1, 1), (1, 1), 1)

def team():
    found = []
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm") as name:
                if name.read().strip() == "rushlight":
                    found.append(int(task))
        except FileNotFoundError:  # it ended meanwhile
            pass
    return found

def team_of(size):  # waits for the members, which arrive when they like
    end = time.monotonic() + 20
    while len(team()) < size and time.monotonic() < end:
        time.sleep(0.01)
    return team()
"""


def run(program: str, timeout: float = 120, **variables: str) -> str:
    """What `program` prints in a fresh interpreter; only the given variables say anything about threads."""
    result = attempt(program, timeout, **variables)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout.strip()


def attempt(program: str, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "KMP_", "RUSHLIGHT_"))
    }
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(program)],
        env=inherited | variables,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


ASK = "from rushlight import _core; print(_core.num_threads())"


@pytest.fixture(autouse=True)
def threads_as_before():
    before = _core.num_threads()
    yield
    _core.set_num_threads(before)


# ------------------------------------------------------------ how many


def default_threads() -> str:
    return run(ASK)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"RUSHLIGHT_NUM_THREADS": "5"}, "5"),
        ({"RUSHLIGHT_NUM_THREADS": " 5 "}, "5"),
        ({"RUSHLIGHT_NUM_THREADS": "5", "OMP_NUM_THREADS": "3"}, "5"),
        ({"RUSHLIGHT_NUM_THREADS": "", "OMP_NUM_THREADS": "3"}, "3"),
        ({"OMP_NUM_THREADS": "3"}, "3"),
        ({"OMP_NUM_THREADS": "4,2"}, "4"),
        ({"OMP_NUM_THREADS": " 4 , 2"}, "4"),
    ],
)
def test_environment_sets_the_number(variables, expected):
    assert run(ASK, **variables) == expected


@pytest.mark.parametrize("text", ["0", "-3", "many", "2.5", "99999999999", ","])
def test_wrong_values_of_ours_fail_the_import_and_wrong_values_of_openmp_do_not(text):
    result = attempt(ASK, RUSHLIGHT_NUM_THREADS=text)
    assert result.returncode == 1
    assert f"RUSHLIGHT_NUM_THREADS must be a whole number of at least 1, got '{text}'" in result.stderr
    # The OpenMP library may complain about its variable on its own account; that is its affair.
    result = attempt(ASK, OMP_NUM_THREADS=text)
    assert result.returncode == 0
    assert result.stdout.strip() == default_threads()


def test_set_num_threads():
    for n in (1, 2, 7, 1000):
        _core.set_num_threads(n)
        assert _core.num_threads() == n
        assert _core.config()["threads"] == n
    for wrong in (0, -1, -(2**31)):
        with pytest.raises((ValueError, RuntimeError), match=f"positive integer.*{wrong}"):
            _core.set_num_threads(wrong)
    for wrong in (1.5, "2", None, 2**31):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            _core.set_num_threads(wrong)
    assert _core.num_threads() == 1000


@needs_linux
@pytest.mark.parametrize("count", [1, 2])
def test_affinity_limits_the_default(count):
    if count > len(CPUS):
        pytest.skip("not that many CPUs")
    for cpus in (CPUS[:count], CPUS[-count:]):
        assert run(f"os.sched_setaffinity(0, {set(cpus)})\n{ASK}") == str(count)


@needs_team
def test_openmps_own_binding_does_not_count_as_affinity():
    assert run(ASK, OMP_PROC_BIND="true") == default_threads()


# ------------------------------------------------------------ cgroups


def fake_tree(root: Path, membership: str, files: dict[str, str]) -> str:
    for name, text in {"proc/self/cgroup": membership, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


V1 = "12:memory:/user\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n"


def v2(**limits: str) -> dict[str, str]:
    """cpu.max by directory; `a_b` is a/b and `top` the mount itself."""
    return {f"sys/fs/cgroup/{directory(name)}cpu.max": text + "\n" for name, text in limits.items()}


def v1(mount: str, quota: str, period: str = "100000") -> dict[str, str]:
    folder = f"sys/fs/cgroup/{mount}/cpu.cfs_"
    return {f"{folder}quota_us": quota + "\n", f"{folder}period_us": period + "\n"}


def directory(name: str) -> str:
    return "" if name == "top" else name.replace("_", "/") + "/"


# name: (/proc/self/cgroup, files, CPUs of the quota); 0 stands for no limit
TREES = {
    "v2": ("0::/app\n", v2(app="100000 100000"), 1),
    "v2 rounds up": ("0::/app\n", v2(app="100001 100000"), 2),
    "v2 below one CPU": ("0::/app\n", v2(app="1000 100000"), 1),
    "v2 unlimited": ("0::/app\n", v2(app="max 100000"), 0),
    "v2 ancestor is tighter": (
        "0::/a/b/c\n",
        v2(a_b_c="800000 100000", a_b="max 100000", a="50000 50000"),
        1,
    ),
    "v2 child is tighter": ("0::/a/b\n", v2(a_b="20000 100000", a="800000 100000"), 1),
    "v2 others do not count": ("0::/a\n", v2(a="max 100000", b="1000 100000"), 0),
    "v2 top of a container": ("0::/\n", v2(top="100000 100000"), 1),
    "v2 path of the host": ("0::/not/here\n", v2(top="100000 100000"), 1),
    "v1": (V1, v1("cpu,cpuacct/docker/abc", "50000"), 1),
    "v1 rounds up": (V1, v1("cpu/docker/abc", "150000"), 2),
    "v1 ancestor is tighter": (V1, v1("cpu/docker/abc", "800000") | v1("cpu/docker", "9", "10"), 1),
    "v1 top of a container": (V1, v1("cpu", "90000"), 1),
    "v1 unlimited": (V1, v1("cpu/docker/abc", "-1"), 0),
    "v1 another controller": ("3:cpuset:/a\n", v1("cpu/a", "1000"), 0),
    "v1 beside v2": (V1 + "0::/docker/abc\n", v1("cpu", "1", "100") | v2(unified_docker_abc="max 100"), 1),
    "v2 beside v1": (V1 + "0::/docker/abc\n", v1("cpu", "-1") | v2(unified_docker_abc="7 100"), 1),
    "rubbish": ("hello\n0:\n::\n0::/a\n", v2(a="lots of it", top="1 0"), 0),
    "empty": ("", {}, 0),
}


@needs_linux
@pytest.mark.parametrize("name", TREES)
def test_cgroup_quota_limits_the_default(name, tmp_path):
    membership, files, cpus = TREES[name]
    root = fake_tree(tmp_path, membership, files)
    expected = min(cpus or len(CPUS), len(CPUS))
    assert run(ASK, RUSHLIGHT_CGROUP_ROOT=root) == str(expected)
    assert run(ASK, RUSHLIGHT_CGROUP_ROOT=root, OMP_NUM_THREADS="6") == "6"  # what the user says comes first


# ------------------------------------------------------------ the team


@needs_team
def test_only_large_work_starts_threads_and_never_more_than_asked():
    program = """
        from rushlight import _core
        tiny, large = arrays(2, 4), arrays()
        for _ in range(100):
            conv(tiny)
        assert team() == [], "small work has started threads"
        _core.set_num_threads(1)
        conv(large)
        assert team() == [], "one thread is the caller"
        _core.set_num_threads(3)
        conv(large)
        three = set(team_of(2))
        assert len(three) == 2, three
        _core.set_num_threads(2)
        conv(large)
        _core.set_num_threads(3)
        conv(large)
        assert set(team()) == three, "the members are kept"
        _core.set_num_threads(5)
        conv(large)
        assert len(team_of(4)) == 4 and set(team()) > three
        print("ok")
    """
    assert run(program) == "ok"


@needs_team
def test_members_leave_signals_and_the_callers_placement_alone():
    program = """
        import signal
        from rushlight import _core
        allowed = os.sched_getaffinity(0)
        _core.set_num_threads(2)
        for _ in range(50):
            conv(arrays())
            time.sleep(0.003)
        (member,) = team_of(1)
        with open(f"/proc/self/task/{member}/status") as status:
            blocked = next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk"))
        assert blocked >> (signal.SIGINT - 1) & 1 and blocked >> (signal.SIGTERM - 1) & 1
        assert not blocked >> (signal.SIGSEGV - 1) & 1
        assert os.sched_getaffinity(0) == allowed, "the caller has been moved"
        assert os.sched_getaffinity(member) <= allowed
        assert len(os.sched_getaffinity(member)) >= max(1, len(allowed) - 1)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
        print("ok")
    """
    assert run(program) == "ok"


@needs_team
def test_threadpoolctl_limits_us_too():
    pytest.importorskip("threadpoolctl")
    program = """
        import threadpoolctl
        from rushlight import _core
        large = arrays()
        with threadpoolctl.threadpool_limits(1):
            for _ in range(3):
                conv(large)
            time.sleep(0.05)
            assert team() == []
        conv(large)
        assert len(team_of(1)) == 1
        print("ok")
    """
    if len(CPUS) < 2:
        pytest.skip("OpenMP's own limit is 1 already")
    assert run(program, RUSHLIGHT_NUM_THREADS="2") == "ok"


def test_an_idle_program_uses_no_cpu():
    program = """
        conv(arrays())
        time.sleep(0.05)
        before = time.process_time()
        time.sleep(0.3)
        print(time.process_time() - before)
    """
    assert float(run(program, RUSHLIGHT_NUM_THREADS="4")) < 0.1


def test_the_process_ends_cleanly_while_calls_are_under_way():
    program = """
        import threading
        large = arrays()
        def for_ever():
            while True:
                conv(large)
        for _ in range(3):
            threading.Thread(target=for_ever, daemon=True).start()
        time.sleep(0.1)
        print("ok")
    """
    for _ in range(5):
        assert run(program, timeout=60, RUSHLIGHT_NUM_THREADS="3") == "ok"


# ------------------------------------------------------------ same bits


def every_direction(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((3, 17, 29, 31), dtype=np.float32)
    w = rng.standard_normal((19, 17, 3, 3), dtype=np.float32)
    b = rng.standard_normal(19, dtype=np.float32)
    rest = ((1, 1), (1, 1, 1, 1), (1, 1), 1)
    y = _core.conv2d_forward(x, w, b, *rest)
    dy = rng.standard_normal(y.shape, dtype=np.float32)
    integers = (x * 10).astype(np.int64), (w * 10).astype(np.int64), None
    return [
        y,
        _core.conv2d_backward_input(dy, w, x.shape, *rest),
        _core.conv2d_backward_weight(dy, x, w.shape, *rest),
        _core.conv2d_backward_bias(dy),
        _core.conv2d_forward(*integers, *rest),
    ]


def assert_same_bits(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def test_same_bits_for_any_number_of_threads():
    _core.set_num_threads(1)
    expected = every_direction(0)
    for threads in (2, 3, 7, 40):
        _core.set_num_threads(threads)
        for _ in range(3):
            assert_same_bits(every_direction(0), expected)


@pytest.mark.parametrize("threads", [1, 3])
def test_same_bits_from_eight_python_threads_at_once(threads):
    from concurrent.futures import ThreadPoolExecutor

    _core.set_num_threads(threads)
    expected = [every_direction(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for got, want in zip(pool.map(every_direction, range(8)), expected, strict=True):
                assert_same_bits(got, want)


# ------------------------------------------------------------ fork


@needs_fork
@pytest.mark.parametrize("state", ["awake", "asleep", "busy"])
def test_forked_children_compute(state):
    """20 children; "busy": another Python thread is inside a call at the moment of the fork."""
    program = f"""
        import signal, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads is the point here
        state = {state!r}
        large = arrays()
        want = conv(large).tobytes()
        stop = threading.Event()
        def others():
            while not stop.is_set():
                conv(large)
        other = threading.Thread(target=others)
        if state == "busy":
            other.start()
        for _ in range(20):
            if state == "asleep":
                time.sleep(0.003)
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                right = all(conv(large).tobytes() == want for _ in range(3))
                grandchild = os.fork()
                if grandchild == 0:
                    signal.alarm(60)
                    os._exit(0 if conv(large).tobytes() == want else 1)
                right = right and os.waitpid(grandchild, 0)[1] == 0
                os._exit(0 if right else 1)
            assert os.waitpid(child, 0)[1] == 0, "a child has hung or computed something else"
            assert conv(large).tobytes() == want
        stop.set()
        if state == "busy":
            other.join()
        print("ok")
    """
    assert run(program, timeout=200, RUSHLIGHT_NUM_THREADS="3") == "ok"


@needs_team
@needs_fork
def test_a_forked_child_has_a_team_of_its_own():
    program = """
        import signal, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        large = arrays()
        conv(large)
        assert len(team_of(2)) == 2
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            none_yet = team() == []
            conv(large)
            os._exit(0 if none_yet and len(team_of(2)) == 2 else 1)
        assert os.waitpid(child, 0)[1] == 0
        print("ok")
    """
    assert run(program, RUSHLIGHT_NUM_THREADS="3") == "ok"


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(method, tmp_path):
    import multiprocessing

    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    body = """
        import hashlib, multiprocessing, warnings

        def digest(seed):
            return hashlib.sha256(conv(arrays(seed=seed)).tobytes()).hexdigest()

        if __name__ == "__main__":
            warnings.simplefilter("ignore", DeprecationWarning)
            want = [digest(seed) for seed in range(6)]
            with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                assert pool.map(digest, range(6), chunksize=1) == want
            print("ok")
    """
    script = tmp_path / "program.py"  # children that do not fork import the program from its file
    script.write_text(PRELUDE + textwrap.dedent(body))
    result = subprocess.run(
        [sys.executable, str(script), method],
        env=os.environ | {"RUSHLIGHT_NUM_THREADS": "3"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stdout.strip()) == (0, "ok"), result.stderr
