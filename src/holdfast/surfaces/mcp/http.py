"""The protocol over streamable HTTP: any number of clients, on this machine unless a token guards it.

A web page that a person visits can send requests to this machine. So the names in ``Host`` and ``Origin`` must be
those of this machine, or those that were allowed; beyond this machine a bearer token is needed.
"""

from __future__ import annotations

import hmac
import ipaddress
import signal
import socket
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import PlainTextResponse

from holdfast.errors import InvalidField

if TYPE_CHECKING:
    from mcp.server.lowlevel.server import Server
    from starlette.types import ASGIApp, Receive, Scope, Send

PATH: Final = "/mcp"
TOKEN_CHARS: Final = 16
"""The least that a token may have: a short one can be tried out."""
BODY_BYTES: Final = 16_000_000
"""The longest request that is taken: as over standard input."""
_BACKLOG: Final = 128
_END_S: Final = 3
_LOCAL: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen.

    Attributes:
        hosts: Further names in ``Host`` and ``Origin`` that are let in.
        token: What every request must show; none where None.
    """

    host: str
    port: int
    hosts: tuple[str, ...] = ()
    token: str | None = None

    @property
    def is_local(self) -> bool:
        """Nobody beyond this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def address(text: str, *, hosts: Sequence[str] = (), token: str | None = None) -> Address:
    """What ``HOST:PORT`` means.

    Raises:
        InvalidField: it or a host cannot be read, the token is too short, or it is beyond this machine and has none.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise InvalidField(f"{text!r:.80} is not an address to listen on; expected HOST:PORT, such as 127.0.0.1:8321.")
    if token is not None and (len(token) < TOKEN_CHARS or not token.isascii() or not token.isprintable()):
        raise InvalidField(
            f"The bearer token has {len(token)} characters; expected at least {TOKEN_CHARS} printable ASCII ones, such "
            "as `openssl rand -hex 32` gives."
        )
    for name in hosts:
        if not name or "/" in name or not name.isascii() or any(char.isspace() for char in name):
            raise InvalidField(f"{name!r:.80} is not a name of a host; expected one such as memory.example.com.")
    made = Address(host, int(port), tuple(hosts), token)
    if not made.is_local and token is None:
        raise InvalidField(
            f"{host} can be reached from other machines, and no token guards the memory. Set HOLDFAST_MCP_TOKEN or "
            "give --token-file FILE; or listen on 127.0.0.1."
        )
    return made


async def serve(server: Server[Any], where: Address, listening: Callable[[str], None]) -> None:
    """Serve until a signal to end comes.

    Args:
        listening: Told the address of the server once it answers.

    Raises:
        InvalidField: the address cannot be listened on.
    """
    taken = _bound(where)
    port = int(taken.getsockname()[1])
    # The guard checks hosts itself: whole names, where the SDK's check takes what begins with one.
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=BODY_BYTES,
    )
    config = uvicorn.Config(
        Guard(app, where, port), log_level="warning", access_log=False, lifespan="on", ws="none",
        timeout_graceful_shutdown=_END_S, server_header=False,
    )  # fmt: skip
    shown = f"[{where.host}]" if ":" in where.host else where.host
    listening(f"http://{shown}:{port}{PATH}")
    with taken:
        await _Quiet(config).serve([taken])


class _Quiet(uvicorn.Server):
    """A server for which a signal to end is an end, not a failure."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        # Its own way raises the signal again, which would end the process before the space is closed.
        wanted = (signal.SIGINT, signal.SIGTERM) + ((signal.SIGHUP,) if sys.platform != "win32" else ())
        before = {number: signal.signal(number, self.handle_exit) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Guard:
    """Lets in requests that name this machine, or an allowed host, and show the token."""

    def __init__(self, app: ASGIApp, where: Address, port: int) -> None:
        self._app = app
        self._token = None if where.token is None else f"bearer {where.token}".encode()
        names = {*_LOCAL, *where.hosts} | ({f"[{where.host}]" if ":" in where.host else where.host})
        self._hosts = {f"{name}:{port}".lower() for name in names} | {name.lower() for name in names}
        self._origins = {f"{scheme}://{host}" for scheme in ("http", "https") for host in self._hosts}
        # Behind another name a token tells friend from foe; a page of a stranger cannot know it.
        self._any_host = not where.is_local and not where.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := self._refused(scope)) is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refused(self, scope: Scope) -> PlainTextResponse | None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        hosts = [value.decode("latin-1").lower() for value in headers.get(b"host", [])]
        if len(hosts) != 1 or (not self._any_host and hosts[0] not in self._hosts):
            return PlainTextResponse("This host is not served here; allow it with --allow-host.", 421)
        for value in headers.get(b"origin", []):
            if value.decode("latin-1").lower() not in self._origins:
                return PlainTextResponse("Pages of this origin are not let in; allow it with --allow-host.", 403)
        shown = headers.get(b"authorization", [])
        if self._token is not None and (len(shown) != 1 or not self._is_token(shown[0])):
            return PlainTextResponse("A bearer token is needed.", 401, {"WWW-Authenticate": "Bearer"})
        return None

    def _is_token(self, value: bytes) -> bool:
        scheme, _, token = value.partition(b" ")
        return self._token is not None and hmac.compare_digest(scheme.lower() + b" " + token.strip(), self._token)


def _bound(where: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((where.host, where.port))
        made.listen(_BACKLOG)
    except (OSError, UnicodeError) as error:
        made.close()
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidField(
            f"Cannot listen on {where.host}:{where.port}: {why}. Choose another address with --http HOST:PORT; port 0 "
            "takes a free one."
        ) from None
    return made
