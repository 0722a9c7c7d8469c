"""Addresses that cannot be those of a head."""

import pytest

from regfleet.errors import InputError
from regfleet.fleet import check_address


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("ray://localhost:10001", "as Ray Client loses results"),
        ("localhost", "expected HOST:PORT; got 'localhost'"),
        ("localhost:x", "expected HOST:PORT; got 'localhost:x'"),
        ("127.0.0.1:1", "expected a Ray head that answers within 5 s"),
    ],
)
def test_an_address_that_cannot_be_a_head_is_refused(address, complaint):
    """The wrong form and a port nobody listens on are told in a line, at once."""
    with pytest.raises(InputError) as caught:
        check_address(address)
    assert complaint in str(caught.value)
