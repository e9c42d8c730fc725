"""``python -m stoker`` is the command ``stoker``."""

from ._binary import main

main()
