"""The command line: one file per command, each an options object and ``run(options)``."""
