"""The lower layer: operations between two ends."""
