"""The handshake gate: whether a build of a plugin has become slower to its first answer.

    measure    the clocks: a handshake, a bare spawn, a batch of pairs
    opener     a host that opens one library, which is timed by measure
    decide     the statistics: from a batch to a finding
    band       a stored reference, for when there is no base build
    run        the whole: which transports, their batches, a fresh batch where one is suspicious
    verdict    from findings to verdicts, and how people and CI get to see them
    selftest   how often the gate is right here

docs/handshake-gate.md is the page for its users.
"""
