"""Runs a function in a process of its own, with limits: whatever becomes of it, the caller goes on."""

import multiprocessing
import resource
import signal
from collections.abc import Callable
from typing import Any


class Stopped(Exception):
    """The process gave no answer; the message says what became of it."""


def call(function: Callable[..., Any], *arguments: Any, seconds: float, gigabytes: float = 8.0) -> Any:
    """What the function returns, computed in a fork, so that nothing is imported again."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(function, arguments, sender, gigabytes))
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            raise Stopped(f"no answer within {seconds:.0f} s")
        good, value = receiver.recv()
    except EOFError:
        process.join(5)
        raise Stopped(f"the process ended with {ending(process.exitcode)}") from None
    finally:
        process.kill()
        process.join()
        receiver.close()
    if not good:
        raise Stopped(value)
    return value


def work(function: Callable[..., Any], arguments: tuple, sender, gigabytes: float) -> None:
    soft = int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, soft))
    try:
        sender.send((True, function(*arguments)))
    except BaseException as error:  # noqa: BLE001 - what went wrong is told, not raised here
        lines = str(error).strip().splitlines()
        sender.send((False, f"{type(error).__name__}: {lines[0] if lines else ''}"))
    finally:
        sender.close()


def ending(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
