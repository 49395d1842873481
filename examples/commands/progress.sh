#!/bin/sh
# Counts steps and reports them to whoever runs it. By itself, it counts all the same.
report() { [ -z "$MILEPOST_PROGRESS" ] || echo "$1" >"$MILEPOST_PROGRESS"; }

report 'total 5'
report 'unit steps'
for step in one two three four five; do
    report "message step $step"
    report 'advance 1'
done
echo 'counted to five'
