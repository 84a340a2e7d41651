"""Rankings: one training, repeated with one thing changed, over several seeds and test sets.

`grid` is the ranking on disk, made of jobs (`job`); `executor` does the jobs, each in a process of its own (`run_job`); `results`
gathers them, `statistics` compares them, `report` writes tables and the page; `preparation` and `leakage` check everything before the
first job; `ranking` is all of it in order.
"""
