"""The interfaces under grpcio's beta API, for programs that still use it."""
