"""`python bench/stall.py`: what threads cost when they are not hot, of the rushlight that this Python finds.

The code is in python/rushlight/bench/stall.py.
"""

import sys

from rushlight.bench.stall import main

if __name__ == "__main__":
    sys.exit(main())
