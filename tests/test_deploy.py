"""What is shipped for servers names settings, options and commands that exist."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest
import yaml

from unseen_server import config
from unseen_server.cli.instance import serve
from unseen_server.cli.worker import worker

DEPLOY = Path(__file__).parents[1] / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir())
KNOWN = set(re.findall(r'"(UNSEEN_\w+)"', Path(config.__file__).read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_setting_named_there_exists(file: Path) -> None:
    assert set(re.findall(r"\bUNSEEN_\w+", file.read_text(encoding="utf-8"))) <= KNOWN


@pytest.mark.parametrize("command", [serve, worker], ids=["serve", "worker"])
def test_servers_and_workers_are_started_with_options_that_they_have(command: click.Command) -> None:
    known = {option for parameter in command.params for option in parameter.opts}
    text = "\n".join(file.read_text(encoding="utf-8") for file in FILES)
    started = re.findall(rf"unseen-server\W{{1,4}}{command.name}\b(.*)", text)
    assert started
    assert {option for line in started for option in re.findall(r"--[a-z-]+", line)} <= known


def test_the_servers_settings_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (DEPLOY / "unseen.env").read_text(encoding="utf-8").splitlines()
    settings = dict(line.removeprefix("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line))
    assert {"UNSEEN_DATABASE_URL", "UNSEEN_OBJECTS_URL", "UNSEEN_SECRET_KEY"} < settings.keys()
    read = config.Config.from_environment(settings)
    assert (read.port, read.trusted_proxy) == (8000, "127.0.0.1")


def test_the_servers_of_the_compose_file_share_what_they_have_to() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert services["one"] == services["two"]
    shared = services["one"]["environment"]
    assert {"UNSEEN_DATABASE_URL", "UNSEEN_OBJECTS_URL", "UNSEEN_SECRET_KEY"} < shared.keys()
    proxy = services["proxy"]["networks"]["inside"]["ipv4_address"]
    assert shared["UNSEEN_TRUSTED_PROXY"] == proxy
    assert os.path.basename(services["proxy"]["volumes"][0].split(":")[0]) in {file.name for file in FILES}
