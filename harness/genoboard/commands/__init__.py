"""Commands: parse, call, print; no decisions. One module for each thing that people come to do."""
