"""Which operation of a model goes where, and why: the data, the page and the trace."""
