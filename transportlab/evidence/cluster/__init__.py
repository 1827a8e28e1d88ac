"""A run over many machines: `transportlab evidence --dask ADDRESS`.

    run      who measures which block; knows nothing of Dask
    files    a file for each machine
    engine   the connection to a Dask cluster
    remote   what a Dask worker runs: it starts an agent, and stops it
    agent    the process that plans and measures, on the machine of the worker

Theory of operation
===================

**Machines.** Workers at one address are one machine, which measures one block at a time, and has
one evidence file. The file has the facts, the arms and the gaps of that machine, so the report
treats it as it treats the file of any run.

**Kinds.** Machines that the report would put into one group are one kind, and share the blocks of
the profile: each block is measured once. A machine of another kind has figures of its own, to which
blocks from elsewhere add nothing, so each kind has all blocks. A block that is lost with its worker
is measured again by whatever machine of the kind is free.

**Orders.** A worker first gets an order to describe itself. The answer says what it would measure,
and is compared with this package: another version or other code measures nothing. Then it gets one
block at a time. The answer to either is an evidence file without the blocks of others.

**Processes.** A worker's own process does not measure, as it has Dask's threads. It starts an
agent, which starts measuring processes as `transportlab evidence` does. The agent's stdin stays
open as long as it is wanted. If the worker dies or the run is stopped, the agent sees the end of
its stdin, and stops its measuring process, which stops its plugin.
"""
