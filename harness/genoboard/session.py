"""Session: a hash of the code behind an object that no file holds, since it was typed at a prompt or into a notebook's cells."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType

HOME = "__main__"


def fingerprint(thing: object, beside: str = "") -> str:
    """Return a hash of what `thing` uses of ``__main__``: classes and functions, what these name, and so on; empty where that is nothing.

    Comments and blanks do not count. `beside` is a hash of the rest of its code, which goes into this one.
    """
    reader = _Reader()
    reader.read(thing)
    return hashlib.sha256(b"\0".join([beside.encode(), *reader.told])).hexdigest()[:16] if reader.own else ""


class _Reader:
    """Goes from one object to those that it uses, each once; `told` is what it saw, `own` whether any code of the session was there."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.own = False
        # the objects too: Python gives a number anew to another one
        self.seen: dict[int, object] = {}

    def read(self, thing: object) -> None:
        """Read an object and what it uses."""
        parts = self._parts(thing)
        if parts is None:
            self.told.append(_plain(thing))
        elif id(thing) not in self.seen:
            self.seen[id(thing)] = thing
            self.told.append(f"{type(thing).__qualname__} {getattr(thing, '__qualname__', '')}".encode())
            for part in parts:
                self.read(part)

    def _parts(self, thing: object) -> Iterable[object] | None:
        """Return what an object is made of; None for a value, and for code that lies elsewhere."""
        home = getattr(thing, "__module__", None) if isinstance(thing, FunctionType | type) else type(thing).__module__
        self.own |= home == HOME
        match thing:
            case FunctionType() | type():
                return (_of_function(thing) if isinstance(thing, FunctionType) else _of_class(thing)) if home == HOME else None
            case ModuleType():
                return (thing.__name__,)
            case staticmethod() | classmethod():
                return (thing.__func__,)
            case property():
                return (thing.fget, thing.fset, thing.fdel)
            case Mapping():
                return [part for pair in thing.items() for part in pair]
            case list() | tuple():
                return thing
            case _ if home == HOME:
                return (type(thing), getattr(thing, "__dict__", None))
            case _ if hasattr(thing, "get_params"):
                return (f"{home}.{type(thing).__qualname__}", thing.get_params(deep=False))
        return None


def _of_class(kind: type) -> Iterator[object]:
    yield from kind.__bases__
    for name, part in sorted(vars(kind).items()):
        if isinstance(part, FunctionType) or not name.startswith(("__", "_abc_")):
            yield from (name, part)


def _of_function(function: FunctionType) -> Iterator[object]:
    yield from (function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            yield "a name that has no value yet"
    for code in _codes(function.__code__):
        yield code.co_code
        # a set in code comes in another order each time
        yield [sorted(map(repr, c)) if isinstance(c, frozenset) else c for c in code.co_consts if not isinstance(c, CodeType)]
        yield [*code.co_names, *code.co_varnames]
        yield from (function.__globals__[name] for name in code.co_names if name in function.__globals__)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _codes(const)


def _plain(thing: object) -> bytes:
    """A value, or code elsewhere by its name, as pickle writes it; what cannot be pickled is told by its type."""
    try:
        return hashlib.sha256(pickle.dumps(thing, protocol=5)).digest()
    except Exception:
        return type(thing).__qualname__.encode()
