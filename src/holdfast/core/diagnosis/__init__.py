"""The checklist of `holdfast doctor`: one small function for each point, over facts that were gathered before."""
