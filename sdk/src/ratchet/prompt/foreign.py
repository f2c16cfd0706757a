"""Template syntax of other tools in a prompt, which is text here and sent to the model unchanged. Pure."""

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
    """Return what in the messages looks like Mustache, Jinja, format strings and the like, each once.

    `{{name}}` is a variable, and `\\{{name}}` is escaped; neither is in the list.
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
