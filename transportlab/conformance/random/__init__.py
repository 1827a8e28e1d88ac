"""Random sequences of operations, held against a model; what fails is shrunk and kept as a capsule.

steps     the steps of a sequence, as plain data
state     what a store holds: lines of a crontab, or entries alone
model     what each operation must answer, by PROTOCOL.md, and what it leaves behind
judge     whether a call ended so
arms      the plugin on each transport, one session kept open
play      one model, and the arms that must all agree with it
machine   draws sequences and shrinks them; it alone imports Hypothesis
search    looks for failures on all arms, and plays them again
capsule   a failure as a file, and how it is read back
"""
