"""grpcio's beta API of before 1.0, over today's channels and servers. New programs use `grpc`."""
