# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A total time and size for one exchange, kept at every single wait for the network.

A timeout of a socket begins anew with every byte, so a server that sends one byte every few seconds, or one
``100 Continue`` after the other, could hold its caller for ever. Here every wait - for a name, a connection,
room to send, the next byte - lasts at most as long as the exchange has left, and ends soon after a stop.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPResponse
from typing import Any

from airflow_provider_tiktok.conversions.http.messages import AnswerLost

STOP_GRACE_S = 5.0
"""How long an answer under way is waited for once the run is told to stop."""

_SLICE_S = 0.25
_PIECE_BYTES = 65_536


class Overdue(TimeoutError):
    """The exchange has no time left."""


class Deadline:
    """What one exchange has left.

    :param total_s: for everything: name, connection, request and answer.
    :param connect_s: for the name and the connection, all addresses of the host together.
    :param silence_s: longest time in which nothing moves.
    :param max_bytes: of all that comes in, heads and the lengths of chunks included; ``None`` for no bound.
    :param stop: once set, the exchange has a few seconds left.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        total_s: float,
        *,
        connect_s: float,
        silence_s: float,
        max_bytes: int | None = None,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._ends = clock() + total_s
        self._total_s = total_s
        self._connect_s = connect_s
        self._silence_s = silence_s
        self._bytes_left = max_bytes
        self._stop = stop
        self._is_stopping = False

    @property
    def is_stopping(self) -> bool:
        """Whether the run ended itself."""
        return self._is_stopping

    @property
    def reason(self) -> str | None:
        """Why there is no time left; ``None`` where there is."""
        if self._clock() < self._ends:
            return None
        return "told to stop" if self._is_stopping else f"no whole answer within {self._total_s:g} s"

    def left_s(self) -> float:
        """Seconds left, more than 0.

        :raises Overdue: there are none.
        """
        now = self._clock()
        if not self._is_stopping and self._stop is not None and self._stop.is_set():
            self._is_stopping = True
            self._ends = min(self._ends, now + STOP_GRACE_S)
        if now >= self._ends:
            raise Overdue
        return self._ends - now

    def move(self, sock: Any, step: Callable[[], int]) -> int:
        """How many bytes the step on the socket moved, waited for in short pieces.

        :raises TimeoutError: the time of the exchange is over, or nothing moved for too long.
        """
        silent_at = self._clock() + self._silence_s
        while True:
            sock.settimeout(min(_SLICE_S, self.left_s(), max(silent_at - self._clock(), 0.001)))
            try:
                return step()
            except TimeoutError as error:
                # With a number it is the system that has given the connection up.
                if error.errno is not None or self._clock() >= silent_at:
                    raise

    def receive(self, sock: Any, buffer: Any) -> int:
        """How many bytes came into the buffer; 0 at their end.

        :raises AnswerLost: more came than the exchange may take.
        """
        count = self.move(sock, partial(sock.recv_into, buffer))
        if self._bytes_left is not None:
            self._bytes_left -= count
            if self._bytes_left < 0:
                raise AnswerLost("reply too long")
        return count

    def dial(self, connect: Callable[[], socket.socket]) -> socket.socket:
        """The connection that ``connect`` opens.

        Looking a name up can be neither bounded nor interrupted, so a thread of its own does it; where it is
        late, nobody waits for it.

        :raises TimeoutError: there was none in time.
        """
        dialling = _Dialling(connect)
        late_at = self._clock() + self._connect_s
        try:
            while not dialling.done.wait(min(_SLICE_S, self.left_s(), max(late_at - self._clock(), 0.001))):
                if self._clock() >= late_at:
                    raise TimeoutError
        except BaseException:
            dialling.abandon()
            raise
        return dialling.result()


class _Dialling:
    """One attempt to connect, in a thread that nobody needs to wait for."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self.done = threading.Event()
        self._connect = connect
        self._lock = threading.Lock()
        self._is_abandoned = False
        self._sock: socket.socket | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="connect", daemon=True).start()

    def result(self) -> socket.socket:
        if self._error is not None:
            raise self._error
        assert self._sock is not None  # noqa: S101  done without an error
        return self._sock

    def abandon(self) -> None:
        with self._lock:
            self._is_abandoned = True
            if self._sock is not None:
                self._sock.close()

    def _run(self) -> None:
        try:
            sock = self._connect()
        except BaseException as error:  # raised where it is waited for
            self._error = error
        else:
            with self._lock:
                self._sock = sock
                if self._is_abandoned:
                    sock.close()
        self.done.set()


_current = threading.local()


def keep(deadline: Deadline | None) -> None:
    """From now on the exchanges of this thread have what this deadline leaves; ``None``: all the time."""
    _current.deadline = deadline


def _kept() -> Deadline | None:
    return getattr(_current, "deadline", None)


class _Reader(io.RawIOBase):
    """The receiving side of a socket, where every read keeps the deadline of its thread."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        # Holds the socket open while the answer is read, as the file that http.client makes does.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._file.fileno()
        return number

    def readinto(self, buffer: Any, /) -> int | None:
        deadline = _kept()
        if deadline is None:
            count: int | None = self._file.readinto(buffer)
            return count
        return deadline.receive(self._sock, buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Wire:
    """What http.client reads an answer from."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock), _PIECE_BYTES)


class PatientResponse(HTTPResponse):
    """An answer whose head and body are read within the deadline, a proxy's answer included."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(_Wire(sock), *args, **kwargs)  # type: ignore[arg-type]  # it asks for a file only


class PatientConnection:
    """Goes before a connection class of urllib3, whose waits then keep the deadline of their thread."""

    response_class = PatientResponse
    sock: Any
    auto_open: int

    def _new_conn(self) -> socket.socket:
        """A connected socket; the one place that urllib3 leaves to others (its SOCKS connections do so)."""
        from urllib3.exceptions import ConnectTimeoutError

        connect: Callable[[], socket.socket] = super()._new_conn  # type: ignore[misc]
        deadline = _kept()
        if deadline is None:
            return connect()
        try:
            return deadline.dial(connect)
        except TimeoutError:
            raise ConnectTimeoutError(self, "no connection in time") from None

    def send(self, data: Any) -> None:
        """The data is on its way, as far as the deadline allows."""
        deadline = _kept()
        is_closed = self.sock is None and not self.auto_open
        if deadline is None or is_closed or not isinstance(data, bytes | bytearray | memoryview):
            super().send(data)  # type: ignore[misc]
            return
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[deadline.move(self.sock, partial(self.sock.send, rest)) :]


def make_patient(manager: Any) -> None:
    """From now on the manager's connections keep deadlines, whatever kind of proxy it is for."""
    manager.pool_classes_by_scheme = {
        scheme: _patient_pool(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _patient_pool(pool: Any) -> Any:
    connection = pool.ConnectionCls
    if issubclass(connection, PatientConnection):
        return pool
    patient = type(f"Patient{connection.__name__}", (PatientConnection, connection), {})
    return type(f"Patient{pool.__name__}", (pool,), {"ConnectionCls": patient})
