"""Sessions of boto3, which only pulls from CloudWatch Logs need."""

from typing import Any

from collector.pulls.cloudwatch_options import CloudWatchPull


class MissingSession(ValueError):
    """boto3, the region or the profile of a pull is missing; the message says what to do."""


def check_session(pull: CloudWatchPull) -> None:
    """Check boto3, region and profile without sending a request. Raises MissingSession."""
    open_session(pull)


def open_session(pull: CloudWatchPull) -> Any:
    """Return a session with a region. Credentials are searched for with the first request. Raises MissingSession."""
    try:
        from boto3.session import Session
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise MissingSession(
            f"the pull {pull.name} needs boto3, which is not installed: pip install 'ratchet-collector[cloudwatch]'"
        ) from None
    try:
        session = Session(profile_name=pull.profile, region_name=pull.region)
        region = session.region_name
    except BotoCoreError as error:
        raise MissingSession(f"the pull {pull.name}: {error}") from None
    if region is None:
        raise MissingSession(f"the pull {pull.name} has no region: give region, or set AWS_DEFAULT_REGION")
    return session


def open_logs(pull: CloudWatchPull) -> Any:
    """Return a client of CloudWatch Logs. It does not repeat requests: its caller does. Raises MissingSession."""
    session = open_session(pull)
    from botocore.config import Config

    config = Config(connect_timeout=10, read_timeout=60, retries={"total_max_attempts": 1}, user_agent_extra="ratchet")
    return session.client("logs", config=config)
