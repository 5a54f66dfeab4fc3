"""The registry's pages: parse, call a service, render."""
