"""How long regfleet waits: all times in one record, which a test replaces as a whole."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until something is given up, or done again."""

    connect: float = 5.0
    """A head of a cluster, or its Jobs API, answers within."""
    jobs: float = 30.0
    """The Jobs API answers anything else within: it starts a job before it says so."""
    megabyte: float = 15.0
    """And takes so much longer for each megabyte of a job's files."""
    poll: float = 1.0
    """The driver waits for its tasks, then looks after them."""
    look: float = 5.0
    """Between two looks at the nodes of a cluster."""
    node: float = 15.0
    """A node answers a small task within."""
    silence: float = 60.0
    """Without a sign of a trial, after which the user is told."""
    head: float = 35.0
    """A head that does not answer is lost. Ray ends the process of its driver after 60 s; we leave before."""
    loss: float = 10.0
    """What Ray says of a lost node's tasks comes within, or never."""
    begin: float = 120.0
    """A worker begins with what it was given within, where there is room; each time that was in vain, twice as long."""
    overdue: float = 30.0
    """Until a worker that should have ended is ended again."""
    trial: float = 600.0
    """The least that a chunk may take, unless the user sets a limit."""
    retry: float = 60.0
    """The longest pause before a chunk whose worker went before it began is tried again; it begins with 1 s."""
    stop: float = 60.0
    """A job that is stopped writes the report of what is finished, and sends it back, within."""
    library: float = 120.0
    """TensorFlow, or Ray, is ready in a process of its own within."""
    gpu: float = 10.0
    """NVIDIA's driver answers within."""
    lock: float = 0.5
    """A directory's lock is asked for again: `status` holds it for an instant to see whether it is free."""
    batches: float = 300.0
    """A data set that gives batches, which may have no end, has given them all within."""
    settle: float = 1.0
    """Of two drivers that claim a bucket at once both have written their lock by then."""
    refresh: float = 60.0
    """Between two writes of a bucket's lock."""
    stale: float = 300.0
    """A bucket's lock that was not written for so long is taken over."""
    progress: float = 2.0
    """Between two notes of a run's progress in its directory."""
    log: float = 30.0
    """Between two copies of the log, or notes of progress, to a bucket."""
    store_connect: float = 2.0
    """An object store takes a connection within: with `store_request`, twice, one that is away is told in 10 s."""
    store_request: float = 3.0
    """An object store answers within."""
    store_retry: float = 4.0
    """Google's store is asked again for so long."""
    store_pauses: tuple[float, ...] = (2.0, 10.0, 30.0)
    """Before a part is put into an object store again."""

    tracker: float = 60.0
    """A tracker takes a trial within, or begins; else it is left alone."""
    trackers: float = 600.0
    """What is left for trackers at the end of a run is logged within."""


SECONDS = Patience()
