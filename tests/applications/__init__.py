"""Real applications, unchanged, with the clients that people really use."""
