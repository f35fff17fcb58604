"""Carom beside uv."""

from conftest import OLDER, STAND_INS, WHEELS


def test_after_grpcio_and_away_again(environment):
    environment.uv_pip("install", "grpcio-tools")
    assert environment.engine() == "grpcio"
    environment.uv_pip("install", "--find-links", WHEELS, "carom")
    environment.assert_carom()
    before = {path for path in environment.files() if "grpc" not in path and "carom" not in path}
    environment.uv_pip("uninstall", "carom", *STAND_INS)
    assert environment.files() == before


def test_what_requires_grpcio_keeps_carom(environment):
    environment.uv_pip("install", "--find-links", WHEELS, "carom")
    environment.uv_pip("install", "grpcio-health-checking", "opentelemetry-instrumentation-grpc[instruments]")
    environment.assert_carom()


def test_upgrade(environment, older):
    environment.uv_pip("install", "--find-links", older, "carom")
    assert environment.version("carom") == OLDER
    environment.uv_pip("install", "--upgrade", "--find-links", WHEELS, "carom")
    environment.assert_carom()
    assert not (environment.site / "grpc/gone.py").exists()
