//! What each ad of an event has: which event, of which job, and when. Reads no times.

use super::event_type::EventType;
use super::key::JobKey;
use crate::condor::ad::value::{Ad, Value};

/// What each ad of an event has.
#[derive(Debug)]
pub(in crate::condor) struct AdHeader<'a> {
    pub(in crate::condor) event_type: EventType,
    pub(in crate::condor) key: JobKey,
    /// When, as it is written.
    pub(in crate::condor) time: &'a str,
}

/// # Errors
/// It has no event's number, or no time, or ids that are none: which.
pub(in crate::condor) fn header(ad: &Ad) -> Result<AdHeader<'_>, Box<str>> {
    let number = ad.get("EventTypeNumber").ok_or("it has no EventTypeNumber")?;
    let number = number.as_i64().and_then(|number| u32::try_from(number).ok());
    let number = number.ok_or("its EventTypeNumber is none")?;
    let time = ad.get("EventTime").ok_or("it has no EventTime")?;
    let key =
        JobKey { cluster: id(ad, "Cluster")?, proc: id(ad, "Proc")?, subproc: id(ad, "Subproc")? };
    Ok(AdHeader {
        event_type: EventType::new(number),
        key,
        time: time.as_str().ok_or("its EventTime is no text")?,
    })
}

/// HTCondor leaves out ids that are negative.
fn id(ad: &Ad, name: &str) -> Result<i64, Box<str>> {
    match ad.get(name) {
        None | Some(Value::Undefined) => Ok(-1),
        Some(Value::Integer(id)) => Ok(*id),
        Some(_) => Err(format!("its {name} is no whole number").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<(u32, String, String), Box<str>> {
        let ad: Ad = serde_json::from_str(json).expect("an ad");
        let header = header(&ad)?;
        Ok((header.event_type.number(), format!("{:?}", header.key), header.time.to_owned()))
    }

    #[test]
    fn ids_that_are_left_out_are_negative() {
        let (number, key, time) =
            read(r#"{"EventTypeNumber":5,"Cluster":114,"proc":3,"EventTime":"now"}"#)
                .expect("a header");
        assert_eq!((number, time.as_str()), (5, "now"));
        assert_eq!(key, format!("{:?}", JobKey { cluster: 114, proc: 3, subproc: -1 }));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (json, reason) in [
            ("{}", "it has no EventTypeNumber"),
            (r#"{"EventTypeNumber":"5"}"#, "its EventTypeNumber is none"),
            (r#"{"EventTypeNumber":-5}"#, "its EventTypeNumber is none"),
            (r#"{"EventTypeNumber":5}"#, "it has no EventTime"),
            (r#"{"EventTypeNumber":5,"EventTime":1}"#, "its EventTime is no text"),
            (r#"{"EventTypeNumber":5,"EventTime":"","Proc":"x"}"#, "its Proc is no whole number"),
        ] {
            assert_eq!(read(json).expect_err(json), reason.into(), "{json}");
        }
    }
}
