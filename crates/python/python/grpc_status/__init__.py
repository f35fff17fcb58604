"""Errors with details: google.rpc.Status messages in the trailing metadata of calls."""
