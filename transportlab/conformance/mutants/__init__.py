"""Mutants: plugins that are right but for one fault, to show which vectors notice it.

    data.py     the types of spec/conformance/mutants/*.json, and how they are loaded
    build.py    a copy of the plugin with the fault, built
    run.py      the vectors on each mutant: start here
    matrix.py   which vectors find which mutant, as text, JSON Lines and Markdown

docs/conformance.md tells how to add one.
"""
