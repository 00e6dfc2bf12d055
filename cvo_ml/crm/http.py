"""The one HTTP client: to hosts that were named, by the address that was checked, and never a step further.

* An address is read strictly: https (http on this machine alone, where that is declared), a host of the allow-list, no
  user, no password, no sign that another reader could take for something else.
* The name is resolved once; the addresses that came of it are checked, and the connection goes to one of those. A name
  that points into this network, or to the service that hands out a cloud machine's credentials, is refused.
* No redirect is followed, no proxy of the environment is used, no answer is read beyond its cap, and the whole call has
  a deadline, however slowly the other side speaks.

Texts name the host alone: the path of a webhook is its key.
"""

from __future__ import annotations

import contextlib
import importlib
import ipaddress
import json
import re
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from cvo_ml.config.addresses import AllowedHosts
from cvo_ml.core.errors import PartlyDone, UsageError
from cvo_ml.core.result import Json
from cvo_ml.core.secrets import Secret

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Scheme, host, port, path with query: signs of which every reader makes the same.
_ADDRESS: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?)(?P<query>(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)"
)
_LOCATION: Final = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@\s]*@)?([A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?)(?=[/?#]|$)"
)
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")
_PORTS: Final = {"https": 443, "http": 80}
#: Hands out credentials to whoever asks from inside; the others lie in the link-local range, which is always refused.
_METADATA: Final = frozenset({ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")})
#: IPv6 addresses that carry an IPv4 address in their last 32 bits.
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class NotAnswered(PartlyDone):
    """The other side was not reached, or gave no answer that can be used."""


@dataclass(frozen=True)
class Patience:
    """Seconds until a connection, a silence and a whole call count as failed, and bytes of an answer that are read."""

    connect: float = 5.0
    silence: float = 10.0
    call: float = 30.0
    most_bytes: int = 1 << 20


@dataclass(frozen=True)
class Target:
    """A checked address."""

    scheme: str
    host: str
    port: int
    rest: Secret
    is_internal: bool

    @property
    def shown(self) -> str:
        """What a text may say of it."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """What came back.

    Parameters
    ----------
    points_to:
        The host that a redirect names; it was not followed.
    body:
        None where nobody wanted it.
    """

    status: int
    points_to: str = ""
    content_type: str = ""
    body: bytes | None = field(default=None, repr=False)

    @property
    def is_success(self) -> bool:
        """A 2xx to this very request."""
        return 200 <= self.status < 300

    def json(self, host: str) -> Json:
        """The body as JSON.

        Raises
        ------
        NotAnswered
            If it is none, such as a page for people.
        """
        try:
            value: Json = json.loads(self.body or b"")
        except (ValueError, RecursionError):
            kind = self.content_type.partition(";")[0].strip() or "no JSON"
            raise NotAnswered(f"{host}: answered {self.status} with {kind} where JSON was due: try again") from None
        return value


def target_of(address: Secret, allowed: AllowedHosts, what: str, remedy: str) -> Target:
    """An address that may be called.

    Parameters
    ----------
    what:
        Where the address stands, such as ``--webhook``: for messages.
    remedy:
        Where hosts are allowed, such as ``webhooks of the monitoring policy``.

    Raises
    ------
    UsageError
        If it is no plain https address, or its host is not allowed.
    """
    text = address.reveal()
    found = _ADDRESS.fullmatch(text)
    if "@" in re.split(r"[/?#]", text.partition("://")[2])[0]:
        raise UsageError(f"{what}: an address with a user or a password is refused: send a key in a header or the path")
    if not text.isascii():
        raise UsageError(f"{what}: the address has signs beyond ASCII: write the host as xn--... and the rest as %XX")
    if found is None or found["scheme"] not in _PORTS:
        raise UsageError(f"{what}: is no https address: write one such as https://hooks.example.com/path")
    scheme, host = found["scheme"], found["host"].lower()
    port = int(found["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise UsageError(f"{what}: there is no port {port}: use 1 to 65535")
    named = {host, f"{host}:{port}"} if port == _PORTS[scheme] else {f"{host}:{port}"}
    is_internal = bool(named & set(allowed.internal))
    if not is_internal and not named & set(allowed.hosts):
        shown = f"{host}:{port}" if len(named) == 1 else host
        raise UsageError(f"{what}: host {shown!r} is not allowed: add it to hosts under {remedy}")
    if scheme == "http" and not is_internal:
        raise UsageError(f"{what}: http is for a declared host on this machine alone: use https")
    return Target(scheme, host, port, Secret((found["path"] or "/") + found["query"]), is_internal)


class HttpClient:
    """Calls to allowed hosts.

    Raises
    ------
    UsageError
        If the package httpx is missing.
    """

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._httpx, self._httpcore = _package("httpx"), _package("httpcore")

    def post_json(
        self, target: Target, body: Json, headers: Mapping[str, Secret] | None = None, *, read: bool = True
    ) -> Answer:
        """POST a JSON document, once.

        Parameters
        ----------
        headers:
            Such as a key; names and values are checked.
        read:
            Whether the body of the answer is wanted.

        Raises
        ------
        UsageError
            If a header is none, or the host's name leads where nobody may send.
        NotAnswered
            If there is no answer in time, or one too large.
        """
        own = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "cvo-ml"}
        sent = own | {_header(name, value.reveal()): value.reveal() for name, value in (headers or {}).items()}
        url = f"{target.scheme}://{target.host}:{target.port}{target.rest.reveal()}"
        failures = (self._httpx.HTTPError, self._httpcore.NetworkError, self._httpcore.TimeoutException,
                    self._httpcore.ProtocolError, OSError)  # fmt: skip
        direct = _Direct(self._httpx, self._httpcore, target, self._patience, read)
        limits = self._httpx.Timeout(self._patience.silence, connect=self._patience.connect)
        try:
            with self._httpx.Client(transport=direct, trust_env=False, timeout=limits) as client:
                got = client.post(url, content=json.dumps(body).encode(), headers=sent, follow_redirects=False)
        except failures as error:
            raise NotAnswered(f"{target.shown}: {_reason(error)}: look whether it runs, and try again") from None
        kind, points_to = got.headers.get("content-type", ""), _host_of(got.headers.get("location", ""))
        return Answer(got.status_code, points_to, kind, got.content if read else None)


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UsageError("to send needs the package httpx: install cvo-ml[crm]") from None


class _Direct:
    """A transport of httpx: one connection to a checked address, of whose answer no more is read than is wanted."""

    def __init__(self, httpx: Any, httpcore: Any, target: Target, patience: Patience, read: bool) -> None:
        self._httpx, self._httpcore = httpx, httpcore
        self._target, self._most, self._read = target, patience.most_bytes, read
        backend = _Checked(httpcore, target, time.monotonic() + patience.call)
        context = httpx.create_ssl_context()
        self._pool = httpcore.ConnectionPool(context, max_connections=1, retries=0, network_backend=backend)

    def __enter__(self) -> _Direct:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        self._pool.close()

    def handle_request(self, request: Any) -> Any:
        place = request.url
        url = self._httpcore.URL(
            scheme=place.raw_scheme, host=place.raw_host, port=place.port, target=place.raw_path
        )  # fmt: skip
        got = self._pool.handle_request(
            self._httpcore.Request(
                request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
            )
        )
        try:
            body = b"".join(self._capped(got.iter_stream())) if self._read else b""
        finally:
            got.close()
        # only what is used, so that nothing is decompressed
        kept = [(name, value) for name, value in got.headers if name.lower() in (b"location", b"content-type")]
        return self._httpx.Response(got.status, headers=kept, content=body)

    def _capped(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        seen = 0
        for chunk in chunks:
            seen += len(chunk)
            if seen > self._most:
                raise NotAnswered(
                    f"{self._target.shown}: its answer is longer than {self._most:,} bytes: it was not read"
                )
            yield chunk


class _Checked:
    """A network backend of httpcore: connects to an address that was checked, whatever the name says a moment later."""

    def __init__(self, httpcore: Any, target: Target, deadline: float) -> None:
        self._httpcore, self._target, self._deadline = httpcore, target, deadline

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: object = None,
    ) -> _Timed:  # fmt: skip
        *others, last = resolved_addresses(self._target)
        for address in others:
            with contextlib.suppress(self._httpcore.ConnectError, self._httpcore.ConnectTimeout):
                return self._connected(address, port, timeout)
        return self._connected(last, port, timeout)

    def _connected(self, address: IpAddress, port: int, timeout: float | None) -> _Timed:
        limit = _left(self._httpcore.ConnectTimeout, self._deadline, timeout)
        inner = self._httpcore.SyncBackend().connect_tcp(str(address), port, timeout=limit)
        return _Timed(self._httpcore, inner, self._deadline)


class _Timed:
    """A network stream of httpcore that is over at the deadline, however slowly the other side speaks."""

    def __init__(self, httpcore: Any, inner: Any, deadline: float) -> None:
        self._httpcore, self._inner, self._deadline = httpcore, inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        found: bytes = self._inner.read(max_bytes, _left(self._httpcore.ReadTimeout, self._deadline, timeout))
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._httpcore.WriteTimeout, self._deadline, timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> _Timed:
        limit = _left(self._httpcore.ConnectTimeout, self._deadline, timeout)
        return _Timed(self._httpcore, self._inner.start_tls(ssl_context, server_hostname, limit), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def resolved_addresses(target: Target) -> list[IpAddress]:
    """What the host's name stands for now, all of it where one may send.

    Raises
    ------
    UsageError
        If it leads into this network, or to a service of the machine's own that nobody may reach through a name.
    OSError
        If there is no such host.
    """
    found = socket.getaddrinfo(target.host.strip("[]"), target.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
    for address in addresses:
        if not _may_reach(address, target):
            raise UsageError(
                f"{target.shown}: its name leads to {_place(address)}, where nothing is sent: name another host, or "
                "allow it under internal if that is meant"
            )
    return addresses


def _may_reach(address: IpAddress, target: Target) -> bool:
    plain = _carried(address)
    if plain.is_link_local or plain.is_multicast or plain.is_unspecified or plain in _METADATA:
        return False
    if plain.is_reserved and not plain.is_loopback:
        return False
    if target.scheme == "http":
        return plain.is_loopback
    return plain.is_global or (target.is_internal and (plain.is_loopback or plain.is_private))


def _carried(address: IpAddress) -> IpAddress:
    """The IPv4 address inside an IPv6 one, where it only carries that."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _place(address: IpAddress) -> str:
    plain = _carried(address)
    if plain.is_loopback:
        return "this machine"
    return "this network" if plain.is_private and not plain.is_link_local else "a reserved address"


def _left(late: type[Exception], deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise late
    return left if timeout is None else min(left, timeout)


def _header(name: str, value: str) -> str:
    if not _HEADER.fullmatch(name) or not value.isascii() or not value.isprintable():
        raise UsageError(f"header {name!r} holds signs that no header may: check the value that it is made of")
    return name


def _host_of(location: str) -> str:
    """The host of a redirect, where it can be said."""
    found = _LOCATION.match(location)
    return found[1] if found else ""


def _reason(error: Exception) -> str:
    """What went wrong, in words that repeat nothing of the address."""
    kind = type(error).__name__
    if "Timeout" in kind:
        return "did not answer in time"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, ssl.SSLError) or "SSL" in str(error) or "CERTIFICATE" in str(error).upper():
        return "its certificate is not valid, or it does not speak TLS"
    if "Connect" in kind or isinstance(error, ConnectionRefusedError):
        return "cannot be reached"
    return "ended the connection before it had answered"
