"""Ctrl-C: a loop of calls ends, one long call ends when it is done, and the library is usable afterwards."""

from __future__ import annotations

import pytest

from fresh_process import needs_fork, run

WORK = {
    "a training loop": """
        rushlight.manual_seed(0)
        conv = nn.Conv2d(8, 8, 3, padding=1)
        x = rushlight.rand(4, 8, 32, 32)
        def work():
            while True:
                conv.zero_grad()
                conv(x).sum().backward()
    """,
    "a DataLoader's loop": """
        from rushlight.utils.data import DataLoader, TensorDataset
        loader = DataLoader(TensorDataset(rushlight.rand(64, 8, 32, 32), rushlight.rand(64)), 4, shuffle=True)
        conv = nn.Conv2d(8, 8, 3)
        def work():
            while True:
                for images, _ in loader:
                    conv(images)
    """,
    "one long call after another": """
        x, weight = np.ones((1, 256, 128, 128), np.float32), np.ones((256, 256, 3, 3), np.float32)
        def work():
            while True:
                F.conv2d(x, weight, padding=1)
    """,
}


@needs_fork
@pytest.mark.parametrize("name", WORK)
def test_interrupted_work_ends_and_can_begin_again(name):
    program = f"""
        import signal, threading
        import rushlight, rushlight.functional as F
        from rushlight import nn
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores Ctrl-C
        {WORK[name]}
        want = F.conv2d(np.ones((1, 2, 9, 9), np.float32), np.ones((2, 2, 3, 3), np.float32))
        for _ in range(3):
            threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            try:
                work()
            except KeyboardInterrupt:
                pass
            again = F.conv2d(np.ones((1, 2, 9, 9), np.float32), np.ones((2, 2, 3, 3), np.float32))
            assert np.array_equal(again, want)
        print("ok")
    """
    assert run(program, timeout=100) == "ok"
