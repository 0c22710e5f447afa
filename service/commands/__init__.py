"""The subcommands of `lencds`, one module each; `service.cli` imports the one that is called."""
