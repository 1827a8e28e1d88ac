"""The table of languages: plugins in each, over each transport, under each host.

`python -m bench.languages` measures it and writes evidence/languages.json and .md.
"""
