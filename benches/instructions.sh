#!/usr/bin/env bash
# Counts instructions with callgrind: what no machine's load changes. Fails if a case takes more than its limit.
# Needs valgrind; without it, says so and passes.
set -euo pipefail
cd "$(dirname "$0")/.."

# case, calls that are counted, limit for one of them: the design's budget for set_progress, else what was counted when
# it was recorded and a tenth. The first three are there to compare with.
cases='
nothing                100000  -
store_and_load         100000  -
add_and_load           100000  -
set_progress           100000  10
set_progress_integer   100000  23
set_progress_nobody    100000  25
advance                100000  12
is_canceled            100000  15
read_event             100000  357
run_task                10000  5553
'
# The fewest calls, which are in both counts and so in no difference: they warm up.
base=1000

if ! valgrind=$(command -v valgrind); then
  echo 'valgrind is not installed: no instructions were counted'
  exit 0
fi

program=$(CARGO_PROFILE_BENCH_DEBUG=line-tables-only \
  cargo bench --quiet --no-run --bench instructions --message-format=json |
  grep -o '"executable":"[^"]*"' | tail -1 | cut -d'"' -f4)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# The instructions of a whole run. The environment and the program's path are on its stack, and shift what lies below
# them, which copies of memory take more or fewer instructions for: both are the same everywhere.
cp "$program" "$out/program"
cd "$out"
count() {
  env -i "$valgrind" --tool=callgrind --callgrind-out-file=callgrind --log-file=log ./program "$1" "$2"
  sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p' log
}

# The instructions of one call, with whatever loop and call take.
per_call() {
  local few many
  few=$(count "$1" "$base")
  many=$(count "$1" "$((base + $2))")
  awk -v few="$few" -v many="$many" -v calls="$2" 'BEGIN { printf "%.2f", (many - few) / calls }'
}

loop=0
failed=0
printf '| %-22s | %12s | %8s |\n' case instructions limit
printf '|------------------------|-------------:|---------:|\n'
while read -r name calls limit; do
  [ -n "$name" ] || continue
  total=$(per_call "$name" "$calls")
  if [ "$name" = nothing ]; then
    loop=$total
    printf '| %-22s | %12s | %8s |\n' 'loop and call' "$loop" "$limit"
    continue
  fi
  own=$total
  case $name in
    read_event | run_task) ;;
    *) own=$(awk -v total="$total" -v loop="$loop" 'BEGIN { printf "%.2f", total - loop }') ;;
  esac
  verdict=''
  if [ "$limit" != - ] && awk -v own="$own" -v limit="$limit" 'BEGIN { exit !(own > limit) }'; then
    verdict=' too many'
    failed=1
  fi
  printf '| %-22s | %12s | %8s |%s\n' "$name" "$own" "$limit" "$verdict"
done <<<"$cases"
exit "$failed"
