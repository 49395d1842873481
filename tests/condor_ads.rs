//! Values of HTCondor's ads are read as they were written, and whatever bytes a log has, its parser gives the same events for them
//! however they come in pieces.

#![cfg(feature = "condor")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use milepost::Timestamp;
use milepost::condor::{Ad, Body, Parser, Value, Zone};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        any::<String>(),
        "/Expr\\(.{0,6}\\)/",
        select(vec!["\"", "\\", "error", "null", "/Expr(", "$expr"]).prop_map(str::to_owned),
    ]
}

/// Expressions that aren't a value in another form.
fn expressions() -> impl Strategy<Value = Value> {
    "[A-Z][a-z]{0,3} [-+*<&(] .{0,12}".prop_map(|text| Value::Expression(text.into()))
}

fn values() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        Just(Value::Undefined),
        Just(Value::Error),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("equal to itself", |number| !number.is_nan())
            .prop_map(Value::from),
        texts().prop_map(Value::from),
        expressions(),
    ];
    one.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|values| Value::List(values.into())),
            vec(("[A-Za-z_][A-Za-z0-9_]{0,3}", inner), 0..6)
                .prop_map(|values| Value::Ad(values.into_iter().collect())),
        ]
    })
}

fn ads() -> impl Strategy<Value = Ad> {
    vec(("[A-Za-z_][A-Za-z0-9_]{0,6}", values()), 0..8)
        .prop_map(|values| values.into_iter().collect())
}

/// The logs that the parser is tested against, without those that are long.
static LOGS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut logs = Vec::new();
    for folder in ["real", "rotated", "synthetic"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/condor").join(folder);
        let mut paths: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let is_log = path.extension().is_none_or(|extension| extension != "jsonl");
            if is_log && path.metadata().unwrap().len() < 20_000 {
                logs.push(fs::read(path).unwrap());
            }
        }
    }
    assert!(logs.len() > 100, "{} logs", logs.len());
    logs
});

/// A part of a log: all, or from and to anywhere, mostly at most some hundred bytes.
fn parts() -> impl Strategy<Value = Vec<u8>> {
    let at = any::<Index>();
    (at, at_most(), at_most(), any::<bool>()).prop_map(|(log, from, bytes, all)| {
        let log = log.get(&LOGS);
        let from = if all { 0 } else { from.index(log.len() + 1) };
        let to = if all { log.len() } else { from + bytes.index((log.len() - from).min(600) + 1) };
        log[from..to].to_vec()
    })
}

fn at_most() -> impl Strategy<Value = Index> {
    any::<Index>()
}

/// Bytes as they may be in a log that was cut, overwritten and written by several at once.
fn logs() -> impl Strategy<Value = Vec<u8>> {
    let small = |text: &'static [u8]| Just(text.to_vec());
    let piece = prop_oneof![
        4 => parts(),
        1 => vec(any::<u8>(), 0..20),
        1 => prop_oneof![small(b"...\n"), small(b"\n"), small(b"...\r\n"), small(b"{"), small(b"}"), small(b"<c>"), small(b"</c>"), small(b"\0\0\0"), small(b"\"")],
        1 => (parts(), 2..4_usize).prop_map(|(part, times)| part.repeat(times)),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// What the parser says of the bytes if they come in these pieces, as one text for each event.
fn parsed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut parser = Parser::new(Zone::utc(), Timestamp::from_micros(1_795_288_841_000_000));
    let (mut all, mut bytes) = (Vec::new(), 0);
    let mut take = |parser: &mut Parser| {
        while let Some(next) = parser.next() {
            all.push(match next {
                Ok(event) => {
                    let written = serde_json::to_string(&event.attributes()).unwrap();
                    let again: Ad = serde_json::from_str(&written).unwrap();
                    assert_eq!(serde_json::to_string(&again).unwrap(), written);
                    format!("{event:?} {} {:?} {written}", event.offset(), event.body())
                }
                Err(damaged) => format!("{damaged}"),
            });
        }
    };
    for piece in pieces {
        bytes += piece.len() as u64;
        parser.push(piece);
        take(&mut parser);
    }
    parser.end();
    take(&mut parser);
    assert_eq!(parser.offset() + parser.pending() as u64, bytes);
    all.push(format!("{} bytes are left", parser.pending()));
    all
}

proptest! {
    #[test]
    fn an_ad_is_read_as_it_was_written(ad in ads()) {
        let written = serde_json::to_string(&ad).unwrap();
        prop_assert_eq!(serde_json::from_str::<Ad>(&written).unwrap(), ad.clone());
        let pretty = serde_json::to_vec_pretty(&ad).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Ad>(&pretty).unwrap(), ad);
    }

    #[test]
    fn events_dont_depend_on_the_pieces_that_a_log_comes_in(log in logs(), cuts in vec(any::<Index>(), 0..12)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
        cuts.extend([0, log.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &log[cut[0]..cut[1]]).collect();
        prop_assert_eq!(parsed(pieces), parsed([&log[..]]));
    }
}

#[test]
fn a_log_that_comes_byte_by_byte_has_the_same_events() {
    for log in LOGS.iter() {
        assert_eq!(parsed(log.chunks(1)), parsed([&log[..]]), "{}", String::from_utf8_lossy(log));
    }
}

/// An event in JSON, with these attributes besides.
fn event(number: u32, attributes: &str) -> String {
    format!(
        "{{\"EventTypeNumber\":{number},\"Cluster\":1,\"Proc\":0,\"Subproc\":0,\"EventTime\":\"2024-01-02T03:04:05\"{attributes}}}"
    )
}

#[test]
fn an_event_behind_one_that_breaks_off_is_not_lost() {
    let whole = event(8, ",\"Info\":\"half done\"");
    let xml = "<c><a n=\"EventTypeNumber\"><i>5</i></a><a n=\"EventTime\"><s>2024-01-02T03:04:05</s></a><a n=\"Reason";
    let json = event(12, ",\"HoldReason\":1,\n");
    for torn in [xml, json.trim_end_matches('}')] {
        let mut parser = Parser::new(Zone::utc(), Timestamp::from_micros(0));
        for behind in [
            whole.as_str(),
            "<c><a n=\"EventTypeNumber\"><i>8</i></a><a n=\"Info\"><s>half done</s></a><a n=\"EventTime\"><s>2024-01-02T03:04:05</s></a></c>",
        ] {
            parser.push(torn.as_bytes());
            parser.push(b"\n");
            parser.push(behind.as_bytes());
            assert!(parser.next().unwrap().is_err(), "{torn}");
            let event = parser.next().unwrap().unwrap();
            assert!(
                matches!(event.body(), Body::Generic { info: "half done" }),
                "{torn}: {event:?}"
            );
            assert!(parser.next().is_none());
        }
    }
}
