//! Properties: what is noted of a job or task by name, such as the host that it runs on. Knows nothing of either.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// The value of a property. In JSON it is the plain boolean, number or string.
///
/// Integers are made [`Int`](Property::Int), but for those of `u64` and `usize` beyond `i64`, which become the nearest
/// [`Float`](Property::Float).
///
/// ```
/// use milepost::Property;
///
/// assert_eq!(Property::from(2u32), Property::Int(2));
/// assert_eq!(Property::from(u64::MAX), Property::Float(18_446_744_073_709_551_615.0));
/// assert_eq!(Property::from("node3").to_string(), "node3");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a property is a boolean, a number or a string")]
#[non_exhaustive]
pub enum Property {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number. JSON has no others, and so no [`Properties`] hold them: NaN and infinities are ignored where
    /// they are to be put there.
    Float(f64),
    /// Text.
    Text(Arc<str>),
}

impl Property {
    /// The text, if it is one.
    ///
    /// ```
    /// # use milepost::Property;
    /// assert_eq!(Property::from("node3").as_str(), Some("node3"));
    /// assert_eq!(Property::from(3).as_str(), None);
    /// ```
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Property::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one; integers beyond 2^53 give the nearest `f64`.
    ///
    /// ```
    /// # use milepost::Property;
    /// assert_eq!(Property::from(0.5).as_f64(), Some(0.5));
    /// assert_eq!(Property::from(3).as_f64(), Some(3.0));
    /// assert_eq!(Property::from("3").as_f64(), None);
    /// ```
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Property::Int(number) => Some(*number as f64),
            Property::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The whole number, if it is an [`Int`](Property::Int).
    ///
    /// ```
    /// # use milepost::Property;
    /// assert_eq!(Property::from(3).as_i64(), Some(3));
    /// assert_eq!(Property::from(3.0).as_i64(), None);
    /// ```
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Property::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    ///
    /// ```
    /// # use milepost::Property;
    /// assert_eq!(Property::from(true).as_bool(), Some(true));
    /// assert_eq!(Property::from(1).as_bool(), None);
    /// ```
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Property::Bool(yes) => Some(*yes),
            _ => None,
        }
    }

    fn has_json(&self) -> bool {
        !matches!(self, Property::Float(number) if !number.is_finite())
    }
}

/// The plain value: text without quotes.
impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Property::Bool(yes) => yes.fmt(f),
            Property::Int(number) => number.fmt(f),
            Property::Float(number) => number.fmt(f),
            Property::Text(text) => text.fmt(f),
        }
    }
}

macro_rules! from {
    ($($t:ty: $value:ident => $property:expr,)*) => {$(
        impl From<$t> for Property {
            fn from($value: $t) -> Property { $property }
        }
    )*};
}

from! {
    bool: yes => Property::Bool(yes),
    i8: number => Property::Int(number.into()),
    i16: number => Property::Int(number.into()),
    i32: number => Property::Int(number.into()),
    i64: number => Property::Int(number),
    isize: number => Property::Int(number as i64),
    u8: number => Property::Int(number.into()),
    u16: number => Property::Int(number.into()),
    u32: number => Property::Int(number.into()),
    u64: number => i64::try_from(number).map_or(Property::Float(number as f64), Property::Int),
    usize: number => Property::from(number as u64),
    f32: number => Property::Float(number.into()),
    f64: number => Property::Float(number),
    &str: text => Property::Text(text.into()),
    &String: text => Property::Text(text.as_str().into()),
    String: text => Property::Text(text.into()),
    Arc<str>: text => Property::Text(text),
}

/// As many as one bag has: setting one copies it.
const MOST: usize = 256;

/// Named [`Property`] values, in the order of their names: a cheap clone. In JSON it is an object:
/// `{"gpus":2,"host":"node3"}`. It is meant for a handful, as every event of a task tells all of them: of more than 256,
/// those that come last are ignored, which is logged.
///
/// ```
/// use milepost::Properties;
///
/// let properties: Properties = [("host", "node3"), ("arch", "aarch64")].into_iter().collect();
/// let host = properties.get("host").and_then(|host| host.as_str());
/// assert_eq!(host, Some("node3"));
/// assert_eq!(serde_json::to_string(&properties)?, r#"{"arch":"aarch64","host":"node3"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Default, Deserialize)]
#[serde(from = "BTreeMap<Arc<str>, Property>")]
pub struct Properties(Option<Arc<Sorted>>);

/// By name. No map, as one for a single property would take half a kilobyte.
type Sorted = Vec<(Arc<str>, Property)>;

/// Where the property of that name is, or would be.
fn place(all: &Sorted, name: &str) -> Result<usize, usize> {
    all.binary_search_by(|(there, _)| (**there).cmp(name))
}

impl Properties {
    /// The property of that name.
    ///
    /// ```
    /// # use milepost::{Properties, Property};
    /// let properties: Properties = [("gpus", 2)].into_iter().collect();
    /// assert_eq!(properties.get("gpus"), Some(&Property::Int(2)));
    /// assert_eq!(properties.get("host"), None);
    /// ```
    pub fn get(&self, name: &str) -> Option<&Property> {
        let all = self.0.as_ref()?;
        place(all, name).ok().map(|at| &all[at].1)
    }

    /// All of them, in the order of their names.
    ///
    /// ```
    /// # use milepost::Properties;
    /// let properties: Properties = [("gpus", 2), ("cpus", 8)].into_iter().collect();
    /// let shown: Vec<String> = properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
    /// assert_eq!(shown, ["cpus=8", "gpus=2"]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Property)> {
        self.0.iter().flat_map(|all| all.iter()).map(|(name, value)| (&**name, value))
    }

    /// How many there are.
    ///
    /// ```
    /// # use milepost::Properties;
    /// let properties: Properties = [("gpus", 2), ("gpus", 4)].into_iter().collect();
    /// assert_eq!(properties.len(), 1); // the last one counts
    /// ```
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |all| all.len())
    }

    /// Whether there are none.
    ///
    /// ```
    /// # use milepost::Properties;
    /// assert!(Properties::default().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets a property, in place of one of the same name. What has no JSON form is ignored.
    pub(crate) fn set(&mut self, name: impl AsRef<str> + Into<Arc<str>>, value: Property) {
        let before = self.get(name.as_ref());
        if before.is_none() && self.len() >= MOST {
            let name = name.as_ref();
            tracing::warn!(name, "{MOST} properties are as many as there can be: it is ignored");
        } else if value.has_json() && before != Some(&value) {
            let all = Arc::make_mut(self.0.get_or_insert_default());
            match place(all, name.as_ref()) {
                Ok(at) => all[at].1 = value,
                Err(at) => {
                    all.reserve_exact(1);
                    all.insert(at, (name.into(), value));
                }
            }
        }
    }
}

impl<N: Into<Arc<str>>, P: Into<Property>> FromIterator<(N, P)> for Properties {
    /// Of two with the same name, the last one counts. NaN and infinite numbers are ignored.
    fn from_iter<I: IntoIterator<Item = (N, P)>>(all: I) -> Properties {
        let mut properties = Properties::default();
        for (name, value) in all {
            properties.set(name.into(), value.into());
        }
        properties
    }
}

impl From<BTreeMap<Arc<str>, Property>> for Properties {
    fn from(all: BTreeMap<Arc<str>, Property>) -> Properties {
        all.into_iter().collect()
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).expect("it has a JSON form")
    }

    #[test]
    fn values_keep_their_kind_through_json() {
        let all = [
            (Property::from(true), "true"),
            (Property::from(-1i8), "-1"),
            (Property::from(i64::MIN), "-9223372036854775808"),
            (Property::from(i64::MAX as u64), "9223372036854775807"),
            (Property::from(1.0), "1.0"),
            (Property::from(0.25f32), "0.25"),
            (Property::from("1"), "\"1\""),
            (Property::from(&String::from("a\n")), "\"a\\n\""),
        ];
        for (value, text) in all {
            assert_eq!(json(&value), text);
            let back: Property = serde_json::from_str(text).expect("it was written like that");
            assert_eq!(back, value);
        }
        // Another writer's number beyond `i64` is what `From` makes of it.
        for text in ["9223372036854775808", "18446744073709551615"] {
            let beyond: Property = serde_json::from_str(text).expect("a number");
            assert_eq!(beyond, Property::from(text.parse::<u64>().expect("a number")));
            assert!(matches!(beyond, Property::Float(_)), "{beyond:?}");
        }
    }

    #[test]
    fn what_is_no_property_says_what_is() {
        for text in ["null", "[1]", "{}"] {
            let error = serde_json::from_str::<Property>(text).expect_err("it is none").to_string();
            assert!(error.contains("a boolean, a number or a string"), "{error}");
        }
    }

    #[test]
    fn accessors_give_what_there_is() {
        let of = |value: Property| {
            (value.as_bool(), value.as_i64(), value.as_f64(), value.as_str().map(String::from))
        };
        assert_eq!(of(true.into()), (Some(true), None, None, None));
        assert_eq!(of(2.into()), (None, Some(2), Some(2.0), None));
        assert_eq!(of(2.5.into()), (None, None, Some(2.5), None));
        assert_eq!(of("2".into()), (None, None, None, Some("2".into())));
        let shown = [true.into(), 2.into(), 2.5.into(), Property::from("a b")];
        assert_eq!(shown.map(|value| value.to_string()), ["true", "2", "2.5", "a b"]);
    }

    #[test]
    fn numbers_that_json_has_not_are_ignored() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let all: Properties = [("rate", bad)].into_iter().collect();
            assert_eq!(all, Properties::default());
            let mut all: Properties = [("rate", 0.5)].into_iter().collect();
            all.set("rate", bad.into());
            assert_eq!(json(&all), r#"{"rate":0.5}"#);
        }
    }

    #[test]
    fn there_are_no_more_than_can_be_told_each_time() {
        let mut all: Properties = (0..1_000).map(|n| (n.to_string(), n)).collect();
        assert_eq!(all.len(), MOST);
        all.set("0", Property::Int(7));
        all.set("new", Property::Int(7));
        assert_eq!((all.get("0"), all.get("new")), (Some(&Property::Int(7)), None));
    }

    #[test]
    fn they_are_sorted_shared_and_as_large_as_a_pointer() {
        let mut all: Properties = [("b", 1), ("a", 2), ("b", 3)].into_iter().collect();
        assert_eq!(json(&all), r#"{"a":2,"b":3}"#);
        assert_eq!(format!("{all:?}"), r#"{"a": Int(2), "b": Int(3)}"#);
        let before = all.clone();
        all.set("b", 3.into());
        let (Some(a), Some(b)) = (&all.0, &before.0) else { unreachable!("it has some") };
        assert!(Arc::ptr_eq(a, b), "an equal value changes nothing");
        all.set("c", "new".into());
        assert_eq!((before.len(), all.len()), (2, 3));
        let back: Properties = serde_json::from_str(&json(&all)).expect("an object");
        assert_eq!(back, all);
        assert_eq!(size_of::<Properties>(), 8);
    }
}
