"""Modules that are put off: the same as stock for whoever uses them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PACKAGE = {
    "__init__.py": "print('front'); from big.part import number; both = number + 1",
    "part.py": "number = 1",
    "plain.py": "print('plain'); word = 'plain'",
}


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A folder with a package `big`, whose modules tell when they are imported."""
    (tmp_path / "big").mkdir()
    for name, text in PACKAGE.items():
        (tmp_path / "big" / name).write_text(text)
    return tmp_path


def run(folder: Path, code: str, imports: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"from transportlab.lean import later\n{code}"],
        env={
            "PYTHONPATH": f"{folder}:{Path(__file__).parents[1]}",
            "TRANSPORTLAB_IMPORTS": imports,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.stdout


def test_a_module_is_imported_when_it_is_used(big: Path) -> None:
    code = "later('big')\nimport big\nprint('before'); print(big.both); print(big.part.number)"
    assert run(big, code) == "before\nfront\n2\n1\n"
    assert run(big, code, "stock") == "front\nbefore\n2\n1\n"


def test_a_name_may_stand_in_it(big: Path) -> None:
    code = """
import big
later('big.plain', word=7)
from big.plain import word
print(word)
import big.plain
print(big.plain.__file__[-8:], big.plain.word)
print('word' in dir(big.plain), big.plain.word)
"""
    assert run(big, code) == "front\n7\nplain.py 7\nplain\nTrue plain\n"


def test_what_is_set_is_set_in_the_module_itself(big: Path) -> None:
    code = """
later('big')
import big as early
early.both = 5
import big
print(big.both, early.both, early is big)
big.both = 6
print(early.both, 'both' in dir(early))
"""
    assert run(big, code) == "front\n5 5 False\n6 True\n"


def test_the_parts_of_a_package_do_not_need_its_front(big: Path) -> None:
    code = "later('big', front=True)\nimport big.part\nprint(big.part.number)\nprint(big.both)"
    assert run(big, code) == "1\nfront\n2\n"


def test_a_submodule_may_be_put_off(big: Path) -> None:
    code = (
        "later('big.plain')\nprint('there')\nimport big\nfrom big import plain\nprint(plain.word)"
    )
    assert run(big, code) == "there\nfront\nplain\nplain\n"


def test_threads_may_come_together(big: Path) -> None:
    (big / "big" / "part.py").write_text("import time; time.sleep(0.2); number = 1")
    code = """
later('big')
import big
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as threads:
    print(set(threads.map(lambda _: big.both, range(64))))
"""
    assert run(big, code) == "front\n{2}\n"


def test_what_is_missing_or_blocked_or_there_already_stays_so(big: Path) -> None:
    code = """
import sys, importlib.util
later('no_such_module'); later('big.nowhere'); later('sys')
sys.modules['big'] = None
later('big')
print('no_such_module' in sys.modules, 'big.nowhere' in sys.modules, type(sys).__name__)
try:
    import big
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert run(big, code) == "False False module\nbig\n"


@pytest.mark.parametrize(("imports", "told"), [("", "none"), ("stock", "plain")])
def test_a_module_may_be_left_out_for_whoever_does_without(
    big: Path, imports: str, told: str
) -> None:
    code = "from transportlab.lean import never\nnever('big.plain')\ntry: import big.plain"
    out = run(big, f"{code}\nexcept ImportError: print('none')", imports)
    assert out.splitlines()[-1] == told


def test_http_brings_nothing_that_only_happens_to_be_installed(big: Path) -> None:
    code = """
import sys
from transportlab.registry import load_transport
load_transport("http").prepare("json")
print([name for name in ("click", "rich", "pygments", "h2") if sys.modules.get(name)])
"""
    assert run(big, code) == "[]\n"


def test_other_ways_to_look_at_a_module_work(big: Path) -> None:
    code = """
import importlib.util, pickle, sys
later('big')
print(importlib.util.find_spec('big').name)
import big
try:
    big.nothing
except AttributeError as error:
    print(error)
print(sys.modules['big'].__file__.endswith('__init__.py'))
"""
    told = "big\nfront\nmodule 'big' has no attribute 'nothing'\nTrue\n"
    assert run(big, code) == told


@pytest.mark.parametrize("name", ["asyncio", "grpc", "jsonrpcserver", "msgspec.json", "platform"])
def test_what_is_put_off_has_what_stock_has(name: str) -> None:
    code = f"""
import importlib, sys, transports.grpc
transports.grpc.TRANSPORT.put_off()
later('jsonrpcserver', front=True)
module = importlib.import_module({name!r})
print(sorted(n for n in dir(module) if n[0] != '_'))
print(module.__name__, module.__spec__.name, module.__file__)
"""
    assert run(Path("/"), code) == run(Path("/"), code, "stock")
