"""What workers do: claim a row, prove that they may, work, and record the outcome.

`queue`, `claims`, `permits` and `outcomes` need only the database; `rendering`, `enrolling`, `measuring` and
`marks` load models, and nothing outside a worker imports them.
"""
