"""The cage: what is put between a CLI and everything else on its machine."""

from app.runner.cage.cage import Cage, Caged

__all__ = ["Cage", "Caged"]
