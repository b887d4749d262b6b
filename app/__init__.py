"""Errand: hands work to coding-agent command lines and brings the result back."""

import atexit
import gc

__version__ = "0.1.0"

# As it ends, Python looks through every object three times for cycles to collect, half a second in a web or
# Celery process, though the system takes the memory back anyway. What was registered first is called last:
# whatever else is to be done at the exit has been done.
atexit.register(gc.freeze)
