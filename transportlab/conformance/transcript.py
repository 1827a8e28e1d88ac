"""What passed between the suite and a plugin: kept for a capsule, and shown as it happens.

Nothing here keeps a secret: each text goes through the redactor of the subject's secrets and of
the launches' own. Texts and the whole are bounded.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from transportlab.conformance.frames import Frames
from transportlab.conformance.patterns import cut
from transportlab.conformance.result import Captured, Line
from transportlab.host.logs import LogRecord
from transportlab.quote import clean
from transportlab.redact import Redactor

HOST, PLUGIN, LOG = ">", "<", "!"
"""Who says a line: the suite, as the host; the plugin on the wire; the plugin on stderr."""

TEXT = 2000
"""Characters of one line that are kept."""

SHOWN = 300
"""Characters of one line that are shown as it happens."""

LINES = 200
"""Lines of what is read at once that are kept."""

MOST = 2000
"""Lines that are kept of one vector."""

LAUNCHES = 4
"""So many launches' secrets are hidden at once; a vector has one or two."""


class Transcript:
    """The transcript of one vector after another, each from begin() on. Any thread may add to it.

    show: called with each line as it comes.
    """

    def __init__(
        self, secrets: Mapping[str, str], show: Callable[[str], None] | None = None
    ) -> None:
        self._secrets, self._show = secrets, show
        self._launches: deque[str] = deque(maxlen=LAUNCHES)
        self._redactor = Redactor(secrets)
        self._lock = threading.Lock()
        self.begin("")

    def begin(self, title: str) -> None:
        """Forget what was said before. title: of the vector, to be shown."""
        with self._lock:
            self._start = time.monotonic()
            self._lines: list[Line] = []
            self._left_out = 0
            if title and self._show is not None:
                self._show(f"TRACE {title}")

    def hide(self, secret: str) -> None:
        """Hide a launch's secret, too. Those of the last few launches stay hidden."""
        with self._lock:
            if secret in self._launches:
                self._launches.remove(secret)
                self._launches.append(secret)
                return
            self._launches.append(secret)
            launches = {f"launch secret {n}": each for n, each in enumerate(self._launches)}
            self._redactor = Redactor({**self._secrets, **launches})

    def captured(self) -> Captured:
        """What was said since begin()."""
        with self._lock:
            return Captured(tuple(self._lines), self._left_out)

    def say(self, by: str, text: str, on: str = "") -> None:
        """Add a line. on: the name of the connection."""
        with self._lock:
            at = time.monotonic() - self._start
            if self._show is None and len(self._lines) >= MOST:
                self._left_out += 1
                return
            # The redactor takes what is cut at an end for the beginning of a secret.
            said = clean(self._redactor.text(text[: TEXT + 1]))
            if len(text) > TEXT:
                said = f"{said[:TEXT]} «{len(text) - TEXT} characters are left out here»"
            if len(self._lines) < MOST:
                self._lines.append(Line(round(at, 6), by, on, said))
            else:
                self._left_out += 1
            if self._show is not None:
                self._show(f"{at:9.4f} {by}{on} {cut(said, SHOWN)}")

    def log(self, record: LogRecord) -> None:
        """Add a line of the plugin's log, which the host has made a record of."""
        self.say(LOG, str(record))


class Spoken:
    """One direction of one connection, whose bytes become lines of the transcript.

    HTTP/2 is told by how it begins, and shown as frames. All else is shown as lines of text.
    """

    def __init__(self, transcript: Transcript, by: str, on: str) -> None:
        self._transcript, self._by, self._on = transcript, by, on
        self._frames: Frames | None = Frames()

    def take(self, data: bytes) -> None:
        """Say what these bytes are."""
        if self._frames is not None:
            found = self._frames.take(data)
            if found is not None:
                self._say(found)
                return
            data, self._frames = self._frames.held(), None
        if data:
            lines = data.removesuffix(b"\n").split(b"\n")
            self._say([each.decode("utf-8", "backslashreplace") for each in lines])

    def end(self) -> None:
        """Say what was held back, and that this direction has ended."""
        rest = b"" if self._frames is None else self._frames.held()
        self._say([*([repr(rest)] if rest else []), "(end)"])

    def _say(self, texts: list[str]) -> None:
        for text in texts[:LINES]:
            self._transcript.say(self._by, text, self._on)
        if len(texts) > LINES:
            left = f"({len(texts) - LINES} lines are left out here)"
            self._transcript.say(self._by, left, self._on)
