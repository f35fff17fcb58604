"""docs/python/installing.md: each section's files are written and its commands run, in a fresh environment and folder."""

import os
import pathlib
import re
import shutil
import textwrap

import pytest
from conftest import ENGINE_VERSION, UV, WHEELS

PAGE = pathlib.Path(__file__).resolve().parents[4] / "docs/python/installing.md"

# A fenced block, also within a list.
BLOCK = re.compile(r"^( *)```(\w+)(?: file=(\S+))?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
ENGINE_WHEEL = re.compile(r"carom-[\w.]+-cp39-abi3-[\w.]+\.whl")


def sections():
    """The page's sections that have blocks, by title."""
    titled = (section.split("\n", 1) for section in PAGE.read_text().split("\n## ")[1:])
    return {title: BLOCK.findall(text) for title, text in titled if "```" in text}


@pytest.mark.long
@pytest.mark.parametrize("title", sections())
def test_section(environment, tmp_path, title):
    starts_with_grpcio = title == "When grpcio is found"
    if starts_with_grpcio:
        environment.pip("install", "--find-links", WHEELS, "carom")
        environment.pip("install", "grpcio==1.80.0")
        assert environment.engine() == "grpcio"
    folder = tmp_path / "folder"
    shutil.copytree(WHEELS, folder / "wheels")
    script = "\n".join(commands(title, environment, folder))
    assert "python -m carom" in script
    said = environment.run("sh", "-euc", script, cwd=folder, variables={"PATH": path(environment, tmp_path)})
    assert f"carom {ENGINE_VERSION}\n" in said
    # That section tells how to go back, too.
    assert not starts_with_grpcio or environment.engine() == "grpcio"


def commands(title, environment, folder):
    """What a section has to run. The files that it shows are written."""
    for _, language, file, text in sections()[title]:
        text = textwrap.dedent(text)
        if language == "sh":
            yield text
        elif language == "dockerfile":
            yield from steps_of(text, folder)
        elif language == "yaml":
            yield from pip_section_of(text, folder)
        elif "[tool.poetry]" in text:
            (folder / file).write_text(for_poetry(text, environment))
        else:
            (folder / file).write_text(text)


def path(environment, tmp_path):
    """The environment's programs, then uv and Poetry without what lies beside them, then the rest."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "uv").symlink_to(UV)
    (programs / "poetry").symlink_to(os.environ["CAROM_POETRY"])
    return f"{environment.folder}/bin:{programs}:{os.environ['PATH']}"


def steps_of(dockerfile, folder):
    """What a Dockerfile does, as commands for the folder that it is in."""
    for line in dockerfile.splitlines():
        instruction, rest = line.split(" ", 1)
        rest = rest.replace("/wheels", f"{folder}/image/wheels")
        if instruction == "COPY":
            yield f"mkdir {folder}/image; cp -r {rest}"
        elif instruction == "ENV":
            yield f"export {rest}"
        elif instruction == "RUN":
            yield rest
        else:
            assert instruction == "FROM", line


def pip_section_of(conda_environment, folder):
    """What conda makes of the section `pip`: a requirements file for pip."""
    lines = re.findall(r"^      - (.+)$", conda_environment, re.MULTILINE)
    (folder / "of-conda.txt").write_text("\n".join(lines))
    yield "pip install --requirement of-conda.txt"
    yield "python -m carom"


def for_poetry(project, environment):
    """The file of the page for these wheels, which may be of a quick build, and for an index as pip uses it: not every
    mirror has the interface that Poetry wants of PyPI."""
    (wheel,) = WHEELS.glob("carom-*.whl")
    default = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    index = environment.run(environment.python, "-c", default).strip()
    source = f'[[tool.poetry.source]]\nname = "simple"\nurl = "{index}/"\npriority = "primary"\n'
    return f"{ENGINE_WHEEL.sub(wheel.name, project)}\n{source}"
