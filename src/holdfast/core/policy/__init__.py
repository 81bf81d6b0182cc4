"""Admission: detectors of sensitive content, and the judgement a policy makes of them."""
