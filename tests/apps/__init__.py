"""Ten-line WSGI applications served by the tests."""
