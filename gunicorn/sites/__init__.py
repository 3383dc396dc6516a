"""The init layer: reads the site files of an administrator and keeps one master running per site.

It speaks to systemd where systemd is, and does the same work itself where it is not. It never
serves a request and never imports what does (``http``, ``workers``, the arbiter): root runs this
code, and at early boot a generator has milliseconds.

Where to start: ``site`` (a file becomes a record), ``units`` (the record becomes unit text),
``control`` (the administrator's command).
"""
