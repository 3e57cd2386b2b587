"""Many threads at once, other libraries' pools, other libraries in the same process: always the same bits.

everything.py has the jobs. Programs run in a fresh interpreter each, with the tests' folder on their path.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
from pathlib import Path

import pytest

import everything
from fresh_process import run

PATH = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])


def run_beside(program: str, **variables: str) -> str:
    return run(program, timeout=250, PYTHONPATH=PATH, **{"RUSHLIGHT_NUM_THREADS": "3"} | variables)


def test_sixteen_threads_call_everything_at_once():
    everything.together(threads=16, rounds=2)


POOLS = {
    "concurrent.futures, threads": """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(everything.run, names))
    """,
    "concurrent.futures, processes": """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as pool:
            found = list(pool.map(everything.run, names))
    """,
    "joblib, threading": """
        import joblib
        jobs = (joblib.delayed(everything.run)(name) for name in names)
        found = joblib.Parallel(4, backend="threading")(jobs)
    """,
    "joblib, loky": """
        import joblib
        jobs = (joblib.delayed(everything.run)(name) for name in names)
        found = joblib.Parallel(2, backend="loky")(jobs)
    """,
    "dask": """
        import dask
        tasks = [dask.delayed(everything.run)(name) for name in names]
        found = list(dask.compute(*tasks, scheduler="threads", num_workers=4))
    """,
    "within another pool's pool": """
        from concurrent.futures import ThreadPoolExecutor
        import joblib
        def two(pair):
            jobs = (joblib.delayed(everything.run)(name) for name in pair)
            return joblib.Parallel(2, backend="threading")(jobs)
        with ThreadPoolExecutor(3) as pool:
            found = sum(pool.map(two, zip(names[::2], names[1::2])), [])
    """,
}


@pytest.mark.parametrize("name", POOLS)
def test_calls_from_inside_pools(name):
    for library in ("joblib", "dask"):
        if f"import {library}" in POOLS[name]:
            pytest.importorskip(library)
    program = f"""
        import everything
        expected = everything.all_digests()
        names = 2 * list(everything.JOBS)
        {POOLS[name]}
        assert found == [expected[name] for name in names], "other bits"
        print("ok")
    """
    assert run_beside(program) == "ok"


# Each with an operation that uses threads of its own, and what it gives.
NEIGHBOURS = {
    "rushlight": "everything.digest(rushlight.functional.conv2d(everything.normal(1, 2, 32, 56, 56),"
    " everything.normal(2, 32, 32, 3, 3)))",
    "sklearn.metrics": "sklearn.metrics.pairwise_distances_argmin(everything.normal(3, 3000, 8),"
    " everything.normal(7, 600, 8)).tobytes()",
    "cv2": "cv2.GaussianBlur(everything.normal(4, 900, 900), (9, 9), 2).tobytes()",
    "torch": "torch.nn.functional.conv2d(torch.from_numpy(everything.normal(5, 2, 32, 56, 56)),"
    " torch.from_numpy(everything.normal(6, 32, 32, 3, 3))).numpy().tobytes()",
}
ORDERS = list(itertools.permutations(NEIGHBOURS))
SOME = [("torch", "rushlight", "sklearn.metrics", "cv2"), ("cv2", "sklearn.metrics", "rushlight", "torch")]


def beside(order: tuple[str, ...]) -> None:
    """In a process that imports the libraries in this order, each in turn computes what it computed first."""
    program = "\n".join(f"import {library}" for library in order)
    program += f"""
import everything
calls = {[NEIGHBOURS[library] for library in order]!r}
first = [eval(call) for call in calls]
expected = everything.all_digests()
for _ in range(3):
    assert [eval(call) for call in calls] == first
assert everything.all_digests() == expected
print("ok")
"""
    assert run_beside(program, OMP_NUM_THREADS="2") == "ok"


def test_beside_other_libraries():
    others = ("sklearn.metrics", "cv2")
    there = [library for library in others if importlib.util.find_spec(library.partition(".")[0])]
    if not there:
        pytest.skip("none is installed")
    beside(("rushlight", *there))
    beside((*there, "rushlight"))


@pytest.mark.parity
@pytest.mark.parametrize("order", SOME, ids=" ".join)
def test_beside_torch(order):
    for library in order:
        pytest.importorskip(library)
    beside(order)


@pytest.mark.parity
@pytest.mark.slow
def test_beside_torch_in_every_order():
    for library in NEIGHBOURS:
        pytest.importorskip(library)
    for order in ORDERS:
        beside(order)


@pytest.mark.parity
def test_inside_torch_workers():
    pytest.importorskip("torch")
    program = """
        import everything, torch, warnings
        warnings.simplefilter("ignore")  # torch about the number of CPUs, Python about fork
        torch.set_num_threads(2)
        expected = everything.all_digests()
        names = list(everything.JOBS)
        class Work(torch.utils.data.Dataset):
            def __len__(self):
                return 2 * len(names)
            def __getitem__(self, index):
                return everything.run(names[index % len(names)])
        for workers in (0, 2):
            loader = torch.utils.data.DataLoader(Work(), 3, num_workers=workers)
            found = sum((list(batch) for batch in loader), [])
            assert found == 2 * [expected[name] for name in names], "other bits"
        print("ok")
    """
    assert run_beside(program) == "ok"
