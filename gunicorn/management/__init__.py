"""What Django finds here when ``gunicorn`` is in ``INSTALLED_APPS``."""
