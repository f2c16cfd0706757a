"""Region and confidentiality of a call, from its span or the resource. Pure."""

from typing import get_args

from collector.domain.otlp.conventions import CLOUD_REGION, CONFIDENTIALITY, REGION
from collector.domain.otlp.span import ExportedSpan
from shared.events.feedback import Confidentiality

_MAX_REGION = 64


def region(span: ExportedSpan) -> str | None:
    """Return the declared region, else the one that the app runs in; None if it is unknown or no name."""
    given = (span.attributes.get(REGION), span.resource.get(REGION), span.resource.get(CLOUD_REGION))
    found = next((each for each in given if each), None)
    usable = isinstance(found, str) and len(found) <= _MAX_REGION and found.isprintable()
    return found if usable else None


def confidentiality(span: ExportedSpan) -> str | None:
    """Return how confidential the texts are; None if it is unknown, or another word than the known ones."""
    found = span.attributes.get(CONFIDENTIALITY) or span.resource.get(CONFIDENTIALITY)
    word = found.lower() if isinstance(found, str) else None
    return word if word in get_args(Confidentiality) else None
