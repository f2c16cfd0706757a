"""Prompt documents: parsing, digests, rendering and comparison. Pure: no network, no files, no clock."""

from ratchet.prompt.canonical import Json
from ratchet.prompt.compatibility import incompatibilities
from ratchet.prompt.diff import ABSENT, Absent, PromptChange, diff, readable, unified
from ratchet.prompt.document import (
    Entry,
    Message,
    Placeholder,
    Prompt,
    Role,
    Slot,
    SlotPlace,
    StructuredMessage,
    Variable,
    VariableType,
)
from ratchet.prompt.errors import PromptError
from ratchet.prompt.examples import example_digest, example_set_digest
from ratchet.prompt.foreign import foreign_syntax
from ratchet.prompt.names import MAX_NAME, prompt_name
from ratchet.prompt.parser import MAX_BYTES, MAX_EXAMPLES, SCHEMA, from_text, parse, parse_json, with_slot
from ratchet.prompt.render import render
from ratchet.prompt.smallest_fix import Fix, smallest_fix

__all__ = [
    "ABSENT",
    "MAX_BYTES",
    "MAX_EXAMPLES",
    "MAX_NAME",
    "SCHEMA",
    "Absent",
    "Entry",
    "Fix",
    "Json",
    "Message",
    "Placeholder",
    "Prompt",
    "PromptChange",
    "PromptError",
    "Role",
    "Slot",
    "SlotPlace",
    "StructuredMessage",
    "Variable",
    "VariableType",
    "diff",
    "example_digest",
    "example_set_digest",
    "foreign_syntax",
    "from_text",
    "incompatibilities",
    "parse",
    "parse_json",
    "prompt_name",
    "readable",
    "render",
    "smallest_fix",
    "unified",
    "with_slot",
]
