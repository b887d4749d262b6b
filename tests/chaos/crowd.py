"""Load and viewers as the faults know them."""

from tests.chaos.load import Load
from tests.chaos.viewers import Viewers


class Crowd:
    """Those who use Errand."""

    def __init__(self, load: Load, viewers: Viewers) -> None:
        self.duplicates = load.duplicates
        self.cancels = load.cancels
        self.retries = load.retries
        self._viewers = viewers

    def drop_viewers(self, _share: float) -> None:
        """Break the connections of those who look."""
        self._viewers.drop()
