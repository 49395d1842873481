//! What the help of each subcommand says beside its arguments. Text alone.

pub(super) const RUN_HELP: &str = "\
Examples:
  milepost run commands.txt              each line is a command for the shell
  generate-commands | milepost run -j 4  they run while more of them come
  milepost run --event-log events.log commands.txt
                                         milepost watch, log and status read it
  milepost run --web 8080 commands.txt   in a browser too: http://127.0.0.1:8080/
  milepost run -- gzip -k {} ::: *.log   a task for each file, without a shell
  milepost run -- convert {1} -resize {2} {1}.{2}.png ::: a b ::: 50% 25%
  find . -name '*.log' | milepost run -- gzip {}

Words after `--`:
  {} is replaced by the argument; with several lists, {1} by that of the first,
  {2} by that of the second, in all combinations. Without a place for them,
  arguments are appended. Without `:::`, each line of FILE is an argument.

Lines of FILE:
  Empty ones are skipped, and so are commands that begin with `#`.

Output:
  Standard output has what commands wrote to theirs, as --output says. All else
  is on standard error: bars in a terminal, else a line for each command. A
  command tells how far it is by lines such as `progress 3` and `total 10` in
  the file that $MILEPOST_PROGRESS names.

Ctrl-C asks the commands to end (SIGTERM); once more kills them.

Exit codes:
  0 all completed, 1 some failed, 2 wrong usage or input, 130 canceled,
  141 nobody reads the output";

pub(super) const LOG_HELP: &str = "\
Examples:
  milepost log events.log                what happened, a line each
  milepost log --follow --from now events.log
  milepost log --json events.log | jq -r 'select(.error) | .name'
  milepost log --show-cursor events.log  tells where it ended ...
  milepost log --from CURSOR events.log  ... and this goes on from there
  milepost log --format condor --json jobs.log
                                         HTCondor's events, an object each
  milepost log --format condor --as-job --json jobs.log
                                         what they mean, as in an event log

Times are in UTC. With --json, lines are those of the log itself; they are
described in docs/event-log.md. Those of HTCondor's events are in docs/condor.md.

Exit codes:
  0 all was read, 2 there is no such log or part of it is damaged (the rest is
  printed), 130 ended by a signal, 141 nobody reads the output";

pub(super) const WATCH_HELP: &str = "\
Examples:
  milepost run --event-log events.log commands.txt   in one terminal
  milepost watch events.log                          in another one
  milepost watch --format condor logs/*.log          what HTCondor runs

Files need not be there yet. Jobs that have ended are left out if others go on;
if all have ended, it sums them up. A log of HTCondor's never says that no more
jobs come: if some do after that, call it again. The job of a DAG's nodes
(d.dag.nodes.log) ends when d.dag.dagman.log beside it says so.

Exit codes:
  0 all tasks completed, 1 some failed or were canceled, 2 there can't be such a
  log or part of it is damaged, 130 ended by a signal";

pub(super) const STATUS_HELP: &str = "\
Examples:
  milepost status events.log
  milepost status --json events.log | jq .progress.counts
  milepost status --format condor jobs.log           a job for each cluster

With --json, each line is the snapshot of a job, with its tasks.

Exit codes:
  0 all was read, 2 there is no such log or part of it is damaged (the rest is
  counted), 141 nobody reads the output";

pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  milepost completions bash >> ~/.bash_completion
  milepost completions zsh > ~/.zfunc/_milepost
  milepost completions fish > ~/.config/fish/completions/milepost.fish";
