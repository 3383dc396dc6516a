"""Kept for tools that still look for it; the facts are in pyproject.toml."""

from setuptools import setup

setup()
