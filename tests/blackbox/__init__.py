"""What users see over real sockets and real signals; written from the references, not the code."""
