"""What the interfaces and their implementations are built of."""
