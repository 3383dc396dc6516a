"""The bases that classes are declared on, without the module ``typing``.

To a type checker they are those of ``typing``. At run time they do what the server needs of them,
for a tenth of the time to the first response less: ``typing`` takes 2 ms to load, and its
``NamedTuple`` compiles a piece of code for each class.
"""

from __future__ import annotations

# What namedtuple itself has for its fields: C, and as fast as a slot.
from collections import _tuplegetter  # type: ignore[attr-defined]

__all__ = ["NamedTuple", "Protocol"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from typing import NamedTuple as NamedTuple
    from typing import Protocol as Protocol

else:
    #: what a class must look like is for the checker alone
    Protocol = object

    class _Declaration(type):
        """Makes the annotations of a class the fields of a tuple, their values the defaults."""

        def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace.pop(field) for field in fields if field in namespace}
            getters = {field: _tuplegetter(place, "") for place, field in enumerate(fields)}
            namespace.update(
                getters,
                __slots__=(),
                __match_args__=fields,
                _fields=fields,
                _field_defaults=defaults,
            )
            return super().__new__(mcs, name, bases, namespace)

    class NamedTuple(tuple, metaclass=_Declaration):
        """The base of all records; a record is declared by a direct subclass."""

        def __new__(cls, *values: Any, **named: Any) -> NamedTuple:
            if named or len(values) != len(cls._fields):
                values = cls._complete(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _complete(cls, values: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
            by_place = dict(zip(cls._fields, values, strict=False))
            every = {**cls._field_defaults, **by_place, **named}
            is_twice = not by_place.keys().isdisjoint(named)
            if is_twice or len(values) > len(cls._fields) or every.keys() != set(cls._fields):
                raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)}")
            return [every[field] for field in cls._fields]

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def _replace(self, **named: Any) -> NamedTuple:
            return type(self)(**{**dict(zip(self._fields, self, strict=True)), **named})

        def __repr__(self) -> str:
            pairs = zip(self._fields, self, strict=True)
            return f"{type(self).__name__}({', '.join(f'{name}={it!r}' for name, it in pairs)})"
