"""Published figures, reproduced through the public API."""
