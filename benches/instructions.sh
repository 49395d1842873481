#!/usr/bin/env bash
# Counts instructions with callgrind: what no machine's load changes. Fails if a case takes more than its limit.
# Needs valgrind; without it, says so and passes.
set -euo pipefail
cd "$(dirname "$0")/.."

# case, the case that is taken off it, calls that are counted, limit for one of them: the design's budget for reports in a
# loop, else what was counted when it was recorded and a tenth.
cases='
in_a_loop_nothing         -                  100000  -
in_a_loop_store_and_load  in_a_loop_nothing  100000  -
in_a_loop_set_progress    in_a_loop_nothing  100000  10
in_a_loop_advance         in_a_loop_nothing  100000  10
nothing                   -                  100000  -
store_and_load            nothing            100000  -
add_and_load              nothing            100000  -
set_progress              nothing            100000  13
set_progress_integer      nothing            100000  17
set_progress_nobody       nothing            100000  25
advance                   nothing            100000  12
is_canceled               nothing            100000  15
read_event                -                  100000  109
run_task                  -                   10000  4500
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

failed=0
declare -A counted
printf '| %-24s | %12s | %8s |\n' case instructions limit
printf '|--------------------------|-------------:|---------:|\n'
while read -r name less calls limit; do
  [ -n "$name" ] || continue
  counted[$name]=$(per_call "$name" "$calls")
  own=$(awk -v all="${counted[$name]}" -v less="${counted[$less]:-0}" 'BEGIN { printf "%.2f", all - less }')
  verdict=''
  if [ "$limit" != - ] && awk -v own="$own" -v limit="$limit" 'BEGIN { exit !(own > limit) }'; then
    verdict=' too many'
    failed=1
  fi
  printf '| %-24s | %12s | %8s |%s\n' "$name" "$own" "$limit" "$verdict"
done <<<"$cases"
exit "$failed"
