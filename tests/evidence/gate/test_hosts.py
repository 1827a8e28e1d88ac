"""Two builds of a host, with the same plugin."""

import re
from pathlib import Path

import pytest

from tests.command import COMMAND, in_process
from transportlab.errors import LabError
from transportlab.evidence.gate.hosts import HostTarget

WRAPPER = '#!/bin/sh\n{}exec {} "$@"\n'


@pytest.fixture
def hosts(tmp_path: Path) -> tuple[str, str]:
    """Two builds of the lab's command; the second one takes longer."""
    made = []
    for name, before in (("old", ""), ("new", "sleep 0.3\n")):
        path = tmp_path / name / "transportlab"
        path.parent.mkdir()
        path.write_text(WRAPPER.format(before, COMMAND))
        path.chmod(0o755)
        made.append(str(path))
    return made[0], made[1]


def test_a_hosts_whole_command_is_timed(hosts: tuple[str, str], echo: str, stdio: str) -> None:
    old, new = (HostTarget(host, echo, stdio) for host in hosts)
    assert old.cannot() == ""
    assert old.seconds() > 0
    assert new.seconds() > 0.3


def test_a_host_that_fails_is_an_error_with_its_last_words(
    tmp_path: Path, echo: str, stdio: str
) -> None:
    host = tmp_path / "host"
    host.write_text("#!/bin/sh\necho no store today >&2\nexit 3\n")
    host.chmod(0o755)
    with pytest.raises(LabError, match="`read` exits with 3: no store today"):
        HostTarget(str(host), echo, stdio).seconds()
    host.chmod(0o644)
    with pytest.raises(LabError, match="cannot be started: Permission denied"):
        HostTarget(str(host), echo, stdio).seconds()


def test_the_hosts_imports_are_traced_and_not_the_plugins(
    hosts: tuple[str, str], echo: str, stdio: str
) -> None:
    lines = HostTarget(hosts[0], echo, stdio).traced([], {"PYTHONPROFILEIMPORTTIME": "1"})
    told = "\n".join(lines)
    assert "transportlab.cli.options" in told
    assert "transportlab.backends.echo" not in told


def test_secrets_are_refused_for_hosts(
    monkeypatch: pytest.MonkeyPatch, hosts: tuple[str, str], echo: str, stdio: str
) -> None:
    words = ["--host", hosts[1], "--against", hosts[0], "--plugin", echo, "--transport", stdio]
    monkeypatch.setenv("TOKEN", "a-secret-token")
    result = in_process(["gate", *words, "--backend-config-env", "token=TOKEN"], {})
    assert result.code == 2, result.output
    assert "only --backend-config" in result.output


@pytest.mark.long
def test_a_slower_host_is_seen(hosts: tuple[str, str], echo: str, stdio: str) -> None:
    old, new = hosts
    words = ["--host", new, "--against", old, "--plugin", echo, "--transport", stdio]
    words += ["--fail-above", "20", "--pass-below", "300"]
    result = in_process(["gate", *words, "--pairs", "20", "--no-counts", "--seconds", "600"], {})
    assert result.code in {0, 1, 3}, result.output  # this machine is busy with other tests
    assert re.search(r"\d -> [\d.]+ ms, ", result.out), result.output
