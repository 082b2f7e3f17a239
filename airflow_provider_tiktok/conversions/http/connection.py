# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Real connections, and the reading of their faults.

No body, header or query is ever logged or put into an error's text.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.client import HTTPException
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.http.deadline import Deadline, keep, make_patient
from airflow_provider_tiktok.conversions.http.messages import (
    AnswerLost,
    HttpReply,
    HttpRequest,
    NotSent,
    TransportError,
)
from airflow_provider_tiktok.conversions.http.unfolding import unfold

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

_log = logging.getLogger(__name__)

_MAX_HEAD_BYTES = 1_000_000
"""Of the head of an answer, and of what stands between its chunks."""


class RequestsTransport:
    """Sends over HTTP with kept-alive connections; safe to share between threads.

    Every thread that sends borrows a session of its own, since a session is not made for two at once; there
    are as many as requests were ever in flight together. Certificates are always verified, redirects
    never followed (they would carry a token to another host), nothing is retried here, cookies and
    ``.netrc`` are not used.

    Whatever the environment says, requests to this machine go through no proxy: it would be handed their
    tokens in clear.

    :param connect_timeout_s: seconds for finding the host and connecting to it; as many again for TLS.
    :param read_timeout_s: longest silence of the server while it is sent to and while it answers.
    :param total_timeout_s: seconds for the whole exchange; one that is not over then counts as lost.
        ``None``: what connecting and two silences may take.
    :param max_reply_bytes: a longer reply counts as lost; of a compressed one, what comes out counts.
    :param trust_env: whether proxies and certificate bundles named in the environment are used.
    :param stop: once set, an exchange under way has a few seconds left.
    """

    def __init__(
        self,
        *,
        connect_timeout_s: float = 10.0,
        read_timeout_s: float = 30.0,
        total_timeout_s: float | None = None,
        max_reply_bytes: int = 10_000_000,
        trust_env: bool = True,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._total_s = connect_timeout_s + 2 * read_timeout_s if total_timeout_s is None else total_timeout_s
        self._max_reply_bytes = max_reply_bytes
        self._trust_env = trust_env
        self._stop = stop
        self._clock = clock
        self._idle: deque[Session] = deque()
        self._settings: dict[tuple[str, str], Mapping[str, Any]] = {}

    def __call__(self, request: HttpRequest, /) -> HttpReply:
        """The reply, whatever its status."""
        started = self._clock()
        outcome = self._send(request)
        seconds = self._clock() - started
        if isinstance(outcome, Exception):
            _log.debug("%s: %s in %.3f s", request.shown, type(outcome).__name__, seconds)
            raise outcome
        _log.debug("%s: HTTP %d in %.3f s", request.shown, outcome.status, seconds)
        return outcome

    def __repr__(self) -> str:
        return f"RequestsTransport(timeouts_s={self._timeouts_s})"

    def close(self) -> None:
        """Closes the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _send(self, request: HttpRequest) -> HttpReply | TransportError | ConfigurationError:
        """The reply or the fault.

        A fault is returned so that it is raised outside the ``except``: as its context, the library's own
        error would carry the whole address into every traceback.
        """
        from urllib3.exceptions import HTTPError

        deadline = self._start()
        try:
            with self._borrowed_session() as session, _unseen_by_urllib3_logs(), _keeping(deadline):
                return self._ask(session, request)
        except (AnswerLost, OSError, ValueError, HTTPException, HTTPError) as error:
            fault = read_fault(error)
        is_late = isinstance(fault, AnswerLost) and deadline.reason is not None
        return AnswerLost(str(deadline.reason), is_stop=deadline.is_stopping) if is_late else fault

    def _start(self) -> Deadline:
        connect_s, read_s = self._timeouts_s
        return Deadline(
            self._total_s,
            connect_s=connect_s,
            silence_s=read_s,
            max_bytes=self._max_reply_bytes + _MAX_HEAD_BYTES,
            stop=self._stop,
            clock=self._clock,
        )

    def _ask(self, session: Session, request: HttpRequest) -> HttpReply:
        from requests import Request

        prepared = session.prepare_request(
            Request(
                request.method,
                request.url,
                params=list(request.params),
                data=request.body,
                headers=dict(request.headers),
            )
        )
        settings = self._settings_of(session, prepared)
        with session.send(
            prepared, timeout=self._timeouts_s, allow_redirects=False, stream=True, **settings
        ) as response:
            body = _read_body(response, max_bytes=self._max_reply_bytes)
            return HttpReply(status=response.status_code, headers=dict(response.headers), body=body)

    def _settings_of(self, session: Session, prepared: PreparedRequest) -> Mapping[str, Any]:
        """Proxies and certificate bundle for a request. The environment is read once for each server.

        Reading it takes about as long as all that requests does otherwise.
        """
        parts = urlsplit(prepared.url or "")
        server = (parts.scheme, parts.netloc)
        settings = self._settings.get(server)
        if settings is None:
            told = session.merge_environment_settings(prepared.url or "", {}, None, None, None)
            settings = self._settings[server] = {name: told[name] for name in ("proxies", "verify")}
        return settings

    @contextmanager
    def _borrowed_session(self) -> Iterator[Session]:
        try:
            session = self._idle.pop()
        except IndexError:
            session = _open_session(trust_env=self._trust_env)
        try:
            yield session
        finally:
            self._idle.append(session)


def _open_session(*, trust_env: bool) -> Session:
    from http.cookiejar import DefaultCookiePolicy

    from requests import Session

    session = Session()
    session.trust_env = trust_env
    session.verify = True
    session.auth = _leave_as_it_is  # any authentication of ours keeps .netrc out
    session.headers["User-Agent"] = "airflow-provider-tiktok"
    session.headers["Accept-Encoding"] = "gzip, deflate"  # what can be unfolded here, and nothing else
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("https://", "http://"):
        session.mount(scheme, _adapter_class()(pool_connections=4, pool_maxsize=1, max_retries=0))
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_URLLIB3_FILTER)
    return session


@cache
def _adapter_class() -> Any:
    """Made when it is first needed: importing requests takes longer than parsing a DAG file should."""
    from requests.adapters import HTTPAdapter

    class PatientAdapter(HTTPAdapter):
        """Connections that keep deadlines; none to this machine goes through a proxy."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            make_patient(self.poolmanager)

        def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(proxy, **kwargs)
            make_patient(manager)
            return manager

        def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
            if is_this_machine(urlsplit(request.url or "").hostname or ""):
                kwargs["proxies"] = {}
            return super().send(request, *args, **kwargs)

    return PatientAdapter


_OWN_NAMES = frozenset({"localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback"})


def is_this_machine(host: str) -> bool:
    """Whether a host of an address is this machine by its very name or number, in whatever spelling."""
    name = host.lower().rstrip(".").strip("[]").partition("%")[0]
    if name in _OWN_NAMES or name.endswith(".localhost"):
        return True
    number = _as_number(name)
    mapped = getattr(number, "ipv4_mapped", None) or number
    return mapped is not None and (mapped.is_loopback or mapped.is_unspecified)


def _as_number(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        pass
    try:  # 127.1 and 0x7f000001, too, are addresses to the system
        return IPv4Address(socket.inet_aton(name))
    except (OSError, UnicodeEncodeError, ValueError):
        return None


def _leave_as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request


def _read_body(response: Response, *, max_bytes: int) -> bytes:
    folded = response.raw.stream(65_536, decode_content=False)
    return unfold(folded, encoding=response.headers.get("Content-Encoding", ""), max_bytes=max_bytes)


_sending = threading.local()


class _OwnRequestsUnseen(logging.Filter):
    """Keeps urllib3's debug lines about our requests out of logs: they hold the whole address."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_sending, "now", False)


_URLLIB3_FILTER = _OwnRequestsUnseen()


@contextmanager
def _unseen_by_urllib3_logs() -> Iterator[None]:
    _sending.now = True
    try:
        yield
    finally:
        _sending.now = False


@contextmanager
def _keeping(deadline: Deadline) -> Iterator[None]:
    keep(deadline)
    try:
        yield
    finally:
        keep(None)


# Names OpenSSL gives to faults that only occur before anything was sent.
_HANDSHAKE_FAULTS = frozenset(
    {
        "CERTIFICATE_VERIFY_FAILED",
        "WRONG_VERSION_NUMBER",
        "UNSUPPORTED_PROTOCOL",
        "NO_PROTOCOLS_AVAILABLE",
        "NO_SHARED_CIPHER",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_UNRECOGNIZED_NAME",
    }
)


def read_fault(error: Exception) -> TransportError | ConfigurationError:
    """The fault without its text, which may hold the address, a header or a value.

    requests has one name for a refused connection and for a dropped answer, so the urllib3 error inside
    decides; one that is not known counts as a lost answer.
    """
    from urllib3 import exceptions as urllib3_errors

    if isinstance(error, AnswerLost):
        return error
    if _cannot_be_sent(error):
        return ConfigurationError(
            "Look for spaces, line breaks and letters outside ASCII in the connection, and at "
            f"HTTPS_PROXY and REQUESTS_CA_BUNDLE: the request cannot be sent ({type(error).__name__}), "
            "since its address, a header, the proxy or the certificate bundle of the environment is "
            "not valid."
        )
    inner = _unwrap(error)
    if type(inner).__name__ == "NameResolutionError":  # urllib3 has it since 2.0
        return NotSent("its name is not known")
    if isinstance(inner, urllib3_errors.NewConnectionError):
        return NotSent(_why_refused(inner))
    if isinstance(inner, urllib3_errors.ConnectTimeoutError):
        return NotSent("no connection in time")
    if isinstance(inner, urllib3_errors.ProxyError):
        return NotSent("the proxy did not connect")
    if _is_handshake_fault(inner):
        return NotSent(_why_no_handshake(inner))
    return AnswerLost(_LOST.get(type(inner).__name__, type(inner).__name__))


_LOST: Mapping[str, str] = {
    "ReadTimeoutError": "no answer in time",
    "ReadTimeout": "no answer in time",
    "ProtocolError": "the connection broke",
    "ConnectionError": "the connection broke",
    "ChunkedEncodingError": "the connection broke",
    "IncompleteRead": "the answer was cut short",
    "SSLError": "the encrypted connection broke",
}
"""Name of a fault to what it says to people."""


def _why_refused(error: BaseException) -> str:
    """Why there is no connection, in the system's own words, which hold no address."""
    cause = error.__cause__ or error.__context__
    number = cause.errno if isinstance(cause, OSError) else None
    return os.strerror(number).lower() if number else "no connection"


def _why_no_handshake(error: BaseException) -> str:
    reason = getattr(error.args[0], "reason", "")
    if reason == "CERTIFICATE_VERIFY_FAILED":
        return "its certificate is not trusted"
    return "it does not speak https" if reason == "WRONG_VERSION_NUMBER" else "no encryption in common"


def _cannot_be_sent(error: Exception) -> bool:
    from requests import exceptions as requests_errors

    # A missing certificate bundle is a bare OSError without a number: faults of sockets have one. A header
    # outside Latin-1 fails in http.client before the first byte leaves.
    is_bundle_missing = type(error) is OSError and error.errno is None
    return is_bundle_missing or isinstance(
        error,
        (
            requests_errors.InvalidURL,
            requests_errors.InvalidHeader,
            requests_errors.InvalidSchema,
            requests_errors.MissingSchema,
            UnicodeEncodeError,
        ),
    )


def _unwrap(error: BaseException) -> BaseException:
    """The urllib3 error inside a requests error, or the error itself."""
    inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error
    reason = getattr(inner, "reason", None)
    return reason if isinstance(reason, BaseException) else inner


def _is_handshake_fault(error: BaseException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, ssl.SSLError) and getattr(cause, "reason", None) in _HANDSHAKE_FAULTS
