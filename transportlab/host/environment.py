"""What a plugin has of the host's environment: a list of names, and what the operator adds."""

from collections.abc import Collection, Mapping

ALLOWED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
"""What a plugin inherits of the host's environment, with LC_* and what ENV_ALLOW names."""

ENV_ALLOW = "CRONIX_PLUGIN_ENV"
"""Names, separated by commas, that the operator lets through as well."""


def plugin_environment(host: Mapping[str, str], secrets: Collection[str] = ()) -> dict[str, str]:
    """The allow-listed part of the host's environment (P-START-2).

    A variable that holds one of the secrets is left out, even if the operator has named it: a
    plugin's environment can be read in /proc, and goes on to what the plugin starts (P-SESSION-4).
    """
    extra = [name.strip() for name in host.get(ENV_ALLOW, "").split(",")]
    names = {*ALLOWED, *extra, *(name for name in host if name.startswith("LC_"))}
    found = {name: host[name] for name in sorted(names) if name in host}
    told = {name for name in found if any(s and s in found[name] for s in secrets)}
    return {name: value for name, value in found.items() if name in ALLOWED or name not in told}
