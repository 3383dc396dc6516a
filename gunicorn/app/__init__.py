"""From a command or a program to a running master: configuration, application, start."""
