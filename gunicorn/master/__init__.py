"""The parts of the master, each to be read by itself; ``gunicorn.arbiter`` joins them."""
