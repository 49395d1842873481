//! HTCondor's logs in pieces: however they are cut, they are the same events and the same damage.

#![cfg(feature = "condor")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use milepost::Timestamp;
use milepost::condor::{Damaged, Event, EventType, JobKey, Parser, Zone};
use proptest::prelude::*;

/// What is compared of an event.
type Said = (EventType, JobKey, Timestamp, u64, Option<String>);

fn said(one: Result<Event, Damaged>) -> Result<Said, Damaged> {
    one.map(|event| {
        let text = event.text().map(str::to_owned);
        (event.event_type(), event.key(), event.at(), event.offset(), text)
    })
}

fn end(one: &Result<Said, Damaged>) -> usize {
    let end = match one {
        Ok((.., offset, _)) => *offset,
        Err(damaged) => damaged.offset + damaged.bytes,
    };
    usize::try_from(end).unwrap()
}

fn parser() -> Parser {
    Parser::new(Zone::utc(), Timestamp::from_micros(1_795_302_000_000_000))
}

fn all(parser: &mut Parser) -> Vec<Result<Said, Damaged>> {
    std::iter::from_fn(|| parser.next()).map(said).collect()
}

fn at_once(bytes: &[u8]) -> Vec<Result<Said, Damaged>> {
    let mut parser = parser();
    parser.push(bytes);
    all(&mut parser)
}

/// All of them, with their bytes.
static LOGS: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/condor");
    let all = walkdir::WalkDir::new(data).sort_by_file_name().into_iter().map(|one| one.unwrap());
    let is_log = |path: &PathBuf| {
        path.is_file() && path.extension().is_none_or(|end| end != "jsonl" && end != "md")
    };
    let logs = all.map(|one| one.into_path()).filter(is_log);
    logs.map(|log| (log.clone(), fs::read(log).unwrap())).collect()
});

#[test]
fn bytes_that_come_one_by_one_are_the_same_events() {
    for (log, bytes) in &*LOGS {
        let mut parser = parser();
        let mut found = Vec::new();
        for byte in bytes {
            parser.push(&[*byte]);
            found.extend(all(&mut parser));
        }
        assert_eq!(found, at_once(bytes), "{log:?}");
    }
}

/// What was read before an event makes no difference to it, so that only the event that is cut is read again.
#[test]
fn an_event_that_is_cut_anywhere_is_the_same() {
    // What may have to be there behind an event so that its end is known: the next one, if that began within it.
    const MORE: usize = 1024;
    let mut cuts = 0;
    for (log, bytes) in &*LOGS {
        let mut start = 0;
        for expected in at_once(bytes) {
            let end = end(&expected);
            for cut in start + 1..end {
                let mut parser = parser().at(start as u64);
                parser.push(&bytes[start..cut]);
                let mut found = parser.next();
                if found.is_none() {
                    parser.push(&bytes[cut..bytes.len().min(end + MORE)]);
                    found = parser.next();
                }
                assert_eq!(found.map(said).as_ref(), Some(&expected), "{log:?} cut at {cut}");
                cuts += 1;
            }
            start = end;
        }
    }
    assert!(cuts > 100_000, "{cuts}");
}

/// How a log is spoilt.
#[derive(Debug, Clone)]
enum Fault {
    Removed { at: usize, bytes: usize },
    Inserted { at: usize, what: Vec<u8> },
    Again { at: usize, from: usize, bytes: usize },
}

fn fault() -> impl Strategy<Value = Fault> {
    let what = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"...\n".to_vec()),
        Just(b"...\r\n".to_vec()),
        Just(b"{".to_vec()),
        Just(b"\n<c>\n".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\n005 (1.0.0) 2024-01-02 03:04:05 x\n".to_vec()),
        Just(vec![0; 300]),
        Just(vec![b' '; 300]),
        proptest::collection::vec(any::<u8>(), 1..20),
    ];
    prop_oneof![
        (0..10_000_usize, 1..600_usize).prop_map(|(at, bytes)| Fault::Removed { at, bytes }),
        (0..10_000_usize, what).prop_map(|(at, what)| Fault::Inserted { at, what }),
        (0..10_000_usize, 0..10_000_usize, 1..600_usize)
            .prop_map(|(at, from, bytes)| Fault::Again { at, from, bytes }),
    ]
}

fn spoil(mut bytes: Vec<u8>, faults: &[Fault]) -> Vec<u8> {
    for fault in faults {
        let len = bytes.len() + 1;
        match fault {
            Fault::Removed { at, bytes: n } => {
                let at = at % len;
                bytes.drain(at..(at + n).min(len - 1));
            }
            Fault::Inserted { at, what } => {
                bytes.splice(at % len..at % len, what.iter().copied());
            }
            Fault::Again { at, from, bytes: n } => {
                let from = from % len;
                let some = bytes[from..(from + n).min(len - 1)].to_vec();
                bytes.splice(at % len..at % len, some);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spoilt_log_is_the_same_however_it_is_cut(
        log in any::<prop::sample::Index>(),
        faults in proptest::collection::vec(fault(), 1..6),
        cuts in proptest::collection::vec(1..900_usize, 1..40),
    ) {
        let (_, bytes) = &LOGS[log.index(LOGS.len())];
        let start = bytes.len().saturating_sub(12_000);
        let bytes = spoil(bytes[start..].to_vec(), &faults);
        let mut parser = parser();
        let mut found = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            let (piece, more) = rest.split_at(rest.len().min(*cut));
            parser.push(piece);
            found.extend(all(&mut parser));
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
        let expected = at_once(&bytes);
        prop_assert_eq!(&found, &expected);
        // All bytes are in one of them, between them, or pending.
        let mut last = 0;
        for one in &expected {
            prop_assert!(end(one) > last);
            last = end(one);
        }
        prop_assert!(last <= usize::try_from(parser.offset()).unwrap());
        prop_assert_eq!(usize::try_from(parser.offset()).unwrap() + parser.pending(), bytes.len());
    }
}
