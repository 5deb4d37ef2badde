"""The layers that an update is made of, each of which can be used by itself."""
