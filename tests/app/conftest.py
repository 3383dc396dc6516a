"""The server as pip installs it: with metadata, for ``egg:``, and console scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.environments import install_clone


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for PYTHONPATH; its ``bin`` holds the commands."""
    return install_clone(tmp_path_factory.mktemp("installed"))
