"""Tests of the server; the tree mirrors the package, `harness` starts real server processes."""
