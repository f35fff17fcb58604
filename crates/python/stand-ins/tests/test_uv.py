"""Carom beside uv."""

from conftest import OLDER, STAND_INS, VERSION, WHEELS, write_empty_wheel


def test_after_grpcio_and_away_again(environment):
    environment.uv_pip("install", "grpcio-tools")
    assert environment.engine() == "grpcio"
    environment.uv_pip("install", "--find-links", WHEELS, "carom")
    environment.assert_carom()
    before = {path for path in environment.files() if "grpc" not in path and "carom" not in path}
    environment.uv_pip("uninstall", "carom", *STAND_INS)
    assert environment.files() == before
    assert not {"carom", "grpc", "grpc_tools"} & {folder.name for folder in environment.site.iterdir()}


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


def test_an_override_is_stronger_than_a_requirement(environment, tmp_path):
    write_empty_wheel(tmp_path, "old_fashioned", "1.0", "grpcio<1.70")
    (tmp_path / "overrides.txt").write_text("".join(f"{name}=={VERSION}\n" for name in STAND_INS))
    wanted = ["--find-links", WHEELS, "--find-links", tmp_path, "carom", "old-fashioned"]
    assert "grpcio<1.70" in environment.uv_pip("install", *wanted, exit_code=1)
    environment.uv_pip("install", "--override", tmp_path / "overrides.txt", *wanted)
    # pip does not know of the override, and says so in its check.
    assert environment.engine() == "carom"
