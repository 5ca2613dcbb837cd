"""Debian's boto3 on a berth-api, with nothing of the host's own configuration."""
import datetime
import os

os.environ.update(AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_EC2_METADATA_DISABLED="true")

import boto3  # noqa: E402  pylint: disable=wrong-import-position
from botocore import xform_name  # noqa: E402  pylint: disable=wrong-import-position
from botocore.config import Config  # noqa: E402  pylint: disable=wrong-import-position
from botocore.exceptions import ClientError  # noqa: E402  pylint: disable=wrong-import-position

from all_operations import Refused  # noqa: E402  pylint: disable=wrong-import-position
from api_host import REGION  # noqa: E402  pylint: disable=wrong-import-position


def new_client(url, key, region=REGION, verify=True, **config):
    """config: botocore's Config. One attempt a call, unless it says otherwise."""
    config = {"retries": {"total_max_attempts": 1}, "proxies": {}, **config}
    session = boto3.session.Session(aws_access_key_id=key.id, aws_secret_access_key=key.secret, region_name=region)
    return session.client("transfer", endpoint_url=url, verify=verify, config=Config(**config))


def plain(value):
    """Times, which boto3 gives as datetimes, as seconds."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    return value.timestamp() if isinstance(value, datetime.datetime) else value


def caller(client):
    """A call() for all_operations.py."""
    def call(operation, members):
        try:
            response = getattr(client, xform_name(operation))(**members)
        except ClientError as refused:
            error = refused.response["Error"]
            raise Refused(error["Code"], error["Message"], refused.response) from None
        del response["ResponseMetadata"]
        return plain(response)
    return call
