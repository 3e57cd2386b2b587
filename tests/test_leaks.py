"""Memory stays flat over shapes, calls, training steps and errors; nothing waits for the garbage collector.

Each program runs in a fresh process: it warms up, repeats something many times, and prints by how many bytes
its resident memory has grown. What leaks even 100 bytes a time is seen.
"""

from __future__ import annotations

from textwrap import dedent

import pytest

from fresh_process import LINUX, run

pytestmark = pytest.mark.skipif(not LINUX, reason="reads /proc")

MEASURE = """
    import gc, os
    import rushlight, rushlight.functional as F
    from rushlight import nn, optim

    def resident():
        with open("/proc/self/statm") as pages:
            return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def growth(work, count):
        for i in range(count // 4):
            work(i)
        gc.collect()
        before = resident()
        for i in range(count):
            work(i)
        return resident() - before
"""

PROGRAMS = {
    "a thousand shapes": """
        rng = np.random.default_rng(0)
        def work(i):
            h, w, c, k = 3 + i % 37, 3 + i % 41, 1 + i % 13, 1 + i % 7
            x, weight = np.ones((1, c, h, w), np.float32), np.ones((k, c, 3, 3), np.float32)
            y = F.conv2d(x, weight, padding=1, stride=1 + i % 3)
            F.max_pool2d(F.relu(y), 2, padding=1)
            nn.grad.conv2d_weight(x, weight.shape, y, padding=1, stride=1 + i % 3)
            nn.grad.conv2d_input(x.shape, weight, y, padding=1, stride=1 + i % 3)
        print(growth(work, 8000))
    """,
    "a hundred thousand calls": """
        x, weight = np.ones((1, 1, 5, 5), np.float32), np.ones((1, 1, 3, 3), np.float32)
        print(growth(lambda i: F.relu(F.conv2d(x, weight)), 100_000))
    """,
    "a thousand training steps": """
        gc.disable()
        rushlight.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3))
        optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
        x, target = rushlight.rand(4, 1, 8, 8), rushlight.tensor([0, 1, 2, 0])
        def work(i):
            optimizer.zero_grad()
            F.cross_entropy(net(x), target).backward()
            optimizer.step()
        print(growth(work, 1000))
        gc.collect()
        work(0)
        assert gc.collect() == 0, "a training step made a reference cycle"
    """,
    "a thousand errors": """
        x, weight = np.ones((1, 1, 5, 5), np.float32), np.ones((1, 1, 7, 7), np.float32)
        def work(i):
            for wrong in (
                lambda: F.conv2d(x, weight),
                lambda: F.conv2d(x, None),
                lambda: F.conv2d(x, x, stride=2**70),
                lambda: F.conv2d(x, x.astype(np.float64)),
                lambda: F.max_pool2d(x, -1),
                lambda: F.relu("x"),
                lambda: nn.Linear(2, 2)(rushlight.ones(3)),
            ):
                try:
                    wrong()
                except (TypeError, ValueError, RuntimeError):
                    continue
                raise AssertionError("no error")
        print(growth(work, 2000))
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_resident_memory_stays_flat(name):
    assert float(run(dedent(MEASURE) + dedent(PROGRAMS[name]), timeout=250)) < 200_000
