"""How long hypothesis searches: the same few hundred examples each run, or many new ones if asked.

``pytest tests/http --hypothesis-profile search`` looks for new faults; what it finds becomes a row
of a table.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile(
    "steady", derandomize=True, max_examples=200, deadline=None, database=None
)
settings.register_profile("search", max_examples=20_000, deadline=None, print_blob=True)
if settings.get_current_profile_name() == "default":
    settings.load_profile("steady")
