//! How runs end, in text: 004 and 005, and what they have in common with others.

use std::time::Duration;

use super::lines::{Lines, codes, number, real, said, trim};
use crate::condor::events::ending::{Ended, Evicted, Resource, Terminated, Usage};

/// What lines about the end of a run say, whichever there are.
#[derive(Debug)]
pub(in crate::condor) struct Ending<'a> {
    pub(in crate::condor) ended: Option<Ended>,
    pub(in crate::condor) core_file: Option<&'a str>,
    pub(in crate::condor) run_remote: Usage,
    pub(in crate::condor) run_local: Usage,
    pub(in crate::condor) total_remote: Usage,
    pub(in crate::condor) total_local: Usage,
    pub(in crate::condor) sent: f64,
    pub(in crate::condor) received: f64,
    pub(in crate::condor) total_sent: f64,
    pub(in crate::condor) total_received: f64,
    pub(in crate::condor) resources: Vec<Resource<'a>>,
    /// The first line that is nothing else.
    pub(in crate::condor) words: Option<&'a str>,
}

impl<'a> Ending<'a> {
    pub(in crate::condor) fn of(lines: Lines<'a>) -> Ending<'a> {
        let none = Usage::default();
        let mut ending = Ending {
            ended: None,
            core_file: None,
            run_remote: none,
            run_local: none,
            total_remote: none,
            total_local: none,
            sent: 0.0,
            received: 0.0,
            total_sent: 0.0,
            total_received: 0.0,
            resources: Vec::new(),
            words: None,
        };
        let mut columns = None;
        for line in lines {
            if let Some(columns) = &columns
                && let Some(colon) = line.bytes().position(|byte| byte == b':')
            {
                ending.resources.extend(row(&line[..colon], &line[colon + 1..], columns));
                continue;
            }
            let trimmed = trim(line);
            match trimmed.as_bytes().first() {
                None => columns = None,
                Some(b'U') if ending.usage(trimmed).is_some() => {}
                Some(b'0'..=b'9') if ending.bytes(trimmed).is_some() => {}
                Some(b'(') if ending.how(trimmed).is_some() => {}
                Some(b'P') if trimmed.starts_with("Partitionable Resources") => {
                    columns = Columns::of(line);
                    ending.resources.reserve(6);
                }
                Some(b'J') if is_about_the_end(trimmed) => {}
                _ => {
                    ending.words.get_or_insert(trimmed);
                }
            }
        }
        ending
    }

    /// `(1) Normal termination (return value 0)`, and on core files.
    fn how(&mut self, line: &'a str) -> Option<()> {
        let line = line.get(4..)?;
        if let Some(value) = line.strip_prefix("Normal termination (return value ") {
            self.ended = Some(Ended::Exited(number(value)?.0));
        } else if let Some(value) = line.strip_prefix("Abnormal termination (signal ") {
            self.ended = Some(Ended::Signaled(number(value)?.0));
        } else if let Some(path) = line.strip_prefix("Corefile in: ") {
            self.core_file = Some(path);
        } else if line != "No core file" {
            return None;
        }
        Some(())
    }

    /// `Usr 0 00:00:01, Sys 0 00:00:00  -  Run Remote Usage`.
    fn usage(&mut self, line: &str) -> Option<()> {
        let (usage, whose) = usage(line)?;
        *match whose {
            "Run Remote Usage" => &mut self.run_remote,
            "Run Local Usage" => &mut self.run_local,
            "Total Remote Usage" => &mut self.total_remote,
            "Total Local Usage" => &mut self.total_local,
            _ => return None,
        } = usage;
        Some(())
    }

    /// `834  -  Run Bytes Received By Job`.
    fn bytes(&mut self, line: &str) -> Option<()> {
        let (count, what) = dashed(line)?;
        let which = if what.starts_with("Run Bytes Sent By ") {
            &mut self.sent
        } else if what.starts_with("Run Bytes Received By ") {
            &mut self.received
        } else if what.starts_with("Total Bytes Sent By ") {
            &mut self.total_sent
        } else if what.starts_with("Total Bytes Received By ") {
            &mut self.total_received
        } else {
            return None;
        };
        *which = real(count)?;
        Some(())
    }

    pub(in crate::condor) fn terminated(self) -> Terminated<'a> {
        Terminated {
            ended: self.ended.unwrap_or(Ended::Unknown),
            core_file: self.core_file,
            run_remote: self.run_remote,
            run_local: self.run_local,
            total_remote: self.total_remote,
            total_local: self.total_local,
            sent: self.sent,
            received: self.received,
            total_sent: self.total_sent,
            total_received: self.total_received,
            resources: self.resources,
        }
    }
}

/// `Job was evicted.`, its first line's end, and the lines after it.
pub(in crate::condor) fn evicted<'a>(head: &str, mut lines: Lines<'a>) -> Evicted<'a> {
    // The first line alone says what kind of eviction it is; those of a retry look like it.
    let kind = lines.clone().next_trimmed().unwrap_or("");
    let checkpointed = kind.starts_with("(1) ");
    let requeued = kind.contains("terminated and was requeued");
    if kind.starts_with('(') {
        lines.next();
    }
    let ending = Ending::of(lines);
    let codes = codes(trim(head));
    let reason = ending.words.map(|words| words.strip_prefix("Reason: ").unwrap_or(words));
    Evicted {
        checkpointed,
        requeued: requeued.then(|| ending.ended.unwrap_or(Ended::Unknown)),
        core_file: ending.core_file,
        reason,
        code: codes.map(|(code, _)| code),
        subcode: codes.map(|(_, subcode)| subcode),
        run_remote: ending.run_remote,
        run_local: ending.run_local,
        sent: ending.sent,
        received: ending.received,
        resources: ending.resources,
    }
}

/// What HTCondor says in words of a job's end, beside the reason: `Job terminated of its own accord at ...`.
pub(in crate::condor) fn is_about_the_end(line: &str) -> bool {
    line.starts_with("Job terminated by ") || line.starts_with("Job terminated of ")
}

/// `12  -  What`: both.
#[inline]
fn dashed(line: &str) -> Option<(&str, &str)> {
    let end = line.bytes().position(|byte| byte == b' ')?;
    Some((&line[..end], line[end..].strip_prefix("  -  ")?))
}

/// `Usr 1 02:03:04, Sys 5 06:07:08  -  Whose`: with whose it is.
fn usage(line: &str) -> Option<(Usage, &str)> {
    let (user, rest) = time(line.strip_prefix("Usr ")?)?;
    let (system, rest) = time(rest.strip_prefix(", Sys ")?)?;
    Some((Usage { user, system }, rest.strip_prefix("  -  ")?))
}

/// `1 02:03:04`: with what follows.
fn time(text: &str) -> Option<(Duration, &str)> {
    let (days, rest) = number(text)?;
    let rest = rest.strip_prefix(' ')?;
    let &[h, i, b':', m, n, b':', s, t] = rest.as_bytes().get(..8)? else {
        return None;
    };
    if ![h, i, m, n, s, t].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let two = |tens: u8, ones: u8| u64::from(tens - b'0') * 10 + u64::from(ones - b'0');
    let seconds = two(h, i) * 3600 + two(m, n) * 60 + two(s, t);
    let days = u64::try_from(days).ok()?.checked_mul(86_400)?;
    Some((Duration::from_secs(days.checked_add(seconds)?), &rest[8..]))
}

/// Where the table's columns end, counted from its colon.
#[derive(Debug)]
struct Columns {
    used: usize,
    requested: usize,
}

impl Columns {
    fn of(line: &str) -> Option<Columns> {
        let (_, heads) = line.split_once(':')?;
        // What HTCondor writes.
        if heads.starts_with("    Usage  Request ") {
            return Some(Columns { used: 9, requested: 18 });
        }
        let end = |head: &str| heads.find(head).map(|start| start + head.len());
        Some(Columns { used: end("Usage")?, requested: end("Request")? })
    }
}

/// `   Memory (MB)          :      100     2048      2048 `.
fn row<'a>(name: &'a str, cells: &'a str, columns: &Columns) -> Option<Resource<'a>> {
    let name = trim(name);
    let unit = name.bytes().position(|byte| byte == b'(');
    let name = unit.map_or(name, |unit| trim(&name[..unit]));
    let mut resource = Resource { name, ..Resource::default() };
    let (mut numbers, mut count) = ([(0.0, 0); 3], 0);
    let mut at = 0;
    while let Some(blanks) = cells.as_bytes()[at..].iter().position(|byte| *byte != b' ') {
        let start = at + blanks;
        let len = cells.as_bytes()[start..].iter().take_while(|byte| **byte != b' ').count();
        match real(&cells[start..start + len]) {
            Some(number) if count < numbers.len() => numbers[count] = (number, start + len),
            _ => {
                resource.assigned = said(cells[start..].trim_matches(['"', ' ', '\t', '\r']));
                break;
            }
        }
        count += 1;
        at = start + len;
    }
    for (n, (number, end)) in numbers.into_iter().take(count).enumerate() {
        // They end where their column does; long ones move those behind them, but then all are there.
        let column = match count {
            3 => n,
            _ if end <= columns.used => 0,
            _ if end <= columns.requested => 1,
            _ => 2,
        };
        *[&mut resource.used, &mut resource.requested, &mut resource.allocated][column] =
            Some(number);
    }
    (!name.is_empty()).then_some(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "\tPartitionable Resources :    Usage  Request Allocated Assigned";

    fn of(row: &str) -> String {
        let text = format!("{HEAD}\n{row}");
        let cells = |r: &Resource<'_>| {
            format!("{:?} {:?} {:?} {:?}", r.used, r.requested, r.allocated, r.assigned)
        };
        Ending::of(Lines::of(&text)).resources.iter().map(cells).collect()
    }

    #[test]
    fn cells_of_the_table_are_known_by_their_columns() {
        for (row, used, requested, allocated, assigned) in [
            (
                "   Cpus                 :     0.25        1         1 ",
                Some(0.25),
                Some(1.0),
                Some(1.0),
                None,
            ),
            (
                "   Cpus                 :                 1         1 ",
                None,
                Some(1.0),
                Some(1.0),
                None,
            ),
            ("   GPUs                 :                           0 ", None, None, Some(0.0), None),
            (
                "   TimeExecute (s)      :       12                    ",
                Some(12.0),
                None,
                None,
                None,
            ),
            (
                "   Disk (KB)            :    17        4000      5000 ",
                Some(17.0),
                Some(4000.0),
                Some(5000.0),
                None,
            ),
            (
                "   GPUs                 :     0.50        1         1 \"GPU-a, GPU-b\"",
                Some(0.5),
                Some(1.0),
                Some(1.0),
                Some("GPU-a, GPU-b"),
            ),
            (
                "   Disk (KB)            : 123456789012 1000 123456789012 ",
                Some(123_456_789_012.0),
                Some(1000.0),
                Some(123_456_789_012.0),
                None,
            ),
        ] {
            let assigned: Option<&str> = assigned;
            let expected = format!("{used:?} {requested:?} {allocated:?} {assigned:?}");
            assert_eq!(of(row), expected, "{row}");
        }
    }

    #[test]
    fn usage_that_is_none_is_no_usage() {
        let (used, whose) = usage("Usr 1 02:03:04, Sys 5 06:07:08  -  Run Remote Usage").unwrap();
        assert_eq!((used.user.as_secs(), used.system.as_secs()), (93_784, 454_028));
        assert_eq!(whose, "Run Remote Usage");
        for line in [
            "Usr",
            "Usr 1 02:03",
            "Usr x 02:03:04, Sys 5 06:07:08  -  x",
            "Usr 1 02:03:04",
            "Usr 1 ü2:03:04",
        ] {
            assert!(usage(line).is_none(), "{line}");
        }
    }
}
