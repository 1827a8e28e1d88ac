"""A Python plugin that raises what a plugin should not, and keeps its Context."""

from collections.abc import Iterator, Mapping

from transportlab import model
from transportlab.backend import Operations, Plugin
from transportlab.context import Context
from transportlab.model import ApplyEvent, Entry, ReadReply


def strike(app: str | None) -> None:
    if app == "exit":
        raise SystemExit(7)
    if app == "memory":
        raise MemoryError
    if app == "interrupt":
        raise KeyboardInterrupt


class Stubborn:
    """The app of a request says what happens; only read and apply are there."""

    def __init__(self) -> None:
        self.context = Context()

    def read(self, request: model.ReadRequest, context: Context) -> ReadReply:
        strike(request.app)
        if request.app == "print":
            print("printed")
        if request.app == "remember":
            self.context = context
        if request.app == "recall" and self.context.cancellation is not None:
            return ReadReply((Entry(command=str(self.context.cancellation.cancelled)),))
        return ReadReply()

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[ApplyEvent]:
        app = request.plan.app
        strike(app)
        try:
            yield ApplyEvent()
            yield ApplyEvent()
        finally:
            if app == "bad end":
                raise RuntimeError("cannot stop")
            if app == "interrupt at the end":
                raise KeyboardInterrupt


def create(config: Mapping[str, str]) -> Operations:
    operations: Operations = Stubborn()  # type: ignore[assignment]  # not all seven, on purpose
    return operations


PLUGIN = Plugin("stubborn-one", "1.0", create)
