"""What a run measured, and what may be said of it: evidence files, their ratios, the report.

Numbers come from numpy and pictures from matplotlib, which only this package needs.
"""
