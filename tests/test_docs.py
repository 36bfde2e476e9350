"""The documents are true: their commands exist, their options too, their links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from unseen.cli import cli as unseen
from unseen_baselines.__main__ import main as unseen_baselines
from unseen_server.cli import unseen_server

TOP = Path(__file__).parents[1]
DOCUMENTS = sorted([*TOP.glob("*.md"), *TOP.glob("docs/*.md"), *TOP.glob("data/*.md")])
PROGRAMS = ("unseen", "unseen-server", "unseen-baselines")


def commands(document: Path) -> Iterator[str]:
    """Lines of code blocks, and code in running text, that call one of the programs."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    for line in [*lines, *re.findall(r"`([^`\n]+)`", text)]:
        line = line.split("  #")[0].strip()
        if line.split(" ")[0] in PROGRAMS:
            yield line


CALLS = [(document.relative_to(TOP), line) for document in DOCUMENTS for line in commands(document)]


def root(program: str) -> click.Command:
    return {"unseen": unseen, "unseen-server": unseen_server, "unseen-baselines": unseen_baselines}[program]


@pytest.mark.parametrize(("document", "line"), CALLS, ids=[f"{d}: {c}" for d, c in CALLS])
def test_a_command_in_a_document_exists_with_its_options(document: Path, line: str) -> None:
    program, *words = shlex.split(line)
    command = root(program)
    context = click.Context(command)
    while isinstance(command, click.Group) and words and not words[0].startswith("-") and words[0] not in ("...", "…"):
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"{name} is no command of {context.command_path}"
        command, context = found, click.Context(found, parent=context)
    if command.context_settings.get("ignore_unknown_options"):
        return  # the rest is another program's
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("-"):
            assert word.split("=")[0] in known | {"--help"}, f"{word} is no option of {command.name}"


def test_the_documents_have_commands() -> None:
    assert len(CALLS) > 20


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            path, _, place = target.partition("#")
            there = document.parent / path if path else document
            assert there.exists(), target
            assert not place or place in anchors(there), target


def anchors(document: Path) -> list[str]:
    """Where a link can lead within it: its headings, as GitHub makes addresses of them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_what_can_be_made_is_in_the_makefile() -> None:
    text = (TOP / "README.md").read_text() + (TOP / "CONTRIBUTING.md").read_text()
    listed = subprocess.run(["make", "-C", str(TOP), "help"], capture_output=True, text=True, check=True).stdout
    for target in set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)):
        assert f"make {target}" in listed


def test_the_first_screen_says_how_to_start() -> None:
    first_screen = "\n".join((TOP / "README.md").read_text().splitlines()[:20])
    assert "make demo" in first_screen
    assert "make test" in first_screen


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_the_tests_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for path, test in re.findall(r"\b(tests/[\w/]+\.py)(?:::(\w+))?", text):
        assert (TOP / path).exists(), path
        assert not test or re.search(rf"^def {test}\(", (TOP / path).read_text(encoding="utf-8"), re.MULTILINE), test
    for name in re.findall(r"`(test_\w+\.py)`", text):
        assert list(TOP.glob(f"tests/**/{name}")), name


PLACE = re.compile(r"`((?:core|services|web|db|storage|working|arrivals|baselines|benchmarks)(?:/\w+)*(?:\.\w+)?)/?`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_the_places_in_the_code_that_are_named_exist(document: Path) -> None:
    for place in PLACE.findall(document.read_text(encoding="utf-8")):
        assert any(is_in(room, place) for room in (TOP, TOP / "server" / "unseen_server")), place


def is_in(room: Path, place: str) -> bool:
    """A file, a folder, a module, or a name in a module."""
    path, _, name = place.partition(".")
    module = room / f"{path}.py"
    if not module.exists() or name == "py":
        return (room / place).exists()
    return not name or bool(re.search(rf"^{name}\b", module.read_text(encoding="utf-8"), re.MULTILINE))


def settings_in(folders: str) -> set[str]:
    """What is read from the environment there."""
    files = (file for folder in folders.split() for file in (TOP / folder).rglob("*.py"))
    return {name for file in files for name in re.findall(r'"(UNSEEN_[A-Z_]+)"', file.read_text(encoding="utf-8"))}


def test_every_setting_is_documented_and_none_that_nobody_reads() -> None:
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS if document.name != "CHANGELOG.md"]
    documented = set(re.findall(r"\bUNSEEN_[A-Z_]+", "\n".join(texts)))
    assert settings_in("server client baselines") - documented == set()
    assert documented - settings_in("server client baselines tests") == set()


def test_both_readmes_have_the_same_sections_commands_links_and_settings() -> None:
    english, chinese = ((TOP / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-TW.md"))
    assert list(commands(TOP / "README.md")) == list(commands(TOP / "README.zh-TW.md"))
    for what in (r"^#+ ", r"^```", r"\]\((?!README)([^)]+)\)", r"`(UNSEEN_\w+|make [a-z-]+)", r"^(?:make|pip) \S+"):
        assert sorted(re.findall(what, english, re.M)) == sorted(re.findall(what, chinese, re.M)), what
    assert "](README.zh-TW.md)" in english
    assert "](README.md)" in chinese
