"""The handshake gate: whether a build of a plugin or a host has become slower to its first answer.

    measure    the clocks: a plugin's handshake, a bare spawn, pairs in random order
    hosts      the clock of a host's command
    opener     a host that opens one library, which is timed by measure
    counts     what a start does, counted and not timed
    decide     the statistics: from pairs to a finding, and when to look
    run        the whole: which transports, and their pairs until there is a verdict
    verdict    from findings to verdicts
    history    builds over time, and the steps in them
    selftest   how often the gate is right here
    forms      how people and CI get to see a result

docs/handshake-gate.md is the page for its users.
"""
