"""The options of transportlab's plugin of pytest, which loads it once a plugin to test is named.

pytest imports this module in every run of an environment that has transportlab. It stands outside
the package, as importing anything of that would cost such a run time and put off modules
(transportlab/lean.py) that are others' business.
"""

import pytest

TRANSPORT = "--transportlab-transport"
OFFERS = "--transportlab-offers"
KNOWN = "--transportlab-known"
REVISION = "--transportlab-revision"

CONFIG = {
    "--transportlab-config": ("NAME=VALUE", "Set a value of the plugin's configuration."),
    "--transportlab-config-file": ("NAME=PATH", "Read a secret value from a file."),
    "--transportlab-config-env": (
        "NAME=VARIABLE",
        "Read a secret value from an environment variable.",
    ),
}
"""The plugin's configuration: plain, and two ways to give a secret."""

REPEATED = {
    TRANSPORT: ("NAME", "Only over this transport; may be repeated."),
    OFFERS: ("FEATURE", "A feature that the plugin has: crontab-file, faults or fresh-store."),
    **CONFIG,
}
"""Options that may be given several times, each with its value and its help."""

SINGLE = {
    KNOWN: ("FILE", "Expect the failures in this file: id, reason, until."),
    REVISION: ("N", "The revision of the protocol whose vectors are required; else the newest."),
}
"""Options that are given once."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("transportlab", "conformance of a cronix plugin")
    group.addoption(
        "--transportlab-plugin", metavar="PATH", help="Test this plugin: one test for each vector."
    )
    for name, (value, text) in REPEATED.items():
        group.addoption(name, action="append", default=[], metavar=value, help=text)
    for name, (value, text) in SINGLE.items():
        group.addoption(name, metavar=value, help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Make the tests' suite if a plugin is named."""
    plugin = config.getoption("--transportlab-plugin")
    if plugin is not None:
        from transportlab.conformance.pytest_plugin import Suite

        suite = Suite(plugin, config)
        config.pluginmanager.register(suite, "transportlab-suite")
        config.add_cleanup(suite.close)
    elif given := [name for name in (*REPEATED, *SINGLE) if config.getoption(name)]:
        raise pytest.UsageError(f"{given[0]} goes with --transportlab-plugin")
