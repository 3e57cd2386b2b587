"""`python bench/run.py` is `rushlight bench`, of the rushlight that this Python finds.

The code is in python/rushlight/bench/.
"""

import sys

from rushlight.bench.run import main

if __name__ == "__main__":
    sys.exit(main())
