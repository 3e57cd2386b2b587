"""How many threads there are by default, and what limits them: environment, affinity, container quotas."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fresh_process import ASK, CPUS, attempt, needs_linux, needs_team, run
from rushlight import _core


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


@needs_linux
@pytest.mark.skipif(not shutil.which("taskset"), reason="needs taskset")
def test_taskset_limits_the_default():
    for cpus in {str(CPUS[0]), str(CPUS[-1]), f"{CPUS[0]},{CPUS[-1]}"}:
        command = ["taskset", "-c", cpus, sys.executable, "-c", ASK]
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "RUSHLIGHT_"))}
        found = subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=120, check=True
        )
        assert int(found.stdout) == len(set(cpus.split(",")))


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
