//! [`Ad`] and [`Value`]: named values, as HTCondor has them. Knows no event; the texts that they are read from are others' matter.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value of an [`Ad`].
///
/// In JSON it is the plain value; what is undefined is `null`, and an expression is `{"$expr":"A + 1"}`. Numbers that JSON hasn't
/// are expressions there as well: `{"$expr":"real(\"NaN\")"}`. Read from JSON an expression is also what HTCondor's tools write:
/// `"/Expr(A + 1)/"`.
///
/// ```
/// use milepost::condor::Value;
///
/// let value = Value::Expression("Memory + 1".into());
/// assert_eq!(serde_json::to_string(&value)?, r#"{"$expr":"Memory + 1"}"#);
/// assert_eq!(serde_json::from_str::<Value>(r#""\/Expr(Memory + 1)\/""#)?, value);
///
/// let infinite = serde_json::to_string(&Value::Real(f64::INFINITY))?;
/// assert_eq!(infinite, r#"{"$expr":"real(\"INF\")"}"#);
/// assert_eq!(serde_json::from_str::<Value>(&infinite)?, Value::Real(f64::INFINITY));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// It has no value.
    Undefined,
    /// Its expression makes no sense.
    Error,
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Real(f64),
    /// Text.
    String(Box<str>),
    /// Values in order.
    List(Box<[Value]>),
    /// An ad in an ad.
    Ad(Ad),
    /// What has to be evaluated to be a value, as it was written.
    Expression(Box<str>),
}

/// Numbers that are written as expressions.
const INFINITE: &str = "real(\"INF\")";
const NEGATIVE: &str = "real(\"-INF\")";
const NO_NUMBER: &str = "real(\"NaN\")";

impl Value {
    /// What an expression is, of which values that can't be written otherwise are recognised.
    pub(in crate::condor) fn expression(text: &str) -> Value {
        let is = |other: &str| text.eq_ignore_ascii_case(other);
        match text.as_bytes().first() {
            Some(b'e' | b'E') if is("error") => Value::Error,
            Some(b'u' | b'U') if is("undefined") => Value::Undefined,
            Some(b'r' | b'R') if is(INFINITE) => Value::Real(f64::INFINITY),
            Some(b'r' | b'R') if is(NEGATIVE) => Value::Real(f64::NEG_INFINITY),
            Some(b'r' | b'R') if is(NO_NUMBER) => Value::Real(f64::NAN),
            // Texts that look like an expression in JSON.
            Some(b'"') => match serde_json::from_str::<Box<str>>(text) {
                Ok(inner) if as_expression(&inner).is_some() => Value::String(inner),
                _ => Value::Expression(text.into()),
            },
            _ => Value::Expression(text.into()),
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, whole or not.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Integer(number) => Some(*number as f64),
            Value::Real(number) => Some(*number),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Boolean(yes) => Some(*yes),
            _ => None,
        }
    }

    /// The ad, if it is one.
    pub fn as_ad(&self) -> Option<&Ad> {
        match self {
            Value::Ad(ad) => Some(ad),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Real(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Value {
        Value::Boolean(yes)
    }
}

impl From<Ad> for Value {
    fn from(ad: Ad) -> Value {
        Value::Ad(ad)
    }
}

/// Values by name: what HTCondor calls a ClassAd. Names don't differ by case, and are in alphabetical order.
///
/// ```
/// use milepost::condor::Ad;
///
/// let ad: Ad = serde_json::from_str(r#"{"ClusterId":114,"Owner":"ann","Rank":"/Expr(Memory + 1)/"}"#)?;
/// assert_eq!(ad.get("clusterid").and_then(|id| id.as_i64()), Some(114));
/// assert_eq!(serde_json::to_value(&ad)?["Rank"]["$expr"], "Memory + 1");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Default)]
pub struct Ad(Vec<(Box<str>, Value)>);

impl Ad {
    /// No values.
    pub const fn new() -> Ad {
        Ad(Vec::new())
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(there, _)| by_name(there, name))
    }

    /// The value with that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.find(name).ok().and_then(|at| self.0.get(at)).map(|(_, value)| value)
    }

    /// Sets a value, instead of the one that has the name.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.find(name) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name.into(), value)),
        }
    }

    /// The text with that name.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The whole number with that name.
    pub fn i64(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    /// The number with that name.
    pub fn f64(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }

    /// The boolean with that name.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Ad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Alphabetically, whatever the case.
fn by_name(a: &str, b: &str) -> Ordering {
    let bytes = a.bytes().map(|byte| byte.to_ascii_lowercase());
    bytes.cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// The last of those with the same name is kept.
impl<N: Into<Box<str>>> FromIterator<(N, Value)> for Ad {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(values: I) -> Ad {
        let mut values: Vec<(Box<str>, Value)> =
            values.into_iter().map(|(name, value)| (name.into(), value)).collect();
        // Sorting is stable: so that reversed, the first of equals is the last that was given.
        values.reverse();
        values.sort_by(|(a, _), (b, _)| by_name(a, b));
        values.dedup_by(|(later, _), (first, _)| later.eq_ignore_ascii_case(first));
        Ad(values)
    }
}

impl Serialize for Ad {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// The one field of an expression in JSON.
const EXPRESSION: &str = "$expr";

/// The expression in a text as HTCondor's tools write it in JSON.
fn as_expression(text: &str) -> Option<&str> {
    text.strip_prefix("/Expr(")?.strip_suffix(")/")
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let expression = |text: &str, serializer: S| {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(EXPRESSION, text)?;
            map.end()
        };
        match self {
            Value::Undefined => serializer.serialize_unit(),
            Value::Error => expression("error", serializer),
            Value::Boolean(yes) => serializer.serialize_bool(*yes),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Real(number) if number.is_nan() => expression(NO_NUMBER, serializer),
            Value::Real(number) if number.is_infinite() => {
                expression(if *number > 0.0 { INFINITE } else { NEGATIVE }, serializer)
            }
            Value::Real(number) => serializer.serialize_f64(*number),
            Value::String(text) if as_expression(text).is_some() => {
                let quoted = serde_json::to_string(text).map_err(S::Error::custom)?;
                expression(&quoted, serializer)
            }
            Value::String(text) => serializer.serialize_str(text),
            Value::List(values) => serializer.collect_seq(values),
            Value::Ad(ad) => ad.serialize(serializer),
            Value::Expression(text) => expression(text, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Ad {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ad, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Ad(ad) => Ok(ad),
            Value::List(_) => Err(D::Error::custom("an ad is an object, and no list")),
            _ => Err(D::Error::custom("an ad is an object, and no single value")),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of an ad")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Undefined)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Boolean(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Real(number as f64), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Real(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(match as_expression(text) {
            Some(text) => Value::expression(text.trim()),
            None => Value::String(text.into()),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Box<str>, Value)> = Vec::new();
        while let Some(entry) = values.next_entry()? {
            entries.push(entry);
        }
        let ad: Ad = entries.into_iter().collect();
        Ok(match (ad.len(), ad.get(EXPRESSION).and_then(Value::as_str)) {
            (1, Some(text)) => Value::expression(text),
            _ => Value::Ad(ad),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(value: &Value) -> Value {
        let written = serde_json::to_string(value).expect("a value has a JSON form");
        serde_json::from_str(&written).expect("it is read again")
    }

    #[test]
    fn names_have_no_case_and_the_last_of_several_wins() {
        let values = [("cpus", 1), ("Disk", 2), ("CPUS", 3), ("disk", 4), ("cpuS", 5), ("_x", 6)];
        let ad: Ad =
            values.map(|(name, value)| (name, Value::Integer(value))).into_iter().collect();
        let there: Vec<_> = ad.iter().map(|(name, value)| (name, value.as_i64())).collect();
        assert_eq!(there, [("_x", Some(6)), ("cpuS", Some(5)), ("disk", Some(4))]);
        assert_eq!((ad.i64("CPUs"), ad.i64("DISK"), ad.i64("cpu")), (Some(5), Some(4), None));

        let mut set = Ad::new();
        for (name, value) in values {
            set.set(name, value);
        }
        assert_eq!(
            (set.len(), set.i64("Cpus"), set.i64("Disk"), set.i64("_X")),
            (3, Some(5), Some(4), Some(6))
        );
        let read: Ad = serde_json::from_str(r#"{"a":1,"A":"/Expr( B + 1 )/"}"#).expect("an ad");
        assert_eq!(read.get("a"), Some(&Value::Expression("B + 1".into())));
    }

    #[test]
    fn numbers_that_json_has_not_are_expressions() {
        for number in [f64::INFINITY, f64::NEG_INFINITY, 1e300, -0.5, 1.0, 5e-324] {
            assert_eq!(again(&Value::Real(number)), Value::Real(number));
        }
        let written = serde_json::to_string(&Value::Real(f64::NAN)).expect("a form");
        assert_eq!(written, r#"{"$expr":"real(\"NaN\")"}"#);
        assert!(again(&Value::Real(f64::NAN)).as_f64().is_some_and(f64::is_nan));
        let large: Value = serde_json::from_str("18446744073709551615").expect("a number");
        assert_eq!(large, Value::Real(18_446_744_073_709_551_615.0));
    }

    #[test]
    fn text_that_looks_like_an_expression_stays_text() {
        for text in ["/Expr(1)/", "/Expr()/", "/Expr(\"\u{fc}\\\")/", "\"", "error"] {
            assert_eq!(again(&Value::from(text)), Value::from(text));
        }
        let quoted = Value::Expression("\"text\"".into());
        assert_eq!(again(&quoted), quoted);
    }

    #[test]
    fn errors_and_undefined_values_are_read_again() {
        assert_eq!(serde_json::to_string(&Value::Undefined).expect("a form"), "null");
        assert_eq!(again(&Value::Undefined), Value::Undefined);
        assert_eq!(again(&Value::Error), Value::Error);
        let read: Value = serde_json::from_str(r#""/Expr(ERROR)/""#).expect("a value");
        assert_eq!(read, Value::Error);
    }

    #[test]
    fn what_is_no_object_is_no_ad() {
        for text in ["[]", "1", "null", r#"{"$expr":"A"}"#] {
            let error = serde_json::from_str::<Ad>(text).expect_err("no ad").to_string();
            assert!(error.starts_with("an ad is an object"), "{error}");
        }
        assert!(serde_json::from_str::<Value>(&"[".repeat(100_000)).is_err());
    }
}
