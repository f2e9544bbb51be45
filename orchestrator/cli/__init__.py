"""The door: parse, wire, dispatch, print."""
