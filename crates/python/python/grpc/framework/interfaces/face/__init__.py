"""The upper layer: calls of methods."""
