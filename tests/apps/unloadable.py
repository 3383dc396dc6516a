"""An application that cannot be imported."""

raise RuntimeError("planned failure of the import")
