"""What a setting is: declared once, as a subclass of :class:`Setting`.

The declaration is the only place that knows a setting's flag, validator, default and manual text;
the command line, the configuration files, the site files and the manual are made from it. Creating
the class registers it, so a third party adds a setting by subclassing, before the configuration is
loaded.

Rules: an instance holds one validated value and where it came from; it never reads a file, the
environment or the command line (``sources`` does). This module imports nothing, because a systemd
generator loads the whole catalogue at early boot.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, ClassVar

#: the origin of a value nobody has set
BUILT_IN = "built-in"

#: the setting classes in the order of their declaration
KNOWN_SETTINGS: list[type[Setting]] = []


def accept_anything(value: Any) -> Any:
    """Take any value as it is: the validator of a setting that declares none."""
    return value


class Setting:
    """One setting: class attributes declare it, an instance holds its value.

    ``name`` is what configuration files assign to; a subclass without one is a shared base and
    is not registered. ``cli`` lists the flags, ``meta``, ``action``, ``type``, ``nargs`` and
    ``const`` are argparse's; the action ``switch`` is a flag with a ``--no-`` form. ``desc`` is the
    manual text in reStructuredText, its first line the help line. ``accepts`` and ``default_text``
    say in words what the validator takes and what the default is, where what is known otherwise
    would not do. ``restart`` marks a setting that a reload cannot change. ``no_effect`` says why a
    setting that configuration files of other versions contain does nothing here; who sets it is
    told once.
    """

    name: ClassVar[str] = ""
    section: ClassVar[str] = ""
    cli: ClassVar[list[str] | None] = None
    meta: ClassVar[str | None] = None
    action: ClassVar[Any] = None
    type: ClassVar[Callable[[str], Any] | None] = None
    nargs: ClassVar[int | str | None] = None
    const: ClassVar[Any] = None
    default: ClassVar[Any] = None
    validator: ClassVar[Callable[[Any], Any]] = accept_anything
    accepts: ClassVar[str] = ""
    default_text: ClassVar[str] = ""
    restart: ClassVar[bool] = False
    no_effect: ClassVar[str] = ""
    desc: ClassVar[str] = ""
    order: ClassVar[int] = 0

    value: Any
    origin: str

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        # A plain function as a class attribute would turn into a method of each instance.
        for attribute in ("default", "validator", "type"):
            given = cls.__dict__.get(attribute)
            if callable(given) and not isinstance(given, type):
                setattr(cls, attribute, staticmethod(given))
        if cls.name:
            cls.order = len(KNOWN_SETTINGS)
            KNOWN_SETTINGS.append(cls)

    def __init__(self) -> None:
        default = self.default
        # Hooks are compared by identity with their default (see `is_default`), and checking a
        # signature costs an import of `inspect`: the tests hold that they pass their validator.
        self.value = default if callable(default) else self._validated(default)
        if self.value is default and isinstance(default, dict):
            self.value = dict(default)
        self._initial = self.value
        self.origin = BUILT_IN

    def get(self) -> Any:
        """The value, as the validator left it."""
        return self.value

    def set(self, value: Any, origin: str = "the program") -> None:
        """Validate and keep ``value``; ``origin`` says where it was written.

        Raises what the validator raises: ValueError, TypeError or ConfigError.
        """
        self.value = self._validated(value)
        self.origin = origin

    @property
    def is_default(self) -> bool:
        """Whether the value is the built-in one; hooks for which this holds need not be called."""
        return self.value is self._initial or bool(self.value == self._initial)

    @property
    def shown_default(self) -> str:
        """The default as the help and the manual show it."""
        return self.default_text or str(self.default)

    @property
    def short(self) -> str:
        """The first line of the manual text."""
        return self.desc.strip().partition("\n")[0].strip()

    @property
    def takes_value(self) -> bool:
        """Whether the flag is followed by a value; the others are switches."""
        return not str(self.action or "").startswith(("store_", "switch"))

    @property
    def flag(self) -> str:
        """The long flag, or an empty text where the command line cannot set it."""
        flags = self.cli or []
        return next((flag for flag in flags if flag.startswith("--")), flags[0] if flags else "")

    def _validated(self, value: Any) -> Any:
        # Through the class: an instance attribute would be taken for a method.
        return type(self).validator(value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}={self.value!r} from {self.origin}>"


def make_settings(ignore: Iterable[str] = ()) -> dict[str, Setting]:
    """One fresh instance of every known setting, by name, except the names in ``ignore``."""
    ignored = set(ignore)
    return {cls.name: cls() for cls in KNOWN_SETTINGS if cls.name not in ignored}
