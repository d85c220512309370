"""Copies of a process that has imported everything, one for each job: a fork takes milliseconds, TensorFlow seconds.

The standard library's fork server would do, but leaves a folder behind when it is killed, and imports the parent's own
program into every child. No library may have started threads when copies are made: their locks would stay held.

A copy talks with its parent over a socket. It is given one line of JSON, its specification; then nothing, and its end
means that the parent is gone. It says, one JSON object a line, ``{"process": …}`` when it is ready, and then whatever
its work says. :mod:`shared.runtime.nursery` is the parent's side.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson

SOCKETS = 3
_PARENT_GONE = 3
Send = Callable[[dict[str, Any]], None]
Work = Callable[[dict[str, Any], Send], None]


def serve_copies(work: Work) -> None:
    """Be copied for each job, until the parent is gone; standard input is its socket."""
    Copies(socket.socket(fileno=os.dup(0)), work).serve()


class Copies:
    """Makes a copy for each message on ``channel``, until that ends.

    A message carries three sockets: the copy's connection with its parent; what the copy writes its output to; and what
    the parent is told its exit code on (minus a signal's number), when it has ended.
    """

    def __init__(self, channel: socket.socket, work: Work) -> None:
        self._channel = channel
        self._work = work
        self._endings: dict[int, socket.socket] = {}

    def serve(self) -> None:
        """Returns when the parent is gone; copies that run still see that themselves."""
        signal.signal(signal.SIGCHLD, lambda _number, _frame: self._tell())
        # What was imported is never garbage: a copy's collector need not touch, and by that copy, its memory.
        gc.freeze()
        while True:
            _, descriptors, _, _ = socket.recv_fds(self._channel, 1, SOCKETS)
            if not descriptors:
                return
            self._copy(*(socket.socket(fileno=descriptor) for descriptor in descriptors))

    def _copy(self, connection: socket.socket, output: socket.socket, ending: socket.socket) -> None:
        # A copy that ends at once is told of only when it is known.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        try:
            process = os.fork()
            if process == 0:
                self._be_copy(connection, output, ending)
            self._endings[process] = ending
        except OSError as error:
            # No memory or no process was left: that one job's problem.
            output.sendall(f"no copy: {error}\n".encode())
            _tell_code(ending, -signal.SIGKILL)
        finally:
            connection.close()
            output.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})

    def _be_copy(self, connection: socket.socket, output: socket.socket, ending: socket.socket) -> None:
        code = 1
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            # So that it ends with all that it starts.
            os.setsid()
            for other in (self._channel, ending, *self._endings.values()):
                other.close()
            connection.set_inheritable(False)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
            output.close()
            _converse(connection, self._work)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            # Not as the process ends of which it is a copy.
            os._exit(code)

    def _tell(self) -> None:
        """Of all copies that have ended; what they had started ends, too."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            kill_group(process)
            _tell_code(self._endings.pop(process), os.waitstatus_to_exitcode(status))


def kill_group(process: int) -> None:
    """A copy, with all that it has started; it may be gone."""
    # macOS permits nobody to kill what has ended and was not waited for.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


def _tell_code(ending: socket.socket, code: int) -> None:
    # The parent may be gone.
    with ending, suppress(OSError):
        ending.sendall(str(code).encode())


def _converse(connection: socket.socket, work: Work) -> None:
    def send(message: dict[str, Any]) -> None:
        connection.sendall(orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")

    send({"process": os.getpid()})
    line = connection.makefile("rb").readline()
    if line:
        threading.Thread(target=_end_with_parent, args=(connection,), daemon=True).start()
        work(orjson.loads(line), send)


def _end_with_parent(connection: socket.socket) -> None:
    # Of a parent that was killed with something unread, the system says no end but a broken connection.
    with suppress(OSError):
        while connection.recv(4096):
            pass
    os._exit(_PARENT_GONE)
