"""The parent's side of the workers: equal environments, requests and replies, idle ones that really sleep.

What a worker does with a request is its module's business; which rounds are run is measure.py's.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .peers import OURS, PEERS

# Without these, glibc returns large blocks to the system after every call, and the next call pays about two
# microseconds for every page: that would time malloc, not the libraries. The same for all.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "RUSHLIGHT_NUM_THREADS",
)
PATIENCE = 300.0  # seconds until a silent worker counts as hung


class WorkerError(Exception):
    """A worker could not do what it was asked; one line."""


@dataclass(frozen=True)
class Contender:
    """A library with its settings: one process."""

    peer: str
    threads: int
    options: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """The name in tables: `torch`, or `rushlight avx2`."""
        return " ".join([self.peer, *(value for _, value in self.options)])

    @property
    def ours(self) -> bool:
        """Whether this is the library that the benchmark is about."""
        return self.peer == OURS

    def environment(self, malloc: Mapping[str, str] = MALLOC) -> dict[str, str]:
        """This process's own, with malloc and the thread counts set."""
        return {**os.environ, **malloc, **dict.fromkeys(THREAD_VARIABLES, str(self.threads))}


def _asleep(process: int, but: int = 0) -> bool:
    """Whether every thread of a process but one sleeps now (as Linux tells; elsewhere it is believed)."""
    try:
        for task in Path(f"/proc/{process}/task").iterdir():
            state = (task / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "SIT" and task.name != str(but):
                return False
    except OSError:
        pass  # not Linux, or a thread that ended while we looked
    return True


class Worker:
    """One worker process, restarted if it died."""

    def __init__(
        self, contender: Contender, module: str = "worker", malloc: Mapping[str, str] = MALLOC
    ) -> None:
        self.contender = contender
        self._module, self._malloc = module, malloc
        self.info: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> dict[str, Any]:
        """Starts the process and its library; raises WorkerError if the library is not there."""
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - stop() closes it
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("alone.py")), self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            env=self.contender.environment(self._malloc),
        )
        self._replies: queue.Queue[str] = queue.Queue()
        self._listener = threading.Thread(
            target=self._listen, args=(self._process, self._replies), daemon=True
        )
        self._listener.start()
        options = dict(self.contender.options)
        self.info = self._send(
            {
                "do": "start",
                "peer": self.contender.peer,
                "threads": self.contender.threads,
                "options": options,
            }
        )
        return self.info

    @staticmethod
    def _listen(process: subprocess.Popen[str], replies: queue.Queue[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            replies.put(line)
        replies.put("")  # the end: the process is gone

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """One request, one reply; an error reply, a dead or a silent worker raises WorkerError."""
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self.start()
        return self._send({"do": do, **request})

    def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process is not None and process.stdin is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = self._replies.get(timeout=PATIENCE)
        except (BrokenPipeError, queue.Empty) as error:
            self.stop()
            raise WorkerError("no reply: the worker hung or died") from error
        if not line:
            status = process.wait()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no message"])[-1]
            self.stop()
            raise WorkerError(f"the worker died with status {status}: {last}")
        reply = dict(json.loads(line))
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply

    def threads_asleep(self) -> bool:
        """Whether every thread of the process sleeps now."""
        return self._process is None or self._process.poll() is not None or _asleep(self._process.pid)

    def stop(self) -> None:
        """Ends the process: end of input first, then by force."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.close()
            process.wait(timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
            process.wait()
        self._listener.join()
        process.stdout.close()
        self._errors.close()


class Team:
    """All workers of one thread count. Use as a context manager: nobody outlives it."""

    def __init__(self, module: str = "worker", malloc: Mapping[str, str] = MALLOC) -> None:
        self.workers: list[Worker] = []
        self._module, self._malloc = module, malloc

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.stop()

    def add(self, contender: Contender) -> Worker:
        """Starts one more worker; raises WorkerError if it cannot."""
        worker = Worker(contender, self._module, self._malloc)
        self.workers.append(worker)
        try:
            worker.start()
        except WorkerError:
            worker.stop()
            self.workers.remove(worker)
            raise
        return worker

    def wait_until_asleep(self, seconds: float = 1.0) -> bool:
        """Waits for the pools of those who have just worked, which spin a while, NumPy's in this process too
        (it computes the right answers); False if one never stops."""
        end = time.monotonic() + seconds
        quiet = 0
        while quiet < 3:
            mine = _asleep(os.getpid(), but=threading.get_native_id())
            quiet = quiet + 1 if mine and all(worker.threads_asleep() for worker in self.workers) else 0
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True


def missing(peer: str) -> str:
    """How to get a peer that is not installed."""
    return f"{peer} (pip install {PEERS[peer][1]})"
