"""Threads as a user meets them: the team, the same bits, and that fork, exit and idleness are clean.

Nearly everything runs in a fresh interpreter, because the answers depend on what a process did before.
Nothing here asserts on speed. tests/cpp/parallel_test.cpp stresses the team itself, without Python.
"""

from __future__ import annotations

import numpy as np
import pytest

from fresh_process import CPUS, needs_fork, needs_team, run
from rushlight import _core


@pytest.fixture(autouse=True)
def threads_as_before():
    before = _core.num_threads()
    yield
    _core.set_num_threads(before)


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
        conv(large)
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
