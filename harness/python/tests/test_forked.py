"""Whatever becomes of one process, the caller and the others go on, and it is told what became of it."""

import gc
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from touchstone import forked
from touchstone.forked import Limits

ROOT = Path(forked.__file__).parents[1]


def raise_value_error():
    raise ValueError("first line\nsecond")


def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)


def leave():
    os._exit(3)


def compute():
    while True:
        pass


def take_much():
    return len(bytes(3 * 2**30))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (raise_value_error, "^ValueError: first line$"),
        (lambda: sys.exit("enough"), "^SystemExit: enough$"),
        (kill_itself, "^the process ended with SIGKILL$"),
        (leave, "^the process ended with exit code 3$"),
        (lambda: time.sleep(60), "^no answer within 1 s$"),
        (compute, "^no answer within 1 s of processor time$"),
        (lambda: (lambda: 1), "pickle"),
    ],
    ids=["raises", "exits", "crashes", "leaves", "hangs", "computes for ever", "answers what cannot be sent"],
)
def test_a_failure_is_told(function, message, monkeypatch):
    monkeypatch.setattr(forked, "WAIT", 60.0 if function is compute else 1.0)
    with pytest.raises(forked.Stopped, match=message):
        forked.call(function, seconds=1)


def test_too_much_memory_is_told_with_the_limit():
    with pytest.raises(forked.Stopped, match=r"^out of memory \(limit 2 GiB\): MemoryError$"):
        forked.call(take_much, seconds=30, gigabytes=2)


@pytest.mark.parametrize(
    ("error", "is_so"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_every_allocator_is_understood(error, is_so):
    assert forked.is_out_of_memory(error) is is_so


class Left:
    """Waits for ever if it is collected by a child."""

    owner = os.getpid()

    def __del__(self):
        if os.getpid() != self.owner:
            time.sleep(60)


@pytest.mark.parametrize(("child_makes_it", "collected"), [(False, 0), (True, 2)])
def test_a_child_collects_only_what_it_made(child_makes_it, collected):
    def make():
        left = Left() if not child_makes_it else type("Made", (), {})()
        left.itself = [left]

    def collect():
        gc.collect()
        if child_makes_it:
            make()
        return gc.collect()

    gc.disable()
    try:
        if not child_makes_it:
            make()
        assert forked.call(collect, seconds=5) >= collected
    finally:
        gc.enable()


def test_an_answer_comes_back():
    assert forked.call(divmod, 7, 2, seconds=30) == (3, 1)


def test_an_answer_may_be_larger_than_a_pipe():
    assert forked.call(bytes, 10**7, seconds=30) == bytes(10**7)


def test_nothing_is_left_behind_by_one_that_was_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def litter():
        Path(tempfile.mkdtemp(), "file").write_text("x")
        kill_itself()

    with pytest.raises(forked.Stopped):
        forked.call(litter, seconds=30)
    assert list(tmp_path.iterdir()) == []


def test_what_a_library_prints_is_no_report(capfd):
    def chatter():
        print("chatter")
        os.write(1, b"more chatter\n")

    print("report", flush=True)
    forked.call(chatter, seconds=30)
    told = capfd.readouterr()
    assert told.out == "report\n"
    assert "chatter\n" in told.err and "more chatter\n" in told.err


def nap(seconds: float) -> float:
    if seconds < 0:
        kill_itself()
    time.sleep(seconds)
    return seconds


@pytest.mark.parametrize(
    ("jobs", "told"),
    [(1, [0.6, "SIGKILL", 0.0, "no answer within 2 s"]), (4, ["SIGKILL", 0.0, 0.6, "no answer within 2 s"])],
)
def test_several_are_told_as_they_end(jobs, told, monkeypatch):
    monkeypatch.setattr(forked, "WAIT", 1.0)
    found = []
    for task, answer, seconds in forked.each(nap, [0.6, -1.0, 0.0, 60.0], jobs, Limits(seconds=2)):
        try:
            found.append(answer())
            assert found[-1] == task
        except forked.Stopped as stopped:
            found.append(str(stopped).removeprefix("the process ended with "))
        assert seconds < 10
    assert sorted(found, key=str) == sorted(told, key=str)
    assert found == told or jobs > 1 and found[-2:] == told[-2:]


def test_who_stops_asking_leaves_no_process_behind():
    tasks = forked.each(lambda seconds: (time.sleep(seconds), os.getpid())[1], [0.0, 60.0, 60.0], 3, Limits(seconds=100))
    _, answer, _ = next(tasks)
    answer()
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text().split() if children.exists() else []
    tasks.close()
    assert len(before) in (0, 2)
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists()]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_a_child_dies_with_its_parent():
    program = """
        import os, time
        from touchstone import forked
        def work():
            os.write(2, f"{os.getpid()}\\n".encode())
            time.sleep(60)
        forked.call(work, seconds=60)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    child = int(parent.stderr.readline())
    parent.kill()
    parent.wait()
    parent.stderr.close()
    until = time.monotonic() + 10
    while time.monotonic() < until and is_alive(child):
        time.sleep(0.05)
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
