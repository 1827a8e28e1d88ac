"""What the decision rests on, as data: criteria, figures, scales and weights, and who wins by them.

spec/decision.json has the criteria. criteria.py reads it, sources.py looks up each figure where it
stands, scoring.py makes scores of figures, ranking.py ranks and says how firm that is, and page.py
makes docs/decision.html. Nothing here measures, and no figure that was measured stands in the file.
"""
