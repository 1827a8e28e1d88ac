"""Who else can change a plugin's file, and that a plugin that others can change does not run."""

import grp
import os
import pwd
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from transportlab.channel import EndpointKind
from transportlab.errors import PluginError
from transportlab.host import HostOptions, open_backend
from transportlab.host.trust import file_sum
from transportlab.host.writers import ACL, find_directory_writer, find_other_writer
from transportlab.manifest.pin import PluginPin
from transportlab.registry import transport_names

STDIO = transport_names(EndpointKind.STDIO)[0]
SOMEBODY = 54321
"""A user and a group that nobody has."""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    path = folder / "cronix-backend-demo"
    path.write_text("#!/bin/sh\necho CRONIX-PLUGIN-V1 stdio\nread -r line\n")
    path.chmod(0o755)
    return path


def refused(path: Path) -> PluginError:
    """The error of a start, which is the same with a pin and without."""
    errors = []
    for pins in ({}, {"demo": PluginPin(("0" * 64,))}):
        with pytest.raises(PluginError) as caught:
            open_backend(str(path), STDIO, HostOptions(pins=pins, opens=False))
        errors.append(caught.value)
    with pytest.raises(PluginError) as caught:
        file_sum("demo", str(path))
    assert vars(errors[0]) == vars(errors[1]) == vars(caught.value)
    assert errors[0].code == "E-WRITABLE-BY-OTHERS"
    assert (errors[0].name, errors[0].path) == ("demo", str(path))
    return errors[0]


def check_starts(path: Path) -> None:
    """A session opens and closes, without a pin and with one; else this raises."""
    open_backend(str(path), STDIO, HostOptions(opens=False)).close()
    pins = {"demo": PluginPin((file_sum("demo", str(path)),))}
    open_backend(str(path), STDIO, HostOptions(pins=pins, opens=False)).close()


def test_a_file_of_ones_own_that_nobody_else_can_write_starts(plugin: Path) -> None:
    check_starts(plugin)


def test_a_file_that_everybody_can_write_is_refused_with_what_to_do(plugin: Path) -> None:
    plugin.chmod(0o757)
    error = refused(plugin)
    assert f"{plugin} is writable by everybody (mode 0757)" in error.problem
    assert error.action == f"chmod go-w {plugin}"
    subprocess.run(error.action, shell=True, check=True)
    check_starts(plugin)


def test_a_directory_that_everybody_can_write_is_refused_unless_it_is_sticky(
    plugin: Path,
) -> None:
    plugin.parent.chmod(0o777)
    error = refused(plugin)
    assert f"{plugin.parent} is writable by everybody (mode 0777)" in error.problem
    assert error.action == f"chmod go-w {plugin.parent}"
    plugin.parent.chmod(0o1777)
    check_starts(plugin)


def test_the_directories_at_both_ends_of_a_link_count(plugin: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, target in ((second, plugin), (first, second / plugin.name)):
        folder.mkdir(mode=0o755)
        (folder / plugin.name).symlink_to(target)
    path = first / plugin.name
    check_starts(path)
    for folder in (first, second, plugin.parent):
        folder.chmod(0o777)
        assert f"others can change what runs: {folder} " in refused(path).problem
        folder.chmod(0o755)
    check_starts(path)


def test_a_link_leads_on_from_where_it_stands(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir(mode=0o755)
    link = tmp_path / "here" / plugin.name
    link.symlink_to(f"../plugins/{plugin.name}")
    check_starts(link)
    plugin.parent.chmod(0o777)
    assert "plugins" in refused(link).got + refused(link).problem


def of_another_user(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root can give a file away; for anybody else, this user becomes another."""
    if os.geteuid() == 0:
        os.chown(path, SOMEBODY, -1, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)


@pytest.mark.parametrize("which", ["file", "directory", "link"])
def test_what_belongs_to_another_user_is_refused(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    link = tmp_path / "plugins" / "cronix-backend-link"
    link.symlink_to(plugin)
    place = {"file": plugin, "directory": plugin.parent, "link": link}[which]
    of_another_user(place, monkeypatch)
    found = find_other_writer(str(link))
    assert found is not None
    assert found.reason.startswith("belongs to user ")
    assert found.action.startswith(f"chown {os.geteuid()} ")


def test_what_belongs_to_root_is_everybodys_to_run() -> None:
    assert find_other_writer(os.path.realpath(shutil.which("sh") or "/bin/sh")) is None


Members = Callable[[str, list[str]], None]


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Members:
    """Give the files' group a name and members."""

    def change(name: str, members: list[str]) -> None:
        monkeypatch.setattr(
            grp, "getgrgid", lambda number: grp.struct_group((name, "x", number, members))
        )
        monkeypatch.setattr(pwd, "getpwall", lambda: [pwd.getpwuid(os.geteuid())])

    return change


def test_a_group_of_ones_own_is_nobody_else(plugin: Path, group: Members) -> None:
    """Many systems give each user such a group, and umask 0002."""
    me = pwd.getpwuid(os.geteuid())
    plugin.chmod(0o775)
    os.chown(plugin, -1, me.pw_gid)
    for members in ([], [me.pw_name]):
        group(me.pw_name, members)
        assert find_other_writer(str(plugin)) is None
    for name, members in (("staff", []), (me.pw_name, ["mallory"])):
        group(name, members)
        found = find_other_writer(str(plugin))
        assert found is not None
        assert found.reason == f"is writable by group {me.pw_gid} (mode 0775)"


def test_a_group_that_is_another_users_first_is_not_ones_own(
    plugin: Path, group: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = pwd.getpwuid(os.geteuid())
    group(me.pw_name, [])
    plugin.chmod(0o775)
    os.chown(plugin, -1, me.pw_gid)
    mallory = pwd.struct_passwd(("mallory", "x", SOMEBODY, me.pw_gid, "", "/", "/bin/sh"))
    assert find_other_writer(str(plugin)) is None
    monkeypatch.setattr(pwd, "getpwall", lambda: [me, mallory])
    assert find_other_writer(str(plugin)) is not None


def test_a_group_that_is_not_known_is_somebody_else(
    plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(grp, "getgrgid", unknown)
    plugin.chmod(0o775)
    assert find_other_writer(str(plugin)) is not None


def test_rules_besides_the_mode_are_somebody_elses(plugin: Path, group: Members) -> None:
    """An ACL that lets one more user write shows as a right of the group."""
    me = pwd.getpwuid(os.geteuid())
    group(me.pw_name, [])
    os.chown(plugin, -1, me.pw_gid)
    nobody = 0xFFFFFFFF
    rules = [(1, 7, nobody), (2, 7, SOMEBODY), (4, 5, nobody), (16, 7, nobody), (32, 5, nobody)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *rule) for rule in rules)
    try:
        os.setxattr(plugin, ACL, acl)
    except OSError as error:
        pytest.skip(f"not run: this file system has no ACLs ({error.strerror})")
    assert "is writable by group" in refused(plugin).got


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    for name, target in (("a", "b"), ("b", "a")):
        (tmp_path / name).symlink_to(tmp_path / target)
    with pytest.raises(OSError, match="symbolic links"):
        find_other_writer(str(tmp_path / "a"))


@pytest.mark.parametrize(("mode", "safe"), [(0o777, False), (0o1777, True), (0o700, True)])
@pytest.mark.parametrize("linked", [False, True])
def test_a_directory_that_others_can_write_is_found(
    tmp_path: Path, mode: int, safe: bool, linked: bool
) -> None:
    directory = tmp_path / "d"
    directory.mkdir()
    directory.chmod(mode)
    if linked:
        (tmp_path / "link").symlink_to(directory)
        directory = tmp_path / "link"
    assert (find_directory_writer(str(directory)) is None) == safe
