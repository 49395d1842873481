//! JSON events: where one ends, and what is in it.

use super::value::Ad;

/// How deep objects and lists may be in each other: one less than what they are parsed to.
const DEEPEST: u32 = 127;

/// Where the object that `bytes` begin with ends, behind its last brace. `searched` is how far the search has come, so that it goes on
/// there if not all is there yet; `bytes` are then the same with more behind them.
///
/// An object that breaks off ends where it can't go on, and can't be parsed: what another writer wrote behind it is not lost
/// with it.
pub(in crate::condor) fn end(bytes: &[u8], searched: &mut Search) -> Option<usize> {
    while let Some(&byte) = bytes.get(searched.at) {
        match searched.step(byte) {
            Step::On => searched.at += 1,
            Step::Again => {}
            Step::Whole => return Some(searched.at + 1),
            Step::Broken => return Some(before_header(bytes, searched.at).max(1)),
        }
    }
    None
}

/// The number that an event in text begins with could as well be a value, up to the bracket behind it.
fn before_header(bytes: &[u8], at: usize) -> usize {
    match bytes[..=at].last_chunk() {
        Some([b'\n', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ', b'(']) => at - 4,
        _ => at,
    }
}

/// How far the search for an object's end has come.
#[derive(Debug, Clone, Default)]
pub(in crate::condor) struct Search {
    pub(in crate::condor) at: usize,
    expected: Expected,
    /// How many objects and lists are open.
    depth: u32,
    /// A bit for each that is open, the lowest for the innermost: whether it is an object.
    objects: u128,
}

/// What comes next.
#[derive(Debug, Clone, Copy, Default)]
enum Expected {
    #[default]
    Value,
    /// Or the end of the list.
    FirstValue,
    Key,
    /// Or the end of the object.
    FirstKey,
    Colon,
    /// A comma, or an end.
    Comma,
    /// More of a number, `true`, `false` or `null`.
    Word,
    /// More of a text, which is a key or not.
    Text {
        key: bool,
    },
    /// What a backslash in it escapes.
    Escaped {
        key: bool,
    },
}

enum Step {
    On,
    /// The byte is to be looked at once more.
    Again,
    Whole,
    Broken,
}

impl Search {
    fn step(&mut self, byte: u8) -> Step {
        use Expected::*;
        self.expected = match (self.expected, byte) {
            (Text { .. }, b'\n') => return Step::Broken,
            (Text { key: true }, b'"') => Colon,
            (Text { key: false }, b'"') => Comma,
            (Text { key }, b'\\') => Escaped { key },
            (Text { key } | Escaped { key }, _) => Text { key },
            (Word, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'+' | b'-') => Word,
            (Word, _) => {
                self.expected = Comma;
                return Step::Again;
            }
            (same, b' ' | b'\t' | b'\r' | b'\n') => same,
            (Value | FirstValue, b'{') => return self.open(true),
            // An event is no list.
            (Value | FirstValue, b'[') if self.depth > 0 => return self.open(false),
            (Value | FirstValue, b'"') if self.depth > 0 => Text { key: false },
            (Value | FirstValue, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-')
                if self.depth > 0 =>
            {
                Word
            }
            (FirstValue, b']') | (FirstKey, b'}') => return self.close(),
            (Key | FirstKey, b'"') => Text { key: true },
            (Colon, b':') => Value,
            (Comma, b',') => match self.in_object() {
                true => Key,
                false => Value,
            },
            (Comma, b'}') if self.in_object() => return self.close(),
            (Comma, b']') if !self.in_object() => return self.close(),
            _ => return Step::Broken,
        };
        Step::On
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn open(&mut self, object: bool) -> Step {
        if self.depth == DEEPEST {
            return Step::Broken;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        self.expected = if object { Expected::FirstKey } else { Expected::FirstValue };
        Step::On
    }

    fn close(&mut self) -> Step {
        self.depth -= 1;
        self.objects >>= 1;
        self.expected = Expected::Comma;
        if self.depth == 0 { Step::Whole } else { Step::On }
    }
}

/// The ad in the object. Bytes in it that are no UTF-8 are U+FFFD.
///
/// # Errors
/// It is no JSON: why.
pub(in crate::condor) fn parse(bytes: &[u8]) -> Result<Ad, Box<str>> {
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str(&text).map_err(|error| error.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Given at once and byte by byte, which has to be the same.
    fn found(text: &[u8]) -> Option<usize> {
        let at_once = end(text, &mut Search::default());
        let mut search = Search::default();
        let bytewise = (0..=text.len()).find_map(|there| end(&text[..there], &mut search));
        assert_eq!(at_once, bytewise, "{}", String::from_utf8_lossy(text));
        at_once
    }

    #[test]
    fn an_object_ends_with_its_brace() {
        for whole in [
            r#"{}"#,
            r#"{"a":1}"#,
            "{\n  \"a\" : -1.5E+3 ,\r\n\t\"b\":[ ] }",
            r#"{"}":"\"}{\\","b":{"c":[{"d":"]"},[],null,true]}}"#,
            r#"{"path":"\/Expr(A + 1)\/","u":"\u00e9"}"#,
        ] {
            for behind in ["", " ", "}", "{\"a\":1}", "\n000 (1.0.0)"] {
                assert_eq!(
                    found(format!("{whole}{behind}").as_bytes()),
                    Some(whole.len()),
                    "{whole}"
                );
            }
            assert!(parse(whole.as_bytes()).is_ok(), "{whole}");
            for cut in 1..whole.len() {
                assert_eq!(found(&whole.as_bytes()[..cut]), None, "{cut} of {whole}");
            }
        }
    }

    #[test]
    fn an_object_that_breaks_off_ends_where_the_next_begins() {
        for (torn, next) in [
            ("{", "{\"a\":1}"),
            ("{\"a\":1,\n", "{\"a\":1}"),
            ("{\"a\":[1,2],", "{\"a\":1}"),
            ("{\"a\":1\n", "000 (1.0.0)"),
            ("{\"a\":1\n", "<c></c>"),
            ("{\"a\":{\"b\":\"x\"\n", "{\"a\":1}"),
            ("{\"a\":\n", "000 (1.0.0)"),
            ("{\"a\":[1,\n", "104 (1.0.0)"),
            ("{\"a\":\"x", "\n005 (1.0.0)"),
            ("{\"a\"", "...\n"),
            ("{\"a\":[1", "}\n"),
            ("{\"a\":1", "]\n"),
        ] {
            let text = format!("{torn}{next}");
            assert_eq!(found(text.as_bytes()), Some(torn.len()), "{text}");
            assert!(parse(torn.as_bytes()).is_err(), "{torn}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_ends_and_is_no_ad() {
        let nested = |levels: usize| {
            format!("{}1{}", "{\"a\":[".repeat(levels / 2), "]}".repeat(levels / 2))
        };
        let deep = nested(126);
        assert_eq!(found(deep.as_bytes()), Some(deep.len()));
        assert!(parse(deep.as_bytes()).is_ok());
        let deeper = nested(1000);
        let there = found(deeper.as_bytes()).expect("an end");
        assert!(there < deeper.len() / 2);
        assert!(parse(&deeper.as_bytes()[..there]).is_err());
    }

    #[test]
    fn whatever_it_is_something_of_it_is_taken() {
        for text in ["]", "[1]", "\"a\"", "1", "x", "\u{0}"] {
            assert!(found(text.as_bytes()).is_some_and(|end| end > 0), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        let text = b"{\"Info\":\"a\xff\\/b\"}";
        assert_eq!(found(text), Some(text.len()));
        assert_eq!(parse(text).expect("an ad").str("info"), Some("a\u{fffd}/b"));
    }

    #[test]
    fn an_error_says_why() {
        let error = parse(b"{\"a\":tru}").expect_err("no JSON");
        assert!(error.contains("line 1"), "{error}");
    }
}
