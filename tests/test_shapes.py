"""Records behave as those of ``typing`` do, as far as the server uses them."""

from __future__ import annotations

import pickle

import pytest

from gunicorn.shapes import NamedTuple


class Place(NamedTuple):
    """Where something is."""

    host: str
    port: int = 80

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def test_fields_are_read_by_name_place_and_pattern() -> None:
    place = Place("a", 1)
    host, port = place
    assert (host, port) == ("a", 1) == place
    assert (place.host, place[1], str(place)) == ("a", 1, "a:1")
    match place:
        case Place(found, _):
            assert found == "a"


def test_values_come_by_place_by_name_or_by_default() -> None:
    assert Place("a") == Place(host="a") == Place("a", port=80) == Place("a", 80)
    assert repr(Place("a")) == "Place(host='a', port=80)"
    assert Place("a")._replace(port=1) == Place("a", 1)


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), (("a", 1, 2), {}), (("a",), {"host": "b"}), (("a",), {"path": "/"})],
    ids=["missing", "too many", "twice", "unknown"],
)
def test_other_values_are_refused(values: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="Place takes host, port"):
        Place(*values, **named)  # type: ignore[arg-type]


def test_a_record_does_not_change() -> None:
    with pytest.raises(AttributeError):
        Place("a").port = 1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Place("a").path = "/"  # type: ignore[attr-defined]


def test_a_record_survives_pickling() -> None:
    found = pickle.loads(pickle.dumps(Place("a", 1)))
    assert type(found) is Place
    assert found == Place("a", 1)
