"""What figures depend on: the machine, the interpreter, the versions, the code.

facts() do not change while a run goes on; load() does. What the machine does not show, as a virtual
one often does not, is "not visible". Nothing here names a user, a host or a local path.
"""

import gc
import hashlib
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from transportlab.data import INSTALLED, ROOT
from transportlab.evidence.run.placement import available_cpus, core_of
from transportlab.registry import lacks

HIDDEN = "not visible"

CPU = Path("/sys/devices/system/cpu")


def facts() -> dict[str, Any]:
    """The facts of this machine. Where results are merged, every one must agree."""
    return {
        "cpu": _cpu(),
        "topology": _topology(),
        "hypervisor": _hypervisor(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "cgroup_cpu_max": _cgroup("cpu.max"),
        "governor": read(CPU / "cpu0/cpufreq/scaling_governor"),
        "turbo": _turbo(),
        "cpuidle_driver": read(CPU / "cpuidle/current_driver"),
        "clock_source": read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "clock_resolution_s": time.get_clock_info("perf_counter").resolution,
        "mitigations": _mitigations(),
        "kernel": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()) or HIDDEN,
        "python": _python(),
        "protobuf_backend": _protobuf_backend(),
        "versions": versions(),
        "source_sha256": source_digest(),
    }


BESIDE = {
    *("__pycache__", INSTALLED.name, "derive.py"),
    *("analysis", "report", "gate", "decision", "conformance", "raw.py", "lab"),
    *("cluster", "runner.py", "plan.py", "progress.py", "machine.py", "commands.py"),
}
"""Names of files and folders that are not measured code, as no measured process runs them.

A wheel has the data and lacks derive.py, a checkout the reverse. What reads evidence, and what
tests plugins and hosts, may change without making it evidence of other code. raw.py is of the
conformance suite. What a run's plan decides stands in its file, as the machine does: arms, order,
placements, effort. commands.py is a table of names.
"""


def read(path: Path | str) -> str:
    """The text of a file of the kernel; HIDDEN if it cannot be read or is empty."""
    try:
        return Path(path).read_text(errors="replace").strip() or HIDDEN
    except OSError:
        return HIDDEN


def _cpuinfo(name: str) -> str:
    match = re.search(rf"^{name}\s*:\s*(.*)$", read("/proc/cpuinfo"), re.MULTILINE)
    return match[1] if match else HIDDEN


def _cpu() -> dict[str, Any]:
    caches = sorted(CPU.glob("cpu0/cache/index*"))
    return {
        "model": _cpuinfo("model name"),
        "architecture": platform.machine(),
        "microcode": _cpuinfo("microcode"),
        "caches": {
            f"L{read(cache / 'level')} {read(cache / 'type')}": read(cache / "size")
            for cache in caches
        },
    }


def _topology() -> dict[str, Any]:
    return {
        "online": read(CPU / "online"),
        "available": list(available_cpus()),
        "siblings": {str(cpu): core_of(cpu) for cpu in available_cpus()},
        "smt": read(CPU / "smt/active"),
    }


def _hypervisor() -> dict[str, Any]:
    return {
        "virtual": "hypervisor" in _cpuinfo("flags").split(),
        "type": read("/sys/hypervisor/type"),
        "vendor": read("/sys/class/dmi/id/sys_vendor"),
        "product": read("/sys/class/dmi/id/product_name"),
    }


def _cgroup(name: str) -> str:
    """A limit of this process's cgroup (version 2), or of what a container shows as the root."""
    lines = read("/proc/self/cgroup").splitlines()
    own = next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")
    for place in (Path("/sys/fs/cgroup", own, name), Path("/sys/fs/cgroup", name)):
        if place.is_file():
            return read(place)
    return HIDDEN


def _turbo() -> str:
    disabled = read(CPU / "intel_pstate/no_turbo")
    return read(CPU / "cpufreq/boost") if disabled == HIDDEN else f"no_turbo={disabled}"


def _mitigations() -> dict[str, str]:
    return {path.name: read(path) for path in sorted((CPU / "vulnerabilities").glob("*"))}


def _python() -> dict[str, Any]:
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "build": " ".join(platform.python_build()),
        "compiler": platform.python_compiler(),
        "optimized": "--enable-optimizations" in options,
        "lto": "--with-lto" in options,
        "shared": bool(sysconfig.get_config_var("Py_ENABLE_SHARED")),
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
        "gc": {"enabled": gc.isenabled(), "threshold": list(gc.get_threshold())},
        "writes_bytecode": not sys.dont_write_bytecode,
    }


def _protobuf_backend() -> str:
    if lacks("google.protobuf"):
        return "not installed"
    name = "google.protobuf.internal.api_implementation"
    return apart(f"from {name} import Type; print(Type())")


def apart(code: str, *arguments: str) -> str:
    """What this code prints in a process of its own.

    For code that loads a library of a transport. This process must not have one: a plugin would
    share it, and seem to take that much less memory.
    """
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def versions() -> dict[str, str]:
    """The version of each installed distribution, by its name."""
    found = {d.metadata["Name"].lower(): d.version for d in metadata.distributions()}
    return dict(sorted(found.items()))


def source_digest(root: Path = ROOT) -> str:
    """SHA-256 over the names and the bytes of all files of the measured code.

    A checkout and the wheel that is built from it have the same.
    """
    digest = hashlib.sha256()
    folders = ("transportlab", "transports")
    for path in sorted(p for folder in folders for p in (root / folder).rglob("*.*")):
        own = path.relative_to(root)
        if path.is_file() and not BESIDE & set(own.parts):
            digest.update(f"{own}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def file_digest(path: str) -> str:
    """The SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def commit(root: Path = ROOT) -> tuple[str, bool]:
    """The commit of the checkout, and whether any file differs from it.

    ("unknown", True) if this is no checkout. git is not asked then: the environment may be inside a
    repository of something else.
    """
    if not (root / ".git").exists():
        return "unknown", True
    try:
        head = _git(root, "rev-parse", "HEAD")
        return head, bool(_git(root, "status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown", True


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]  # the git that is on the user's PATH
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def load() -> dict[str, Any]:
    """What else the machine does.

    load1: of the last minute. steal: seconds since its start. pressure_cpu: % of the last 10 s.
    """
    fields = read("/proc/stat").partition("\n")[0].split()
    steal = int(fields[8]) / os.sysconf("SC_CLK_TCK") if len(fields) > 8 else HIDDEN  # noqa: PLR2004  # proc(5)
    pressure = re.search(r"some avg10=([\d.]+)", read("/proc/pressure/cpu"))
    return {
        "load1": round(os.getloadavg()[0], 2),
        "steal": steal,
        "pressure_cpu": float(pressure[1]) if pressure else HIDDEN,
    }


def without_places(text: str) -> str:
    """The text with local paths replaced by names such as $HOME, for an evidence file."""
    places = {"ROOT": str(ROOT), "PREFIX": sys.prefix, "BASE": sys.base_prefix}
    places |= {"TMP": tempfile.gettempdir(), "HOME": str(Path.home())}
    for name, place in sorted(places.items(), key=lambda item: -len(item[1])):
        if place != "/":
            text = text.replace(place, f"${name}")
    return text
