"""The evaluation engine: pure, without files, processes and clocks."""
