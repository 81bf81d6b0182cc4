"""Detectors, one family a module: ``find(text)`` gives findings with their places, in linear time.

Time is linear because every repetition in every pattern is bounded, so that one attempt costs no more
than a fixed number of steps wherever it starts (held by a test that reads the patterns), or is a walk
that never looks at a character twice. Detectors read folded text (`holdfast.core.policy.fold`); call
`holdfast.core.policy.scan.scan` for text as people write it.
"""
