"""The comparison that `make bench` runs: fcgi-run beside other servers, side by side, in one run, in interleaved rounds.

`servers` tells whom, `cases` tells what; `direct`, `proxied` and `memory` measure and `store` what they found; `report` and
`chart` make BENCHMARKS.md and its picture of what is stored, and never of anything else.
"""
