"""An S3 server on this machine."""

import logging
from contextlib import contextmanager

import pytest
from moto.server import ThreadedMotoServer
from pyarrow.fs import S3FileSystem

KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_EC2_METADATA_DISABLED": "true"}
"""The variables of who may read and write there."""


@contextmanager
def keys():
    """This process has the keys within the block, and no other endpoint."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield


@contextmanager
def bucket():
    """HOST:PORT of a server with an empty bucket called ``bucket``."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request tells nothing
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = ":".join(map(str, server.get_host_and_port()))
    with keys():
        S3FileSystem(endpoint_override=address, scheme="http", allow_bucket_creation=True).create_dir("bucket")
    yield address
    server.stop()
