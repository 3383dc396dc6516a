"""What we ask of the kernel, one topic a file. Nothing here knows a setting or a client."""
