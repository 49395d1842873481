#!/usr/bin/env bash
# Fuzzes a target for some seconds: fuzz/run.sh [SECONDS [TARGET]]. Needs a C++ compiler, but neither cargo-fuzz nor a nightly compiler: the
# flags are those that cargo-fuzz gives, without the address sanitizer, which safe code can do without.
#
# Inputs that fail are in fuzz/artifacts; run one again by giving its path, as it is told, instead of the seconds. What was found to be of interest is
# kept in fuzz/corpus, from where the next run goes on.
set -euo pipefail
cd "$(dirname "$0")"
what=${1:-60}
target=${2:-condor_log}
host=$(rustc -vV | sed -n 's/^host: //p')

export RUSTFLAGS='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1'
# With a target named, build scripts and macros are built without these flags.
cargo build --release --target "$host" --bin "$target"
program="${CARGO_TARGET_DIR:-target}/$host/release/$target"

mkdir -p "corpus/$target" "artifacts/$target"
options=(-timeout=5 -max_len=65536 "-artifact_prefix=artifacts/$target/")
if [ -e "$what" ]; then
  exec "$program" "${options[@]}" "$what"
fi

# The lengths of pieces that the target expects before a log.
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
find ../tests/data/condor -type f ! -name '*.jsonl' ! -name '*.md' -size -64k | while read -r log; do
  { printf '\100\001\377\003\020\002\000\007' | cat - "$log"; } >"$seeds/$(basename "$log")"
done
"$program" "${options[@]}" "-max_total_time=$what" "corpus/$target" "$seeds"
