"""The place where grpcio keeps its compiled part; kept for programs that import names from it."""
