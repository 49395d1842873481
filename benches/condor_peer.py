#!/usr/bin/env python3
"""Times HTCondor's own reader of job event logs, as it is called from Python, on the log that `condor.rs` reads.

cargo bench --features condor --bench condor -- --write many.log && benches/condor_peer.py many.log

Needs HTCondor's bindings (`pip install htcondor`); without them, says so and passes.
"""

import sys
import time

try:
    import htcondor2
except ImportError:
    print("htcondor2 is not installed: nothing was measured")
    sys.exit(0)

log = htcondor2.JobEventLog(sys.argv[1])
wall, cpu = time.perf_counter(), time.process_time()
events = sum(1 for _ in log.events(stop_after=0))
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(f"{events} events: {wall:.1f} s, of the processor {cpu:.1f} s")
