"""The command's first lines: what a signal does until the command is imported.

Python makes SIGINT an exception from its start. Ctrl-C during the imports, which may take a second,
would show a traceback from the middle of them. So until the command heeds signals (cli/process.py)
a signal simply ends the process: there is nothing to stop yet.
"""

import signal


def main() -> None:
    """The entry point of the installed command."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as by nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from transportlab.cli import main as command

    command()


if __name__ == "__main__":
    main()
