"""`python -m landex`: see `landex.inference.command`."""

import sys

from landex.inference.command import main

if __name__ == "__main__":
    sys.exit(main())
