"""The past of an app as its Langfuse server has it: read, never written, and folded as any other past is.

`reading` asks page after page through `http`, the one room that reaches out; `gathering` puts scores and observations
together; `table` gives them as rows. `mending` asks for the two versions of a prompt and shows what would put it back.
"""
