# Logging as a dictionary: access lines as JSON on standard output, the rest on standard error.
#
#     gunicorn -c dictionary.conf.py app:app
logconfig_dict = {
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "bare": {"format": "%(message)s"},
    },
    "handlers": {
        "errors": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "stream": "ext://sys.stderr",
        },
        "access": {
            "class": "logging.StreamHandler",
            "formatter": "bare",
            "stream": "ext://sys.stdout",
        },
    },
    "root": {"level": "INFO", "handlers": ["errors"]},
    "loggers": {
        "gunicorn.access": {"level": "INFO", "handlers": ["access"], "propagate": False},
        "gunicorn.error": {"level": "INFO", "propagate": True},
    },
}

# What a client sent is escaped: no request can forge a member. An escaped request line is JSON;
# header fields may hold what is written \xNN, which is not, and so are left out here.
access_log_format = (
    '{"time": "%(t)s", "peer": "%(h)s", "request": "%(r)s", "status": %(s)s, "seconds": %(L)s}'
)
