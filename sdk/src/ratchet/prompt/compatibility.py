"""Whether who fills in one prompt's variables can render another. Pure."""

from ratchet.prompt.document import Prompt


def incompatibilities(prompt: Prompt, like: Prompt) -> list[str]:
    """What keeps an app that fills in what `like` requires from rendering `prompt`; nothing if it can.

    What `prompt` has no use for keeps nobody: an app may leave it out.
    """
    found = []
    for name, variable in prompt.variables.items():
        given = like.variables.get(name)
        if variable.required and (given is None or not given.required):
            found.append(f"it needs the variable {name}")
        if given is not None and given.type != variable.type:
            found.append(f"it takes the variable {name} as a {variable.type}, not as a {given.type}")
    return found
