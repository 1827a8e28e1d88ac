"""For tests of the crontab backend alone."""

from typing import Any

import pytest


@pytest.fixture
def subject(crontab_subject: Any) -> Any:
    """The crontab backend, on a file that is not there yet."""
    return crontab_subject
