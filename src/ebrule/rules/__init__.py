"""The kinds of rule, how two states of one differ, and how three merge. Pure: no I/O, no clock."""
