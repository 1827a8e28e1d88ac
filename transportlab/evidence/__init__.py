"""Evidence: how the transports are measured, and what may be said of them.

    record      evidence files and their types
    suites/     what is measured: one module for each question
    run/        a run: its plan, its processes, the machine's facts
    cluster/    a run over the machines of a Dask cluster
    analysis/   ratios with intervals, verdicts on claims
    report/     REPORT.md and its figures
    gate/       the handshake gate, for authors of plugins

analysis and gate need numpy, and report needs matplotlib too; nothing else in the project does.
"""
