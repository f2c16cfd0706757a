"""Template syntax of other tools in a prompt: it is text here, and is sent to the model as it is. Pure."""

import re

from ratchet.prompt.document import Prompt
from ratchet.prompt.messages import texts
from ratchet.prompt.placeholders import NAME

_SYNTAX = re.compile(
    r"""\\\{\{[^{}]{0,200}\}\}                         # escaped: text on purpose
    | (?P<other> \{\{\{ [^{}]{1,200} \}\}\}            # Mustache, unescaped
      | \{% [^{}]{1,200}? %\} | \{\# [^{}]{1,200}? \#\}  # Jinja
      | <%  [^<>]{1,200}? %>                           # ERB, EJS
      | \$\{ [A-Za-z_][\w.]{0,100} \}                  # JavaScript, shell
      )
    | \{\{ (?P<inside> [^{}]{1,200} ) \}\}             # ours, Mustache, Jinja, or a brace that a format string escapes
    | (?P<format> \{ [A-Za-z_][\w.\[\]]{0,100} (![rsa])? (:[^{}\s"]{0,20})? \} )  # format strings
    """,
    re.VERBOSE,
)
_OURS = re.compile(rf"[ \t]*{NAME.pattern}[ \t]*")


def foreign_syntax(prompt: Prompt) -> list[str]:
    """What in the messages looks like syntax of Mustache, Jinja, a format string and the like, each once.

    `{{name}}` is ours, and `\\{{name}}` is text on purpose; neither is in the list.
    """
    found: dict[str, None] = {}
    for message in prompt.messages:
        for text in texts(message):
            found |= dict.fromkeys(_in_text(text))
    return list(found)


def _in_text(content: str) -> list[str]:
    return [
        match[0]
        for match in _SYNTAX.finditer(content)
        if match["other"] or match["format"] or (match["inside"] and not _OURS.fullmatch(match["inside"]))
    ]
