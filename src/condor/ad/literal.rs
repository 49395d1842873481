//! Values as they are written in text: `1`, `1.5E3`, `"a b"`, `true`, `{ 1, 2 }`, `[ A = 1; ]`. What is none of these is an
//! expression, which isn't understood any further.

use super::value::{Ad, Value};

/// How deep lists and ads are read into each other; what is deeper is an expression. Less than what JSON is read to.
const DEEPEST: usize = 48;

/// The value that is all of `text`.
pub(in crate::condor) fn parse(text: &str) -> Value {
    let text = text.trim();
    let mut reader = Reader { text, at: 0, depth: 0, cut: false };
    let value = reader.literal();
    let value = value.filter(|_| reader.rest().trim_start().is_empty());
    value.unwrap_or_else(|| Value::expression(text))
}

struct Reader<'a> {
    text: &'a str,
    /// On a border of characters.
    at: usize,
    depth: usize,
    /// The end was met in search of a bracket: what is around it isn't whole either, and needs no look.
    cut: bool,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes that byte, which is ASCII, if it comes next behind blanks.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// A value that isn't an expression; what follows it is the caller's matter.
    fn literal(&mut self) -> Option<Value> {
        self.skip_blanks();
        match self.peek()? {
            b'"' => self.string().map(|text| Value::String(text.into())),
            b'{' => self.nested(Reader::list),
            b'[' => self.nested(Reader::ad),
            _ => self.word(),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Option<Value>) -> Option<Value> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Option<Value> {
        let mut values = Vec::new();
        if self.take(b'}') {
            return Some(Value::List(values.into()));
        }
        loop {
            values.push(self.element(b',', b'}')?);
            if self.take(b'}') {
                return Some(Value::List(values.into()));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn ad(&mut self) -> Option<Value> {
        let mut values: Vec<(&str, Value)> = Vec::new();
        while !self.take(b']') {
            let name = self.name()?;
            if !self.take(b'=') {
                return None;
            }
            values.push((name, self.element(b';', b']')?));
            self.skip_blanks();
            if !self.take(b';') && self.peek() != Some(b']') {
                return None;
            }
        }
        Some(Value::Ad(values.into_iter().collect::<Ad>()))
    }

    /// Names that are no words stand between single quotes.
    fn name(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        let rest = self.rest();
        let (name, taken) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').map(|(name, _)| (name, name.len() + 2))?,
            None => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                let name = rest.split(|c| !is_part(c)).next()?;
                (name, name.len())
            }
        };
        self.at += taken;
        (!name.is_empty()).then_some(name)
    }

    /// A value in a list or ad: up to `separator` or `close`, an expression if it is nothing else.
    fn element(&mut self, separator: u8, close: u8) -> Option<Value> {
        self.skip_blanks();
        let start = self.at;
        if let Some(value) = self.literal() {
            self.skip_blanks();
            if self.peek().is_some_and(|next| next == separator || next == close) {
                return Some(value);
            }
        }
        if self.cut {
            return None;
        }
        self.at = start;
        self.skip_expression(separator, close);
        let text = self.text.get(start..self.at)?.trim();
        (!self.cut && !text.is_empty()).then(|| Value::expression(text))
    }

    /// Brackets and quotes in it may hold what would end it.
    fn skip_expression(&mut self, separator: u8, close: u8) {
        let mut open = 0_usize;
        while let Some(next) = self.peek() {
            match next {
                _ if open == 0 && (next == separator || next == close) => return,
                b'"' | b'\'' => {
                    self.at = quoted(self.text, self.at).unwrap_or(self.text.len());
                    continue;
                }
                b'{' | b'[' | b'(' => open += 1,
                b'}' | b']' | b')' => open = open.saturating_sub(1),
                _ => {}
            }
            // All that is stopped at is ASCII, so it doesn't matter that this may be within a character.
            self.at += 1;
        }
        self.cut = true;
    }

    fn string(&mut self) -> Option<String> {
        let Some(end) = quoted(self.text, self.at) else {
            self.cut = true;
            return None;
        };
        let inner = self.text.get(self.at + 1..end - 1)?;
        self.at = end;
        Some(inner.replace("\\\"", "\""))
    }

    fn word(&mut self) -> Option<Value> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
        let word = self.rest().split(|c| !is_part(c)).next()?;
        self.at += word.len();
        keyword(word).or_else(|| number(word))
    }
}

/// Where the quoted text at `start` ends, behind its quote. A backslash is one unless a quote follows that is not the end of all:
/// `"C:\dir\"` is whole.
fn quoted(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.get(start)?;
    let mut at = start + 1;
    loop {
        let next = *bytes.get(at)?;
        let escapes = next == b'\\' && bytes.get(at + 1) == Some(&quote) && at + 2 < bytes.len();
        at += if escapes { 2 } else { 1 };
        if next == quote {
            return Some(at);
        }
    }
}

fn keyword(word: &str) -> Option<Value> {
    let keywords = [
        ("true", Value::Boolean(true)),
        ("false", Value::Boolean(false)),
        ("undefined", Value::Undefined),
        ("error", Value::Error),
    ];
    let found = keywords.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// A decimal number. `010`, `0x1F` and `10K` are expressions: readers differ in what they are.
fn number(word: &str) -> Option<Value> {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    let is_first = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let is_octal = digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit());
    if !is_first || is_octal {
        return None;
    }
    word.parse().map(Value::Integer).or_else(|_| word.parse().map(Value::Real)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        serde_json::to_string(&parse(text)).unwrap_or_default()
    }

    fn is_expression(text: &str) -> bool {
        parse(text) == Value::Expression(text.trim().into())
    }

    #[test]
    fn numbers_are_whole_or_real() {
        assert_eq!(parse("9007199254740993"), Value::Integer(9_007_199_254_740_993));
        assert_eq!(parse("-5"), Value::Integer(-5));
        assert_eq!(parse("9223372036854775807"), Value::Integer(i64::MAX));
        assert_eq!(parse("9223372036854775808"), Value::Real(9_223_372_036_854_775_808.0));
        assert_eq!(parse("1.000000000000000E+00"), Value::Real(1.0));
        assert_eq!(parse(" 1.5e-3 "), Value::Real(0.0015));
        assert_eq!(parse("real(\"-INF\")"), Value::Real(f64::NEG_INFINITY));
        for other in ["010", "0x1F", "10K", "1+2", "1 2", "inf", "NaN", "-", ".", "1.2.3", "", "+"]
        {
            assert!(is_expression(other), "{other}: {:?}", parse(other));
        }
    }

    #[test]
    fn keywords_have_any_case() {
        assert_eq!(shown("TRUE"), "true");
        assert_eq!(shown("False"), "false");
        assert_eq!(parse("Undefined"), Value::Undefined);
        assert_eq!(parse("ERROR"), Value::Error);
        assert!(is_expression("truely"));
    }

    #[test]
    fn of_backslashes_only_those_before_a_quote_are_escapes() {
        let text = r#""a \"q\" \\ back\nnl \t tab""#;
        assert_eq!(parse(text), Value::from(r#"a "q" \\ back\nnl \t tab"#));
        assert_eq!(parse(r#""C:\dir\""#), Value::from(r"C:\dir\"));
        assert_eq!(parse(r#""""#), Value::from(""));
        assert_eq!(parse("\"\u{fc}n\u{ef}\""), Value::from("\u{fc}n\u{ef}"));
        for broken in [r#"""#, r#""a"#, r#""a" "b""#, r#""a" + "b""#, r#""..."#] {
            assert!(is_expression(broken), "{broken}: {:?}", parse(broken));
        }
    }

    #[test]
    fn lists_and_ads_nest() {
        assert_eq!(shown(r#"{ 1,"two",3.0,{ 4 } }"#), r#"[1,"two",3.0,[4]]"#);
        assert_eq!(shown("{}"), "[]");
        assert_eq!(shown("[ ]"), "{}");
        assert_eq!(shown(r#"[ X = 1; Y = "z" ]"#), r#"{"X":1,"Y":"z"}"#);
        assert_eq!(shown(r#"[ 'a b' = {[x=1;]}; Y = "]";]"#), r#"{"a b":[{"x":1}],"Y":"]"}"#);
        assert_eq!(
            shown(r#"{ A + f(1, "}"), [ B = C[1]; ], 2 }"#),
            r#"[{"$expr":"A + f(1, \"}\")"},{"B":{"$expr":"C[1]"}},2]"#
        );
        for broken in
            ["{ 1", "{ 1, }", "{ , }", "[ broken = ; ]", "[ = 1 ]", "[ A = 1", "{ 1 } x", "{ \"a }"]
        {
            assert!(is_expression(broken), "{broken}: {:?}", parse(broken));
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_an_expression_in_the_list() {
        let deep = |levels: usize| "{".repeat(levels) + &"}".repeat(levels);
        let mut value = parse(&deep(1000));
        let mut levels = 0;
        while let Value::List(values) = value {
            value = values.into_iter().next().unwrap_or(Value::Undefined);
            levels += 1;
        }
        assert_eq!(levels, DEEPEST);
        assert_eq!(value, Value::Expression(deep(1000 - DEEPEST).into()));
    }

    #[test]
    fn long_and_broken_text_is_read_in_no_time() {
        for text in ["{", "[a=", "{[a={", "\"\\\"", "{\"", "{1,", "{(", "'"] {
            let long = text.repeat(300_000);
            assert!(is_expression(&long), "{text}");
        }
    }
}
