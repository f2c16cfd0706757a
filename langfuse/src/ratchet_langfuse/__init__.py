"""Client of Langfuse's public API, versions 3 and 4.

`http` has the network access, and knows GET only; `writer` adds the POST of scores. `api_versions` has the paths and
parameters, `schemas` the responses, `pages` reads whole lists.
"""
