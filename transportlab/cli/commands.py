"""The commands: where each is, and what it is for."""

Table = dict[str, tuple["str | Table", str]]
"""By a command's name: the module and the name of its Command, or a table; what it is for."""

PLUGINS: Table = {
    "list": (
        "plugins:list_plugins",
        "Show the plugins that a host would find, and what is wrong with those that cannot run.",
    ),
    "diagnose": (
        "plugins:diagnose_plugin",
        "Find out why a plugin does not start: examine its file, then start it.",
    ),
    "pin": (
        "plugins:pin",
        "Print the manifest's plugins block that pins these plugins as they are now.",
    ),
    "verify": (
        "plugins:verify_pins",
        "Compare the manifest's pins with the files that a host would run, without running them.",
    ),
}

MANIFEST: Table = {
    "init": ("lab.manifest:init", "Write a manifest with one job, to go on from."),
    "check": (
        "lab.manifest:check",
        "Check a manifest without a backend: all that is wrong with it, each with its place.",
    ),
}

COMMANDS: Table = {
    "read": ("operations:read", "Show the app's entries, and the markers that cannot be read."),
    "plan": ("operations:plan", "Show what apply would do."),
    "apply": (
        "operations:apply",
        "Make a plan, and carry it out. With --strict nothing is done if there are warnings.",
    ),
    "drift": (
        "operations:drift",
        "Show how entries differ from the manifest; change nothing.",
    ),
    "prune": (
        "operations:prune",
        "Remove the app's entries whose jobs are not in the manifest.",
    ),
    "adopt": ("operations:adopt", "Mark existing entries of one job as owned."),
    "verify-ownership": (
        "operations:verify_ownership",
        "Judge each entry: owned, tampered, abandoned, duplicate or foreign.",
    ),
    "transports": (
        "transports:transports",
        "Show the transports and what each can and cannot do.",
    ),
    "conformance": (
        "lab.conformance:conformance",
        "Test a plugin against the protocol on every transport; without --plugin, the lab's own.",
    ),
    "conformance host": (
        "lab.conformance_host:conformance_host",
        "Test a host's command against the protocol, with plugins that follow a script.",
    ),
    "evidence": ("lab.evidence:evidence", "Measure every transport and write a file of evidence."),
    "report": (
        "lab.evidence:report",
        "Write REPORT.md, report/suites.md and their figures from evidence files.",
    ),
    "reproduce": (
        "lab.evidence:reproduce",
        "Judge every claim by your own run, beside the committed evidence.",
    ),
    "compare": (
        "lab.evidence:compare",
        "Compare two evidence files, or two folders of them, figure by figure.",
    ),
    "decide": ("lab.decide:decide", "Rank the transports by the criteria of spec/decision.json."),
    "call": (
        "lab.call:call",
        "Call one RPC of a plugin, and print each reply as one line of JSON.",
    ),
    "manifest": (MANIFEST, "Write a first manifest; check one."),
    "gate": (
        "lab.gate:gate",
        "Fail if a build of a plugin or of a host has become slower to its first answer.",
    ),
    "plugins": (PLUGINS, "List and diagnose plugins; pin and verify their sums."),
    "completion": (
        "lab.completion:completion",
        "Print a script that completes this command's words in a shell.",
    ),
}
