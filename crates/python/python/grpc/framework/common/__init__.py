"""How methods are told apart."""
