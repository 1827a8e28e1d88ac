"""Faults that an author could make, each put into a copy of the plugin on the standard library."""

from pathlib import Path

PLUGIN = Path(__file__).parents[3] / "plugins" / "stdlib" / "cronix-backend-stdlib"

FAULTS = {
    "prunes-every-app": (
        "gone = [key for key in self._owned(app) if key[1] not in keep]",
        "gone = [key for key in sorted(self.jobs) if key[1] not in keep]",
    ),
    "takes-an-app-by-its-beginning": (
        "if app in (None, key[0])}",
        "if app is None or key[0].startswith(app)}",
    ),
    "compares-hashes-alone": (
        "        if same(before, after):\n            op =",
        "        if [e['hash'] for e in before] == [e['hash'] for e in after]:\n            op =",
    ),
    "compares-schedules-as-texts": ('meaning(entry["schedule"])', 'entry["schedule"]'),
    "ignores-the-digest": ('if digest != plan["state_digest"]:', "if False:"),
    "dry-run-prunes": ('if not request["dry_run"]:', "if True:"),
    "keeps-schedules-that-are-gone": (
        "self.jobs[app, job] = after",
        "self.jobs[app, job] = after + before[len(after) :]",
    ),
    "deletes-by-the-beginning": (
        "self.jobs.pop((app, job), None)",
        "[self.jobs.pop(k) for k in list(self.jobs) if k[0] == app and k[1].startswith(job)]",
    ),
    "drift-without-orphans": (
        "for key in sorted(wanted.keys() | present.keys()):\n        there",
        "for key in sorted(wanted.keys()):\n        there",
    ),
    "nothing-is-abandoned": (
        'if key not in wanted:\n                verdict, reason = "abandoned"',
        'if False:\n                verdict, reason = "abandoned"',
    ),
    "adopts-what-differs": (
        '    if same(owned, wanted):\n        return {"outcome"',
        '    if len(owned) == len(wanted):\n        return {"outcome"',
    ),
    "dies": ('    """See P-ADOPT. There are', '    os._exit(3)\n    """See P-ADOPT. There are'),
}
"""What is replaced by what; it stands there once."""

QUICK = ("nothing-is-abandoned",)
"""Those that the quick lane looks for."""


def faulty(folder: Path, fault: str) -> Path:
    """A plugin with that fault; empty for none."""
    code = PLUGIN.read_text()
    if fault:
        old, new = FAULTS[fault]
        assert code.count(old) == 1
        code = code.replace(old, new)
    path = folder / f"cronix-backend-{fault or 'right'}"
    path.write_text(code)
    path.chmod(0o755)
    return path
