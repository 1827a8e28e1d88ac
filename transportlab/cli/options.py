"""What all operations have in common: their options, the session, errors and exit codes."""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from msgspec.structs import replace
from rich.console import Console

from transportlab.cli import render
from transportlab.cli.config import (
    ConfigEnvOption,
    ConfigFileOption,
    ConfigOption,
    configuration,
)
from transportlab.cli.process import (
    EXIT_ERROR,
    EXIT_USAGE,
    interrupts,
    private_stdout,
    tell_error,
)
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

EXIT_DRIFT = 5
EXIT_DIVERGED = 6
EXIT_NOT_FOUND = 7

ManifestOption = Annotated[Path, typer.Option(help="The manifest: a JSON file.", metavar="FILE")]
BackendOption = Annotated[
    str,
    typer.Option(
        help="The backend: a name, or the path of a plugin (with a slash).", metavar="NAME"
    ),
]
TransportOption = Annotated[
    str,
    typer.Option(
        help="The transport to use; `transportlab transports` lists them.", metavar="NAME"
    ),
]
CodecOption = Annotated[
    str | None,
    typer.Option(help="The encoding; the transport's usual one by default.", metavar="NAME"),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(help="Each call's deadline; none by default.", metavar="SECONDS", min=0.001),
]
HandshakeOption = Annotated[
    float,
    typer.Option(
        "--handshake-timeout",
        help="How long to wait for the plugin's handshake.",
        metavar="SECONDS",
        min=0.001,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
LogOption = Annotated[bool, typer.Option("--log", help="Show the plugin's log on stderr.")]


class Invocation(msgspec.Struct, frozen=True):
    """One run of an operation: where it prints, what is desired, which backend it calls.

    What the redactor hides is never printed, even if a backend replies it. timeout is in seconds.
    """

    out: Console
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

    def show(self, message: M, human: Callable[[Console, M], None]) -> None:
        """Print a message of the contract: as JSON, or as human() prints it."""
        shown = self.redactor.value(message)
        with interrupts.raising():
            if self.json:
                self.out.file.write(clean_json(load_codec("json").encode(shown).decode()) + "\n")
            else:
                human(self.out, shown)
            self.out.file.flush()


def operation(function: Callable[..., int | None]) -> Callable[..., None]:
    """Make a command of function(invocation, **its own options) -> exit code."""

    def command(  # noqa: PLR0913  # one parameter an option
        *,
        manifest: ManifestOption,
        backend: BackendOption,
        transport: TransportOption,
        backend_config: ConfigOption = None,
        backend_config_file: ConfigFileOption = None,
        backend_config_env: ConfigEnvOption = None,
        codec: CodecOption = None,
        timeout: TimeoutOption = None,
        handshake_timeout: HandshakeOption = 5.0,
        as_json: JsonOption = False,
        log: LogOption = False,
        **own: Any,
    ) -> None:
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
                            typer.echo(f"note: {path} is hidden by an earlier directory", err=True)
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
        raise typer.Exit(code or 0)

    _adopt_signature(command, function)
    return command


def _adopt_signature(command: Callable[..., None], function: Callable[..., Any]) -> None:
    """Give the command function's name, help and own options after the common ones."""
    common = [
        p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD
    ]
    own = list(inspect.signature(function).parameters.values())[1:]
    parameters = [*common, *(p.replace(kind=p.KEYWORD_ONLY) for p in own)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # see PEP 362
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__name__, command.__doc__ = function.__name__, function.__doc__


def _log_printer(*, as_json: bool) -> Callable[[LogRecord], None]:
    """Prints a plugin's log on stderr; for programs one object a line, whatever it wrote."""

    def show(record: LogRecord) -> None:
        typer.echo(render.log_json(record) if as_json else str(record), err=True)

    return show


def _until_interrupted(transport: str) -> AbstractContextManager[Cancellation | None]:
    """What a signal throws; None if the backend is in this process, where a signal must raise."""
    if load_transport(transport).traits.killable:
        return interrupts.cancelling()
    return nullcontext()


def _failed(error: LabError, out: Console, as_json: bool) -> int:
    """Print the error; the exit status. Raises KeyboardInterrupt after a signal.

    If the error is only that the signal has cancelled the call, it is not worth a word.
    """
    given_up = isinstance(error, RpcError) and error.code is Code.CANCELLED
    if not (interrupts.number and given_up):
        tell_error(render.error_text(error))
        if as_json:
            out.file.write(render.error_json(error) + "\n")
    if interrupts.number:
        _tell_interrupt()
        raise KeyboardInterrupt
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_ERROR


def _tell_interrupt() -> None:
    typer.echo("interrupted; the plugin has been stopped", err=True)
