"""A memory behind a guard: every call asks first whether the principal may still make it.

The guard knows no method by name. It passes on what `holdfast.core.access` has a verb for, and refuses the rest,
so a method that is new is refused until somebody has decided who may call it. What a call gives back is guarded
in turn (sessions, the past, iterators), is plain data, or is refused. It keeps honest programs to their grants;
code in the same process can reach around it, as it can reach the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from inspect import getattr_static, isfunction
from types import TracebackType
from typing import Any, Self, cast

from holdfast.core.access import FREE, VERBS
from holdfast.errors import Closed, NotAllowed
from holdfast.house_wiring import Handle, OpenSpaces, acting_as, keep_to
from holdfast.memory import Memory
from holdfast.model.access import HeldSpace
from holdfast.services.sharing import Sharing

_KINDS = frozenset(verb.partition(".")[0] for verb in VERBS) - {"Holdfast"}
_PLAIN = (str, bytes, int, float, list, tuple, dict)


class Gate:
    """One principal at one space. Knows the space by its id, so it stays the same one when it is renamed."""

    def __init__(self, sharing: Sharing, spaces: OpenSpaces, space: HeldSpace, principal: str) -> None:
        self._sharing = sharing
        self._spaces = spaces
        self._id = space.id
        self.name = space.name
        self.principal = principal
        self.handle: Handle = spaces.handle(space)
        self.space = acting_as(self.handle.space, principal)
        self._policy = space.policy
        keep_to(self.space, spaces.policy_of(space))
        self.closed = False

    def check(self, verb: str) -> None:
        """Refuse what the principal may not do now, and see to it that the policy of now holds.

        Raises:
            NotAllowed, Closed.
            Damaged: the space's own policy cannot be read.
        """
        if verb in FREE:
            return
        if self.closed:
            raise Closed(f"This use of the space {self.name!r} was closed; ask the house for it again.")
        try:
            held = self._sharing.check(verb, self.principal, self.name, self._id)
        except NotAllowed:
            if not self._sharing.is_there(self._id):
                self._spaces.close_space(self._id)  # dropped by another process
            raise
        if held.policy != self._policy:
            keep_to(self.space, self._spaces.policy_of(held))
            self._policy = held.policy

    def call(self, verb: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Check, call, and hand out the result."""
        self.check(verb)
        try:
            result = function(*args, **kwargs)
        except Exception:
            # Whatever failed because the space was dropped meanwhile is answered as if it had never been.
            self.check(verb)
            raise
        return self.pass_out(verb, result)

    def pass_out(self, verb: str, result: Any) -> Any:
        """What a caller may have of a result."""
        kind = cast("type[Any]", type(result))
        if kind.__name__ in _KINDS and kind.__module__.startswith("holdfast."):
            if isinstance(result, Memory):
                self.handle.pasts.add(result)
            return Guarded(self, result)
        if isinstance(result, Iterator):
            return GuardedIterator(self, verb, cast("Iterator[Any]", result))
        if result is None or isinstance(result, _PLAIN) or kind.__module__.startswith("holdfast.model."):
            return cast("Any", result)
        raise NotAllowed(f"{verb} gives a {kind.__name__}, of which nobody has decided who may use it.")


class Guarded:
    """A memory, or something a memory gave, with every public name checked when it is used."""

    __slots__ = ("__weakref__", "_gate", "_is_root", "_target")

    def __init__(self, gate: Gate, target: Any, *, is_root: bool = False) -> None:
        self._gate = gate
        self._target = target
        self._is_root = is_root

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{name!r} is not for use through a house")
        target, gate = self._target, self._gate
        kind = cast("type[Any]", type(target))
        verb = f"{kind.__name__}.{name}"
        if not isfunction(getattr_static(kind, name, None)):
            getattr_static(target, name)  # AttributeError for what is not there at all
            gate.check(verb)
            return gate.pass_out(verb, getattr(target, name))
        if self._is_root and name == "close":
            return self._close
        function = getattr(target, name)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return gate.call(verb, function, args, kwargs)

        return call

    def __getitem__(self, name: str) -> Any:
        # The group's own lookup, over itself behind this guard: what it gives goes through the guard too.
        lookup = getattr(cast("type[Any]", type(self._target)), "__getitem__", None)
        if lookup is None:
            raise TypeError(f"{type(self._target).__name__} has nothing under a name")
        return lookup(self, name)

    def _close(self) -> None:
        # The space belongs to the house and stays open for others.
        self._gate.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self._target).__name__} of space {self._gate.name!r} for {self._gate.principal!r}>"


class GuardedIterator:
    """An iterator that is checked again for every item."""

    def __init__(self, gate: Gate, verb: str, items: Iterator[Any]) -> None:
        self._gate = gate
        self._verb = verb
        self._items = items

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self._gate.call(self._verb, next, (self._items,), {})


def guarded_memory(sharing: Sharing, spaces: OpenSpaces, space: HeldSpace, principal: str) -> Memory:
    """The memory in a space, for a principal that may see it: a `Memory` in all but type."""
    gate = Gate(sharing, spaces, space, principal)
    return cast("Memory", Guarded(gate, Memory(gate.space), is_root=True))
