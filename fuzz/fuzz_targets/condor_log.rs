//! Whatever bytes a log of HTCondor has, they are read without a panic, and their events don't depend on the pieces they come in.
//!
//! The first eight bytes of the input are the lengths of the pieces, over and over; the others are the log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use milepost::Timestamp;
use milepost::condor::{Ad, Body, Parser, Zone};

const LENGTHS: usize = 8;

fuzz_target!(|data: &[u8]| {
    let (lengths, log) = data.split_at(data.len().min(LENGTHS));
    let in_pieces = parsed(log, lengths);
    let at_once = parsed(log, &[]);
    assert_eq!(in_pieces, at_once);
});

/// All that the log is read as: each event with its attributes, and what is no event.
fn parsed(mut log: &[u8], lengths: &[u8]) -> Vec<String> {
    // 2026-11-21; dates without a year are before that.
    let mut parser = Parser::new(Zone::utc(), Timestamp::from_micros(1_795_288_841_000_000));
    let (mut all, bytes) = (Vec::new(), log.len() as u64);
    let mut lengths = lengths.iter().map(|length| usize::from(*length)).cycle();
    while !log.is_empty() {
        // As 0 would do nothing, it is one piece of all that is left, and so is all if there are no lengths.
        let length = lengths.next().filter(|length| *length > 0).unwrap_or(log.len());
        let (piece, rest) = log.split_at(length.min(log.len()));
        parser.push(piece);
        take(&mut parser, &mut all);
        log = rest;
    }
    parser.end();
    take(&mut parser, &mut all);
    assert_eq!(parser.offset() + parser.pending() as u64, bytes);
    all.push(format!("{} bytes are left", parser.pending()));
    all
}

fn take(parser: &mut Parser, all: &mut Vec<String>) {
    while let Some(next) = parser.next() {
        all.push(match next {
            Ok(event) => {
                let written =
                    serde_json::to_string(&event.attributes()).expect("an ad has a JSON form");
                let again: Ad = serde_json::from_str(&written).expect("it is an ad again");
                let again = serde_json::to_string(&again).expect("and has the same form");
                assert_eq!(again, written);
                let body = event.body();
                if let Body::Other(attributes) = &body {
                    serde_json::to_string(&attributes.to_ad())
                        .expect("attributes have a JSON form");
                }
                format!("{event:?} {} {body:?} {written}", event.offset())
            }
            Err(damaged) => damaged.to_string(),
        });
    }
}
