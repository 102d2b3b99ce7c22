"""Runs functions in processes of their own, with limits: whatever becomes of one, the caller and the others go on."""

import contextlib
import ctypes
import faulthandler
import gc
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

#: Linux's `prctl(PR_SET_PDEATHSIG, …)`.
SIGNAL_WHEN_PARENT_DIES = 1
#: How many times its processor time a process may last.
WAIT = 8.0
#: What the allocators of Python, torch and ONNX Runtime say when there is no more.
NO_MEMORY = ("DefaultCPUAllocator", "not enough memory", "bad_alloc", "Failed to allocate memory", "Cannot allocate memory")


class Stopped(Exception):
    """The process gave no answer; the message says what became of it."""


@dataclass(frozen=True)
class Limits:
    """What one process may take."""

    #: Of processor time: how long that takes depends on who else is at work.
    seconds: float
    gigabytes: float = 8.0

    @property
    def patience(self) -> float:
        """How long the caller waits: a process that sleeps takes no processor time."""
        return self.seconds * WAIT


class Fork:
    """A function at work in a fork of this process, so that nothing is imported again."""

    def __init__(self, limits: Limits, function: Callable[..., Any], *arguments: Any) -> None:
        self.limits = limits
        self.started = time.monotonic()
        # A process that is killed cleans up nothing: what it leaves lies in here.
        self.folder = tempfile.mkdtemp(prefix="touchstone-")
        context = multiprocessing.get_context("fork")
        self.receiver, sender = context.Pipe(duplex=False)
        for stream in (sys.stdout, sys.stderr):
            # What is still in a buffer would be written twice.
            stream.flush()
        self.process = context.Process(target=work, args=(function, arguments, sender, self.folder, limits, os.getpid()))
        with uncollected():
            self.process.start()
        # The only writing end is the child's, so that its end can be seen.
        sender.close()

    def spent(self) -> float:
        return time.monotonic() - self.started

    def left(self) -> float:
        return max(0.0, self.limits.patience - self.spent())

    def answer(self) -> Any:
        """What the function returns; raises `Stopped` if it does not."""
        try:
            if not self.receiver.poll(self.left()):
                raise Stopped(f"no answer within {self.limits.patience:.0f} s")
            good, value = self.receiver.recv()
        except (EOFError, OSError):
            self.process.join(5)
            if self.process.exitcode == -signal.SIGXCPU:
                raise Stopped(f"no answer within {self.limits.seconds:.0f} s of processor time") from None
            raise Stopped(f"the process ended with {ending(self.process.exitcode)}") from None
        finally:
            self.close()
        if not good:
            raise Stopped(value)
        return value

    def close(self) -> None:
        """Ends the process, whatever it is doing, and clears up behind it."""
        self.process.kill()
        self.process.join()
        self.receiver.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def call(function: Callable[..., Any], *arguments: Any, seconds: float, gigabytes: float = 8.0) -> Any:
    """What the function returns, computed in a fork."""
    return Fork(Limits(seconds, gigabytes), function, *arguments).answer()


def each(function: Callable[[Any], Any], tasks: Iterable[Any], jobs: int, limits: Limits) -> Iterator[tuple[Any, Callable[[], Any], float]]:
    """Some tasks at once, each in a fork; as they end, each with what gives its answer and the seconds it took."""
    running: list[tuple[Any, Fork]] = []
    waiting = deque(tasks)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                task = waiting.popleft()
                running.append((task, Fork(limits, function, task)))
            ready = wait([fork.receiver for _, fork in running], min(fork.left() for _, fork in running))
            for task, fork in [(task, fork) for task, fork in running if fork.receiver in ready or not fork.left()]:
                running.remove((task, fork))
                yield task, fork.answer, fork.spent()
                # Whoever did not ask for the answer leaves no process behind.
                fork.close()
    finally:
        for _, fork in running:
            fork.close()


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """A child never collects what its parent left: that may wait for threads that no child has, as ONNX Runtime's sessions do."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def work(function: Callable[..., Any], arguments: tuple, sender: Connection, folder: str, limits: Limits, parent: int) -> None:
    """The child's side."""
    gc.freeze()
    gc.enable()
    confine(folder, limits, parent)
    try:
        sender.send((True, function(*arguments)))
    except BaseException as error:  # noqa: BLE001 - what went wrong is told, not raised here
        line = told(error)
        sender.send((False, f"out of memory (limit {limits.gigabytes:g} GiB): {line}" if is_out_of_memory(error) else line))
    finally:
        sender.close()


def confine(folder: str, limits: Limits, parent: int) -> None:
    """Takes what the child may not have."""
    limit = int(limits.gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    time_ = max(1, round(limits.seconds))
    resource.setrlimit(resource.RLIMIT_CPU, (time_, time_ + 5))
    # A crash is reported by its signal; a core file would be as large as the memory.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tempfile.tempdir = folder
    # What libraries print is not what the caller reports.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        faulthandler.enable()
    die_with(parent)


def die_with(parent: int) -> None:
    """Nobody waits for the answer once the caller is gone; only Linux can be asked for that."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(SIGNAL_WHEN_PARENT_DIES, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def told(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY)


def ending(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
