"""The command's first lines: what a signal does until all of it is imported.

Python makes SIGINT an exception from its start, so Ctrl-C in the second that imports may take would
show a traceback of wherever they are. Until the command heeds signals (cli/interrupts.py) it simply
ends by them: there is nothing to stop yet.
"""

import signal


def main() -> None:
    """The entry point of the installed command."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # neither ignored (nohup)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from transportlab.cli import main as command

    command()


if __name__ == "__main__":
    main()
