"""From a committed row to every Viewer: Notices over Redis pub/sub, holes refilled from the rows."""
