"""The command line with other work for its trials: ``python -m support.driver WORK compare …``.

WORK is a function of `support.work`. REGFLEET_TEST_PATIENCE: fields of `Patience` as JSON.
"""

import json
import os
import sys
from functools import partial
from types import SimpleNamespace

from regfleet import patience
from regfleet.cli import main
from regfleet.report import page
from regfleet.running import run as running
from regfleet.training import runtime
from support import work

if __name__ == "__main__":
    patience.SECONDS = patience.Patience(**json.loads(os.environ.get("REGFLEET_TEST_PATIENCE", "{}")))
    running.run = partial(running.run, work=getattr(work, sys.argv.pop(1)))
    running.warm_up = os.getpid  # what is pretended needs no TensorFlow
    running.runtime = SimpleNamespace(ENVIRONMENT=runtime.ENVIRONMENT, prepare=lambda **_: None, has_gpu=lambda: False)
    page.FIGURES = ()  # as in the tests' own process: nobody looks at these reports' figures
    main()
