"""Run a command; print as JSON what time it took, and the peak memory of the largest of its processes.

This is a process of its own, and a small one, since the system counts into a process's peak the memory of the one
that it was forked from.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024

began = time.perf_counter()
done = subprocess.run(
    sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
)
seconds = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump(
    {
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * MAXRSS_BYTES,
        "exit_code": done.returncode,
        "said": done.stdout.decode(errors="replace"),
    },
    sys.stdout,
)
