"""Where chunks of trials run: on Ray, or in this process for debugging, under one contract."""

from regfleet.fleet.forking import ForkServer
from regfleet.fleet.interface import Fleet, FleetSettings, InProcess, Work, WorkSource
from regfleet.fleet.joining import check_address
from regfleet.fleet.ray_fleet import ray_fleet

__all__ = ["Fleet", "FleetSettings", "ForkServer", "InProcess", "Work", "WorkSource", "check_address", "ray_fleet"]
