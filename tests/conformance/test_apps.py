"""App names of each vector's own."""

from collections.abc import Callable
from typing import Any

from transportlab.conformance.apps import own_apps
from transportlab.conformance.vectors import Vector

Make = Callable[..., Vector]


def read(app: str) -> dict[str, Any]:
    expect = {"reply": {"entries": {"$each": {"app": app, "job": "web"}}}}
    return {"do": "call", "method": "Read", "request": {"app": app}, "expect": expect}


def test_names_are_the_vectors_own_and_keep_their_order(make: Make) -> None:
    names = ["we", "web", "web-2"]
    one, apps = own_apps(make(*map(read, names), id="one"))
    assert [app.partition("-")[2] for app in apps] == names
    assert len({app.partition("-")[0] for app in apps}) == 1
    assert one == make(*map(read, apps), id="one")
    _, others = own_apps(make(*map(read, names), id="other"))
    assert not {*apps} & {*others}


def test_what_is_no_apps_name_stays(make: Make) -> None:
    for app in ("", "!echo:x", "we b"):
        assert own_apps(make(read(app))) == (make(read(app)), ())


def test_a_vector_with_a_file_keeps_its_names(make: Make) -> None:
    vector = make(read("web"), needs={"features": ["crontab-file"]})
    assert own_apps(vector) == (vector, ())
