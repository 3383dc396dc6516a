"""Our log files, which applications must not be able to lose by accident."""

import logging
import logging.config

from gunicorn import logfiles


def test_a_logging_configuration_of_the_application_leaves_our_files_open(tmp_path):
    path = tmp_path / "error.log"
    handler = logfiles.FileHandler(str(path))
    try:
        # Django does this while it is imported; it closes every handler of the process.
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        handler.write_line("before the rotation")
        path.rename(tmp_path / "error.log.1")
        assert handler.reopen() is None
        handler.write_line("after it")
    finally:
        handler.close_file()
    assert (tmp_path / "error.log.1").read_text() == "before the rotation\n"
    assert path.read_text() == "after it\n"
