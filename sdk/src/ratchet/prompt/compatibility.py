"""Compatibility of the variables of two prompts. Pure."""

from ratchet.prompt.document import Prompt


def incompatibilities(prompt: Prompt, like: Prompt) -> list[str]:
    """Return why an app that fills in the required variables of `like` can't render `prompt`; empty if it can.

    Variables that `prompt` does not use are ignored.
    """
    found = []
    for name, variable in prompt.variables.items():
        given = like.variables.get(name)
        if variable.required and (given is None or not given.required):
            found.append(f"it needs the variable {name}")
        if given is not None and given.type != variable.type:
            found.append(f"it takes the variable {name} as a {variable.type}, not as a {given.type}")
    return found
