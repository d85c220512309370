"""Copies of a process that has imported everything, one for each job: a fork takes milliseconds, TensorFlow seconds.

The standard library's fork server would do, but leaves a folder behind when it is killed, and imports the worker's own
program into every child.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

SOCKETS = 3


class Copies:
    """Makes a copy for each message on ``channel``, until that ends.

    A message carries three sockets: the copy's connection with the worker, which ``work`` is called with; what the copy
    writes its output to; and what the worker is told its exit code on (minus a signal's number), when it has ended.
    """

    def __init__(self, channel: socket.socket, work: Callable[[socket.socket], None]) -> None:
        self._channel = channel
        self._work = work
        self._endings: dict[int, socket.socket] = {}

    def serve(self) -> None:
        """Returns when the worker is gone; copies that run still see that themselves."""
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
        process = os.fork()
        if process == 0:
            self._be_copy(connection, output, ending)
        self._endings[process] = ending
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
            self._work(connection)
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
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
            # The worker may be gone.
            with self._endings.pop(process) as ending, suppress(OSError):
                ending.sendall(str(os.waitstatus_to_exitcode(status)).encode())
