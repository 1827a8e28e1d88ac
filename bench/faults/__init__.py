"""A campaign of faults: plugins that misbehave, each on every transport, and what the host does.

    python -m bench.faults [--runs 20] [--transport X] [--fault F] [--out evidence/faults.json]
                           [--take FILE] [--write evidence/faults.md]

catalogue.py says which faults there are, plugin.py commits them, trial.py is a host that meets one
of them, campaign.py runs the hosts, and table.py makes the table of evidence/faults.md.
"""
