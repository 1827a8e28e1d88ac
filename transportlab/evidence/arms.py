"""What is compared: each transport with each of its codecs, a second copy of one, and a control."""

from dataclasses import dataclass
from importlib.util import find_spec

from transportlab.channel import EndpointKind
from transportlab.errors import PluginError
from transportlab.host.discovery import find
from transportlab.registry import load_transport, transport_names

ARM, COPY, CONTROL = "arm", "aa", "control"

BACKENDS = ("echo", "crontab")
"""The plugins that the suites run."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing that is compared; copies are told apart by id alone."""

    id: str
    transport: str
    codec: str
    role: str = ARM

    @property
    def usual(self) -> bool:
        """Whether the codec is the transport's usual one, which stands for its carriage."""
        return self.role == ARM and load_transport(self.transport).traits.codecs[0] == self.codec


CONTROL_ARM = Arm("control", "", "", CONTROL)
"""A pipe echo: what the machine itself did meanwhile."""


def transport_arms() -> tuple[list[Arm], list[tuple[str, str]]]:
    """The arms that can run here, and what cannot with why."""
    arms: list[Arm] = []
    missing = []
    for name in transport_names():
        traits = load_transport(name).traits
        reason = _missing(traits.endpoint, traits.requires)
        if reason:
            missing.append((name, reason))
            continue
        arms += [Arm(f"{name}-{codec}", name, codec) for codec in traits.codecs]
    return arms, missing


def _missing(endpoint: EndpointKind, requires: tuple[str, ...]) -> str:
    absent = [library for library in requires if find_spec(library) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if endpoint is EndpointKind.OBJECT:
        return ""
    try:
        for backend in BACKENDS:
            find(backend, library=endpoint is EndpointKind.LIBRARY)
    except PluginError as error:
        library = endpoint is EndpointKind.LIBRARY and error.code == "E-NOT-FOUND"
        return "no libraries were built (no C compiler)" if library else error.code
    return ""


def codec_arms(arms: list[Arm]) -> list[Arm]:
    """The codecs that the transports carry, each as an arm of its own."""
    carried = {arm.codec for arm in arms if load_transport(arm.transport).traits.wire}
    return [Arm(f"codec-{codec}", "", codec) for codec in sorted(carried)]


def copy_of(arms: list[Arm]) -> Arm:
    """The A/A arm: the first arm that has a plugin process, if there is one, once more."""
    isolated = [a for a in arms if a.transport and load_transport(a.transport).traits.isolated]
    original = (isolated or arms)[0]
    return Arm(f"{original.id}#2", original.transport, original.codec, COPY)
