"""The arms as data: the file, what an arm lacks, and definitions of anybody's plugin."""

import json
from pathlib import Path

import jsonschema
import pytest
from msgspec.structs import replace

from transportlab.data import SPEC
from transportlab.errors import UsageError
from transportlab.evidence.arms import Plugin, defined, load_arms
from transportlab.registry import load_transport, transport_names

CATALOGUE = load_arms()


def test_the_file_is_as_its_schema_says() -> None:
    schema = json.loads((SPEC / "arms.schema.json").read_text())
    found = jsonschema.Draft202012Validator(schema).iter_errors(
        json.loads((SPEC / "arms.json").read_text())
    )
    assert [error.message for error in found] == []


def test_the_lab_has_all_transports_and_the_others_what_both_ends_have() -> None:
    found = {arm.id: arm for arm in CATALOGUE.arms()}
    for name in transport_names():
        for codec in load_transport(name).traits.codecs:
            assert found[f"{name}-{codec}"].role == "arm"
    assert found["go/sdk/grpc-protobuf"].host == "go"
    assert "go/sdk/direct-none" not in found
    assert len(found) == len(list(CATALOGUE.arms()))


def test_two_builds_of_a_host_are_one_host_to_arms() -> None:
    arm = next(arm for arm in CATALOGUE.arms() if arm.id == "go/c/ffi-protobuf")
    assert arm.host == "go"
    assert CATALOGUE.host_of(arm).id == "go-ffi"
    assert CATALOGUE.host("go", "grpc").id == CATALOGUE.host("go", "pigeon").id == "go"


def test_what_is_no_candidate_is_a_peer() -> None:
    roles = {arm.plugin: arm.role for arm in CATALOGUE.arms()}
    assert {plugin.id: roles[plugin.id] == "arm" for plugin in CATALOGUE.plugins} == {
        plugin.id: plugin.role == "candidate" for plugin in CATALOGUE.plugins
    }


def test_a_toolchain_that_is_missing_is_the_reason() -> None:
    go = CATALOGUE.plugin("go")
    assert replace(go, needs=("no-such-go",)).missing() == "no no-such-go"
    unbuilt = replace(go, needs=(), program="plugins/go/build/none")
    assert unbuilt.missing() == "not built; `make -C plugins/go build` builds it"


def test_the_arm_of_a_definition_has_the_usual_codec_and_the_first_host() -> None:
    plugin, arm = defined("name=mine,plugin=./p,transport=grpc,config.path=/x=y", CATALOGUE)
    assert (arm.id, arm.host, arm.plugin) == ("python/mine/grpc-protobuf", "python", "mine")
    assert plugin.path == str(Path("p").absolute())
    assert plugin.config == {"path": "/x=y"}
    assert plugin.offers == ("store",)
    plugin, arm = defined(
        "name=m,plugin=echo,transport=jsonrpc,host=go,codec=json,offers=faults", CATALOGUE
    )
    assert (arm.id, plugin.path, plugin.offers) == ("go/m/jsonrpc-json", "echo", ("faults",))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mine", "mine is neither an arm nor NAME=VALUE"),
        ("mine", "there are\n  direct-none\n  ffi-"),
        ("name=m,name=n,plugin=./p,transport=grpc", "name is there twice"),
        ("name=a/b,plugin=./p,transport=grpc", 'name: expected letters, .* got "a/b"'),
        ("name=a b,plugin=./p,transport=grpc", 'name: expected letters, .* got "a b"'),
        ("name=m,plugin=./p", "no transport; a definition is name=NAME,"),
        ("name=m,plugin=./p,transport=grpc,code=x", "unknown code; a definition is"),
        ("name=m,plugin=./p,transport=pigeon", 'unknown transport "pigeon"'),
        ("name=m,plugin=./p,transport=grpc,codec=xml", 'grpc has no codec "xml"'),
        ("name=m,plugin=./p,transport=grpc,host=cobol", 'unknown host "cobol"; there are python'),
        ("name=m,plugin=./p,transport=direct,host=go", "the host go has no direct with none"),
        ("name=m,plugin=./p,transport=grpc,offers=wings", "offers are store and faults"),
    ],
)
def test_what_is_no_definition_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem.replace("(", r"\(")):
        defined(text, CATALOGUE)


def test_a_name_is_there_once() -> None:
    plugin = Plugin(id="go", title="", role="candidate", program="x")
    with pytest.raises(UsageError, match="there is a plugin go already"):
        CATALOGUE.with_plugin(plugin)


@pytest.mark.parametrize("text", ["[]", "{", '{"hosts": [], "plugins": [], "pairs": []}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "arms.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"arms\.json: "):
        load_arms(path)
    with pytest.raises(UsageError, match=r"arms\.json: "):
        load_arms(tmp_path / "none" / "arms.json")


def test_quick_names_arms_that_there_are(tmp_path: Path) -> None:
    found = json.loads((SPEC / "arms.json").read_text())
    path = tmp_path / "arms.json"
    path.write_text(json.dumps({**found, "quick": ["python/cobol/grpc-protobuf"]}))
    with pytest.raises(UsageError, match="quick: there is no arm python/cobol/grpc-protobuf"):
        load_arms(path)
