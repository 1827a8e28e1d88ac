from typing import Any

import pytest

from transportlab.registry import load_backend
from transportlab.sdk.session import PluginSession
from transports.jsonrpc.service import Delivery, Service


@pytest.fixture
def service() -> Service:
    plugin = load_backend("echo")
    assert plugin is not None
    return Service(PluginSession(plugin), lambda _line: None)


def thrown(delivery: Delivery) -> list[Any]:
    """The ids of the requests that are cancelled."""
    return [each["id"] for each in delivery.requests if delivery.origin(each).switch.cancelled]


def batch(*numbers: Any) -> Delivery:
    return Delivery([{"id": number} for number in numbers], 0)


def test_a_cancellation_concerns_the_ids_of_lines_that_are_not_answered(service: Service) -> None:
    first, second, third = batch(1, 2), batch(2, "2"), batch(2)
    for delivery in (first, second, third):
        service.accept(delivery)
    service.finish(third)
    service.cancel(first.origin(None), id=2)
    assert [thrown(d) for d in (first, second, third)] == [[2], [2], []]
    service.cancel(first.origin(None))
    service.cancel(first.origin(None), id=[])
    service.cancel(first.origin(None), id=True)
    assert [thrown(d) for d in (first, second, third)] == [[2], [2], []]


def test_a_stop_cancels_what_goes_on_and_what_comes_later(service: Service) -> None:
    before, after = batch(1, "2", None), Delivery({"method": "Read"}, 0)
    service.accept(before)
    service.stop()
    service.accept(after)
    assert thrown(before) == [1, "2", None]
    assert after.origin(after.requests).switch.cancelled


def test_requests_that_cannot_be_cancelled_by_name_have_no_id_of_their_own() -> None:
    requests: list[Any] = [{"method": "Read"}, {"id": []}, {"id": True}, 1, None, []]
    for request in requests:
        assert Delivery([request], 0).origin(request).id is None


def test_an_id_is_kept_as_it_is_written_in_json() -> None:
    delivery = batch(1, "1", None, 1.5)
    ids = [delivery.origin(each).id for each in delivery.requests]
    assert ids == [b"1", b'"1"', b"null", b"1.5"]
