"""Versions of the protocol: plugins that are older and newer than the host."""

import re
from collections.abc import Callable

import pytest

from transportlab.channel import EndpointKind
from transportlab.errors import PluginError
from transportlab.host.versions import parse_versions, protocol_mismatch
from transportlab.registry import transport_names

PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)

Make = Callable[[str], str]
Refusal = Callable[..., PluginError]

OF_THE_PLUGIN = """
import transportlab.sdk.session
from msgspec.structs import replace
PLUGIN = replace(PLUGIN, version="1.4.0")
transportlab.sdk.session.PROTOCOL_VERSIONS = {versions}
"""


@pytest.mark.parametrize("transport", PROCESS)
def test_an_older_plugin_is_named_with_what_to_do(
    echo_with: Make, refusal: Refusal, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    monkeypatch.setattr("transportlab.host.session.PROTOCOL_VERSIONS", (2, 3))
    path = echo_with(OF_THE_PLUGIN.format(versions=(1,)))
    error = refusal(path, transport)
    assert str(error) == (
        f'E-PROTO-MISMATCH: backend "odd" ({path} 1.4.0) speaks protocol {{1}}; this host speaks'
        " {2,3}. The plugin is too old: install a release that speaks 2, or use a host that"
        " speaks 1."
    )
    assert (error.expected, error.got) == ("{2,3}", "{1}")


@pytest.mark.parametrize("transport", PROCESS[-2:])
def test_a_newer_plugin_is_named_with_what_to_do(
    echo_with: Make, refusal: Refusal, transport: str
) -> None:
    path = echo_with(OF_THE_PLUGIN.format(versions=(2, 3)))
    assert str(refusal(path, transport)) == (
        f'E-PROTO-MISMATCH: backend "odd" ({path} 1.4.0) speaks protocol {{2,3}}; this host speaks'
        " {1}. The host is too old: use a host that speaks 2, or install a release of the plugin"
        " that speaks 1."
    )


@pytest.mark.parametrize("transport", PROCESS[:1])
def test_a_plugin_that_answers_with_a_version_nobody_offered_is_refused(
    echo_with: Make, refusal: Refusal, transport: str
) -> None:
    code = """
from msgspec.structs import replace
class Boastful(sdk.PluginSession):
    def open_session(self, request, context):
        return replace(super().open_session(request, context), protocol_version=7)
sdk.PluginSession = Boastful
"""
    error = refusal(echo_with(code), transport)
    assert error.code == "E-PROTO-MISMATCH"
    assert "speaks protocol {7}; this host speaks {1}. The host is too old" in str(error)


def test_sets_that_interleave_leave_the_choice_of_the_plugin() -> None:
    text = str(protocol_mismatch("x", "/x", "", {2}, (1, 3)))
    assert text.endswith("Install a release of the plugin that speaks one of {1,3}.")
    assert re.match(r'E-PROTO-MISMATCH: backend "x" \(/x\) speaks protocol \{2\}; ', text)


def test_a_set_that_cannot_be_read_is_unknown() -> None:
    assert parse_versions("{1,20}") == {1, 20}
    for text in ("", "{}", "1", "{1,}", "{1 ,2}", "{x}", "{-1}", "{1}\n", "{" + "9" * 10 + "}"):
        assert parse_versions(text) == set()
    assert "speaks protocol {?}" in str(
        protocol_mismatch("x", "/x", "", parse_versions("all"), (1,))
    )
