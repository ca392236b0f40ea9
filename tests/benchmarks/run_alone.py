"""`python -I -S run_alone.py RESULT COMMAND...`: runs a command from this small process, and writes down what it took.

A process's largest resident size begins with that of the process that started it, so a benchmark that has grown to
gigabytes would find them again in each of its children.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

result, *command = sys.argv[1:]
started = time.perf_counter()
process = subprocess.Popen(command)
_, status, usage = os.wait4(process.pid, 0)
took = {
    "seconds": time.perf_counter() - started,
    "peak": usage.ru_maxrss * 1024,
    "exit_code": os.waitstatus_to_exitcode(status),
}
with open(result, "w", encoding="utf-8") as file:
    json.dump(took, file)
