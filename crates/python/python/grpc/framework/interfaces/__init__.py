"""The layers of interfaces."""
