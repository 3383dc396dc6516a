"""The table of what each class of workers supports is what trying shows."""

from __future__ import annotations

import pytest

from tests.blackbox import support
from tests.harness.classes import flags

WRITTEN = support.parse(support.TABLE.read_text())


@pytest.mark.parametrize("column", support.COLUMNS, ids=lambda column: column.title)
@pytest.mark.parametrize("text", support.PROBES)
def test_class_supports_what_the_manual_says(text: str, column: support.Column) -> None:
    flags(column.kind)
    assert support.PROBES[text](column) == WRITTEN[text, column.title]


def test_table_is_whole() -> None:
    assert support.render(WRITTEN) == support.TABLE.read_text()
