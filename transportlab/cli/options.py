"""What all operations have in common: their options, the session, errors and exit codes."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from transportlab.cli.config import CONFIG, configuration
from transportlab.cli.errors import error_json, error_text, log_json
from transportlab.cli.out import Out, private_stdout, tell, tell_error
from transportlab.cli.parser import Command, Option, at_least, flag, option
from transportlab.cli.process import interrupts
from transportlab.cli.streams import EXIT_ERROR, EXIT_USAGE
from transportlab.codecs import load_codec
from transportlab.context import Cancellation, Context
from transportlab.errors import Code, LabError, RpcError, UsageError
from transportlab.host import HostOptions, LogRecord, open_backend
from transportlab.manifest.document import Manifest, load_manifest
from transportlab.manifest.hashing import desired_jobs
from transportlab.model import DesiredJob
from transportlab.quote import clean_json
from transportlab.redact import NOTHING, Redactor
from transportlab.registry import load_transport

M = TypeVar("M")

EXIT_CHANGES = 5
EXIT_DIVERGED = 6
EXIT_NOT_FOUND = 7

MANIFEST = option(
    "--manifest", type=Path, required=True, metavar="FILE", help="The manifest: a JSON file."
)
HANDSHAKE = option(
    "--handshake-timeout",
    type=at_least(0.001),
    default=5.0,
    metavar="SECONDS",
    help="How long to wait for the plugin's handshake (%(default)s by default).",
)
JSON = flag("--json", dest="as_json", help="Print one JSON object.")

COMMON = (
    MANIFEST,
    option(
        "--backend",
        required=True,
        metavar="NAME",
        help="The backend: a name, or the path of a plugin (with a slash).",
    ),
    option(
        "--transport",
        default="jsonrpc",
        metavar="NAME",
        help="One that `transportlab transports` lists (%(default)s by default).",
    ),
    *CONFIG,
    option("--codec", metavar="NAME", help="The encoding; the transport's usual one by default."),
    option(
        "--timeout",
        type=at_least(0.001),
        metavar="SECONDS",
        help="Each call's deadline; none by default.",
    ),
    HANDSHAKE,
    JSON,
    flag("--log", help="Show the plugin's log on stderr."),
)


class Invocation(msgspec.Struct, frozen=True):
    """One run of an operation: where it prints, what is desired, which backend it calls.

    What the redactor hides is never printed, even if a backend replies it. timeout is in seconds.
    """

    out: Out
    json: bool
    manifest: Manifest
    jobs: tuple[DesiredJob, ...]
    backend: Any
    timeout: float | None
    redactor: Redactor = NOTHING
    cancellation: Cancellation | None = None

    def context(self) -> Context:
        """A fresh context for one call."""
        return Context(timeout=self.timeout, cancellation=self.cancellation)

    def show(self, message: M, human: Callable[[Out, M], None]) -> None:
        """Print a message of the contract: as JSON, or as human() prints it."""
        shown = self.redactor.value(message)
        with interrupts.raising():
            if self.json:
                self.out.file.write(clean_json(load_codec("json").encode(shown).decode()) + "\n")
            else:
                human(self.out, shown)
            self.out.file.flush()


def operation(*own: Option) -> Callable[[Callable[..., int | None]], Command]:
    """Make a Command of function(invocation, **its own options) -> exit status."""

    def decorate(function: Callable[..., int | None]) -> Command:
        def called(**given: Any) -> int:
            return _operate(function, **given)

        called.__doc__ = function.__doc__
        return Command(called, (*COMMON, *own))

    return decorate


def _operate(  # noqa: PLR0913  # one parameter an option
    function: Callable[..., int | None],
    *,
    manifest: Path,
    backend: str,
    transport: str,
    backend_config: list[str],
    backend_config_file: list[str],
    backend_config_env: list[str],
    codec: str | None,
    timeout: float | None,
    handshake_timeout: float,
    as_json: bool,
    log: bool,
    **own: Any,
) -> int:
    redactor = NOTHING
    with private_stdout() as out:
        try:
            config = configuration(backend_config, backend_config_file, backend_config_env)
            wanted = load_manifest(manifest)
            options = HostOptions(
                codec=codec,
                config=config.plain,
                secrets=config.secrets,
                pins=wanted.plugins,
                handshake=handshake_timeout,
                on_log=_log_printer(as_json=as_json) if log else None,
            )
            with config.hidden() as redactor, _until_interrupted(transport) as cancellation:
                options = replace(options, cancellation=cancellation)
                with open_backend(backend, transport, options) as session:
                    for path in session.shadowed:
                        tell(f"note: {path} is hidden by an earlier directory")
                    jobs = desired_jobs(wanted)
                    run = Invocation(
                        out,
                        as_json,
                        wanted,
                        jobs,
                        session.backend,
                        timeout,
                        redactor,
                        cancellation,
                    )
                    code = function(run, **own)
        except LabError as error:
            code = _failed(redactor.error(error), out, as_json)
        except KeyboardInterrupt:
            _tell_interrupt()
            raise
    return code or 0


def _log_printer(*, as_json: bool) -> Callable[[LogRecord], None]:
    """Prints a plugin's log on stderr; for programs one object a line, whatever it wrote."""

    def show(record: LogRecord) -> None:
        tell(log_json(record) if as_json else str(record))

    return show


def _until_interrupted(transport: str) -> AbstractContextManager[Cancellation | None]:
    """What a signal throws; None if the backend is in this process, where a signal must raise."""
    if load_transport(transport).traits.killable:
        return interrupts.cancelling()
    return nullcontext()


def _failed(error: LabError, out: Out, as_json: bool) -> int:
    """Print the error; the exit status. Raises KeyboardInterrupt after a signal.

    If the error is only that the signal has cancelled the call, it is not worth a word.
    """
    given_up = isinstance(error, RpcError) and error.code is Code.CANCELLED
    if not (interrupts.number and given_up):
        tell_error(error_text(error))
        if as_json:
            out.file.write(error_json(error) + "\n")
    if interrupts.number:
        _tell_interrupt()
        raise KeyboardInterrupt
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_ERROR


def _tell_interrupt() -> None:
    tell("interrupted; the plugin has been stopped")
