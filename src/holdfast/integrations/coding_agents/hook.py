"""The program that coding agents start: it hands an event to the resident process and prints what that answers.

It must start at once and never be in the way, so it imports nothing of Holdfast and little else, ends with 0 whatever
happens, and ends within the cap: an alarm sees to that. What a capture could not hand over it leaves in a folder, for
the resident to take up. `python -I -S hook.py AGENT EVENT` runs it as a file, without even the site packages.
"""

# ruff: noqa: PTH100, PTH102, PTH103, PTH104, PTH105, PTH109, PTH110, PTH111, PTH116, PTH117, PTH118, PTH120, PTH123, PTH208, SIM105
# pathlib and contextlib cost more to import than all that is done here.

from __future__ import annotations

import os
import sys
import time

BEGAN = time.monotonic()
VERSION = "0.1.0"
"""That of the package; a test compares them. Another one makes the resident give way to a new one."""
START_S, END_S = 0.05, 0.1
"""What the interpreter's own start and end may take of the cap; its start is looked up where the system tells it."""
LEAVE_S = 0.05
"""What it may take to leave a capture for later; the alarm would end that."""
CAP_MS = 500
PAYLOAD_BYTES = 8_000_000
CAPTURES = frozenset(("stop", "pre-compact", "session-end", "said", "messages"))
"""Events whose answer nobody waits for."""
SENT = ("HOLDFAST_", "XDG_", "CODEX_HOME", "CLAUDE_PROJECT_DIR", "CURSOR_PROJECT_DIR")
"""How the variables begin that the resident needs to know beside `HOME`."""
SECRET = ("_KEY", "_TOKEN")
"""How those of them end that are never written to a file."""
MOST_PENDING = 1_000
"""Captures that wait in files for a resident."""
_PATH_BYTES = 103
"""The longest path of a socket that every system takes."""
_OLDEST_S = 60.0
"""No hook is older: the system counts otherwise."""
OK, ANOTHER, BUSY = b"+", b"R", b""
_TRIES_S = 0.02


def identity() -> str:
    """What tells one installation of this file from another, or from itself after an upgrade."""
    path = os.path.abspath(__file__)
    try:
        return f"{VERSION} {path} {os.stat(path).st_mtime_ns}"
    except OSError:
        return f"{VERSION} {path}"


def hooks_folder(environment: dict[str, str]) -> str | None:
    """Where the spaces of coding agents are, and what the hooks note; None where the user has no home.

    `HOLDFAST_HOOKS_FOLDER`, else `agents` in Holdfast's data folder, as `holdfast.config.data_folder` finds it.
    """
    named = environment.get("HOLDFAST_HOOKS_FOLDER", "")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    data = environment.get("XDG_DATA_HOME", "")
    if not os.path.isabs(data):
        data = environment.get("LOCALAPPDATA", "") if sys.platform == "win32" else ""
    if not data:
        home = environment.get("HOME") or os.path.expanduser("~")
        if not os.path.isabs(home):
            return None
        data = os.path.join(home, "Library/Application Support" if sys.platform == "darwin" else ".local/share")
    return os.path.join(data, "holdfast", "agents")


def runtime_folder(environment: dict[str, str], name_bytes: int = 0) -> str | None:
    """A folder of this user alone for the socket, made where it is missing; None where there is none to be had.

    Args:
        name_bytes: Of the socket; where its path would be too long, the folder is one in `/tmp`.
    """
    base = environment.get("XDG_RUNTIME_DIR", "")
    folder = os.path.join(base, "holdfast") if os.path.isabs(base) else ""
    if not folder or len(os.fsencode(folder)) + 1 + name_bytes > _PATH_BYTES:
        folder = f"/tmp/holdfast-{os.getuid()}"
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return None
    state = os.lstat(folder)
    # Somebody else's folder, or one that others may write, could hold somebody else's socket.
    is_own = state.st_uid == os.getuid() and state.st_mode & 0o170077 == 0o040000
    return folder if is_own else None


def socket_path(folder: str, environment: dict[str, str]) -> str | None:
    """The socket of the resident that serves a folder of spaces."""
    from binascii import crc32

    name = f"hook-{crc32(os.fsencode(folder)):08x}.sock"
    runtime = runtime_folder(environment, len(name))
    return None if runtime is None else os.path.join(runtime, name)


def end_resident(environment: dict[str, str], wait_s: float = 5.0) -> bool:
    """Ask the resident to end, and wait until it has; whether there was one."""
    folder = hooks_folder(environment) if _has_sockets() else None
    path = None if folder is None else socket_path(folder, environment)
    ends = time.monotonic() + wait_s
    if path is None or _exchange(path, request("", "end", environment, b""), ends) is None:
        return False
    while os.path.exists(path) and time.monotonic() < ends:
        time.sleep(_TRIES_S)
    return True


def note(folder: str, event: str, why: str) -> None:
    """Leave the reason why nothing came of an event, for `holdfast doctor`."""
    import json

    path = os.path.join(folder, "state", "client.json")
    told = {"at_ms": time.time_ns() // 1_000_000, "event": event, "why": why}
    part = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with open(part, "w", encoding="utf-8") as file:
            json.dump(told, file)
        os.replace(part, path)
    except OSError:
        return


def request(agent: str, event: str, environment: dict[str, str], payload: bytes) -> bytes:
    """An event as it goes over the socket: fields with their lengths before them."""
    sent = [f"{name}={value}" for name, value in environment.items() if name == "HOME" or name.startswith(SENT)]
    try:
        folder = os.getcwd()
    except OSError:
        folder = "/"  # it is gone; most agents say themselves where they work
    fields = [identity(), agent, event, folder, *sent]
    head = b"\0".join(os.fsencode(field) for field in fields)
    return len(head).to_bytes(4, "big") + head + len(payload).to_bytes(4, "big") + payload


def main(arguments: list[str] | None = None) -> None:
    """Take the agent and the event from the arguments; end the process with 0, always."""
    try:
        _run(sys.argv[1:] if arguments is None else arguments, dict(os.environ))
    except BaseException:  # noqa: BLE001 the edge: nothing that goes wrong here may reach the agent
        pass
    os._exit(0)


def _run(arguments: list[str], environment: dict[str, str]) -> None:
    agent, event = [*arguments, "claude", "prompt"][:2] if len(arguments) != 1 else ("claude", arguments[0])
    if environment.get("HOLDFAST_HOOKS", "").lower() in ("off", "0", "no", "false"):
        return
    folder = hooks_folder(environment)
    if folder is None:
        return
    ends = time.monotonic() - _age_s() + max(_cap_ms(folder), 100) / 1000 - END_S
    _set_alarm(folder, event, ends)
    payload = _stdin(ends)
    if environment.get("HOLDFAST_HOOKS", "").lower() == "direct" or not _has_sockets():
        _end_in_time(folder, event, ends)
        _direct(agent, event, environment, payload)
        return
    path = socket_path(folder, environment)
    message = request(agent, event, environment, payload)
    if path is None:
        note(folder, event, "there is no private folder for the socket (XDG_RUNTIME_DIR, or /tmp/holdfast-UID)")
        return
    answer = _ask(path, message, folder, environment, ends - LEAVE_S)
    if answer is None:
        if event in CAPTURES:
            leave(folder, request(agent, event, without_secrets(environment), payload))
        note(folder, event, "the resident process did not answer within the cap; a first start takes a second")
    elif answer[:1] == OK and answer[1:]:
        _print(answer[1:])


def _cap_ms(folder: str) -> int:
    """The cap that the resident noted from the configuration."""
    try:
        with open(os.path.join(folder, "state", "cap-ms"), "rb") as file:
            return int(file.read(9))
    except (OSError, ValueError):
        return CAP_MS


def _age_s() -> float:
    """How long ago this process was begun: on a busy machine that is long before its first line runs."""
    try:
        with open("/proc/self/stat", "rb") as file:
            begun = int(file.read().rpartition(b")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        age_s = max(time.clock_gettime(time.CLOCK_BOOTTIME) - begun, 0.0)
    except (OSError, ValueError, IndexError, AttributeError):
        age_s = _OLDEST_S
    return age_s if age_s < _OLDEST_S else time.monotonic() - BEGAN + START_S


def _set_alarm(folder: str, event: str, ends: float) -> None:
    """Whatever hangs, end with 0 in time."""
    import signal

    if not hasattr(signal, "setitimer"):
        return

    def end(*_: object) -> None:
        note(folder, event, "it took longer than the cap")
        os._exit(0)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(ends - time.monotonic(), 0.001))


def _end_in_time(folder: str, event: str, ends: float) -> None:
    """The same by a thread: a signal waits for the call that SQLite waits in for a lock, and Windows has no alarm."""
    import threading

    def end() -> None:
        note(folder, event, "it took longer than the cap")
        os._exit(0)

    timer = threading.Timer(max(ends - time.monotonic(), 0.001), end)
    timer.daemon = True
    timer.start()


def _stdin(ends: float) -> bytes:
    """What the agent says of the event, as far as it comes in time."""
    import select

    parts, size = list[bytes](), 0
    while size < PAYLOAD_BYTES:
        if sys.platform != "win32" and not select.select([0], [], [], max(ends - time.monotonic(), 0))[0]:
            break
        part = os.read(0, 1 << 20)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _has_sockets() -> bool:
    import socket

    return hasattr(socket, "AF_UNIX") and sys.platform != "win32"


def _ask(path: str, message: bytes, folder: str, environment: dict[str, str], ends: float) -> bytes | None:
    """The answer of the resident, which is started where there is none; None where it does not come in time."""
    has_begun = False
    while time.monotonic() < ends:
        answer = _exchange(path, message, ends)
        if answer and answer[:1] != ANOTHER:
            return answer
        if answer != BUSY and not has_begun and time.monotonic() < ends:
            has_begun = True
            begin_resident(folder, environment, waits=answer is not None)
        time.sleep(_TRIES_S)
    return None


def _exchange(path: str, message: bytes, ends: float) -> bytes | None:
    """What a resident answers; `BUSY` where too many ask it; None where nobody does, or it takes too long."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        wire.settimeout(max(ends - time.monotonic(), 0.001))
        try:
            wire.connect(path)
            if peer_user(wire) not in (None, os.getuid()):
                return None
            wire.sendall(message)
            parts = list[bytes]()
            while part := wire.recv(1 << 16):
                parts.append(part)
        except BlockingIOError:
            return BUSY
        except OSError:
            return None
    # An answer without its first byte is a resident that ended in the middle.
    return b"".join(parts) or None


def peer_user(wire: object) -> int | None:
    """The user at the other end of a socket; None where the system does not say."""
    import socket

    option = getattr(socket, "SO_PEERCRED", None)
    if option is None or not isinstance(wire, socket.socket):
        return None
    told = wire.getsockopt(socket.SOL_SOCKET, option, 12)
    return int.from_bytes(told[4:8], sys.byteorder)


def begin_resident(folder: str, environment: dict[str, str], *, waits: bool) -> None:
    """Start the resident, apart from the agent; where one runs already, the new one ends by itself.

    Args:
        waits: The one that runs is about to end, so wait for that.
    """
    nowhere = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    # -P: a module of that name in the folder of the project is not the one that is meant.
    arguments = [sys.executable, "-P", "-m", "holdfast.integrations.coding_agents.resident", folder]
    arguments += ["waits"] if waits else []
    try:
        os.posix_spawn(sys.executable, arguments, environment, file_actions=nowhere, setsid=True)
    except NotImplementedError:
        os.posix_spawn(sys.executable, arguments, environment, file_actions=nowhere, setpgroup=0)


def without_secrets(environment: dict[str, str]) -> dict[str, str]:
    """The variables that may stand in a file: the key of a space must not lie beside it."""
    return {name: value for name, value in environment.items() if not name.endswith(SECRET)}


def leave(folder: str, message: bytes) -> None:
    """Keep a capture for a resident that will be there later."""
    pending = os.path.join(folder, "state", "pending")
    os.makedirs(pending, 0o700, exist_ok=True)
    if len(os.listdir(pending)) >= MOST_PENDING:
        return
    name = os.path.join(pending, f"{time.time_ns():020}-{os.getpid()}")
    with open(os.open(name + ".part", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(message)
    os.rename(name + ".part", name)


def _direct(agent: str, event: str, environment: dict[str, str], payload: bytes) -> None:
    """Without a resident, where there are no sockets for one: all in this process."""
    if "site" not in sys.modules:
        import site

        site.main()
    from holdfast.integrations.coding_agents.events import Event, Handling

    with Handling(environment) as handling:
        told = handling.answer(Event(agent, event, os.getcwd(), environment, payload))
        if told:
            _print(told)


def _print(told: bytes) -> None:
    while told:
        told = told[os.write(1, told) :]


if __name__ == "__main__":
    main()
