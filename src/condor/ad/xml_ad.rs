//! The ads in XML elements. Where an element ends is `xml`'s matter.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::value::{Ad, Value};

/// How deep ads and lists may be in each other.
const DEEPEST: usize = 48;

/// The ad in the element. Bytes in it that are no UTF-8 are U+FFFD.
///
/// # Errors
/// It is no XML, or no ad: why.
pub(in crate::condor) fn parse(bytes: &[u8]) -> Result<Ad, Box<str>> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    reader.config_mut().allow_dangling_amp = true;
    let mut elements = Elements { reader, depth: 0 };
    elements
        .whole()
        .map_err(|reason| format!("{reason}, at byte {}", elements.reader.buffer_position()).into())
}

struct Elements<'a> {
    reader: Reader<&'a [u8]>,
    depth: usize,
}

impl<'a> Elements<'a> {
    fn whole(&mut self) -> Result<Ad, String> {
        match self.next()? {
            Some(start) if start.name().0 == "c" => self.ad(),
            _ => Err("it begins with no <c>".to_owned()),
        }
    }

    /// The element that begins next; none if the one around it ends.
    fn next(&mut self) -> Result<Option<BytesStart<'a>>, String> {
        loop {
            match self.event()? {
                Event::Start(start) => return Ok(Some(start)),
                Event::End(_) => return Ok(None),
                Event::Text(text) if text.trim_ascii().is_empty() => {}
                other => return Err(format!("{other:?} is no element")),
            }
        }
    }

    fn event(&mut self) -> Result<Event<'a>, String> {
        match self.reader.read_event().map_err(|error| error.to_string())? {
            Event::Eof => Err("it isn't whole".to_owned()),
            event => Ok(event),
        }
    }

    /// What `<c>` holds, up to its end.
    fn ad(&mut self) -> Result<Ad, String> {
        let mut values = Vec::new();
        while let Some(start) = self.next()? {
            let name = start.name().0;
            if name != "a" {
                return Err(format!("<{name}> is no attribute"));
            }
            let name = attribute(&start, "n")?;
            let value = match self.next()? {
                Some(start) => self.value(&start)?,
                None => return Err(format!("{name:?} has no value")),
            };
            if self.next()?.is_some() {
                return Err(format!("{name:?} has two values"));
            }
            values.push((name, value));
        }
        Ok(values.into_iter().collect())
    }

    /// What an element holds, up to its end.
    fn value(&mut self, start: &BytesStart<'a>) -> Result<Value, String> {
        Ok(match start.name().0 {
            "c" => Value::Ad(self.nested(Elements::ad)?),
            "l" => Value::List(self.nested(Elements::list)?.into()),
            "s" | "t" | "at" | "rt" => Value::String(self.text()?.into()),
            "e" => Value::expression(self.text()?.trim()),
            "i" => integer(self.text()?.trim())?,
            "r" => real(self.text()?.trim())?,
            "b" => {
                let value = attribute(start, "v")?;
                self.text()?;
                boolean(&value)?
            }
            "un" => self.text().map(|_| Value::Undefined)?,
            "er" => self.text().map(|_| Value::Error)?,
            other => return Err(format!("<{other}> is no value")),
        })
    }

    fn list(&mut self) -> Result<Vec<Value>, String> {
        let mut values = Vec::new();
        while let Some(start) = self.next()? {
            values.push(self.value(&start)?);
        }
        Ok(values)
    }

    fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        if self.depth == DEEPEST {
            return Err("it is nested too deep".to_owned());
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// The text of an element, up to its end.
    fn text(&mut self) -> Result<String, String> {
        let mut all = String::new();
        loop {
            match self.event()? {
                Event::Text(text) => all.push_str(&text),
                Event::CData(text) => all.push_str(&text),
                Event::GeneralRef(reference) => push_reference(&mut all, &reference),
                Event::End(_) => return Ok(all),
                other => return Err(format!("{other:?} is no text")),
            }
        }
    }
}

/// What is no character stays as it is written.
fn push_reference(all: &mut String, reference: &BytesRef<'_>) {
    if let Some(text) = resolve_predefined_entity(reference) {
        all.push_str(text);
    } else if let Ok(Some(character)) = reference.resolve_char_ref() {
        all.push(character);
    } else {
        all.extend(["&", reference, ";"]);
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<String, String> {
    let found = start.try_get_attribute(name).map_err(|error| error.to_string())?;
    let found = found.ok_or_else(|| format!("<{}> has no {name}", start.name().0))?;
    let value = found.normalized_value(XmlVersion::Implicit1_0);
    value.map(Into::into).map_err(|error| error.to_string())
}

/// What is too large is a real.
fn integer(text: &str) -> Result<Value, String> {
    text.parse().map(Value::Integer).or_else(|_| real(text))
}

/// Also `NaN`, `INF` and `-INF`.
fn real(text: &str) -> Result<Value, String> {
    text.parse().map(Value::Real).map_err(|_| format!("{text:?} is no number"))
}

fn boolean(text: &str) -> Result<Value, String> {
    match text {
        "t" | "T" | "true" => Ok(Value::Boolean(true)),
        "f" | "F" | "false" => Ok(Value::Boolean(false)),
        _ => Err(format!("{text:?} is no boolean")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one value of an ad, as JSON.
    fn shown(value: &str) -> String {
        let ad = parse(format!("<c><a n=\"X\">{value}</a></c>").as_bytes()).expect("an ad");
        serde_json::to_string(ad.get("x").expect("the value")).expect("a form")
    }

    fn error(text: &str) -> String {
        parse(text.as_bytes()).expect_err("no ad").into()
    }

    #[test]
    fn values_are_what_their_elements_say() {
        for (element, json) in [
            ("<i>-12</i>", "-12"),
            ("<i>9223372036854775808</i>", "9.223372036854776e+18"),
            ("<r>1.500000000000000E+00</r>", "1.5"),
            ("<r>INF</r>", r#"{"$expr":"real(\"INF\")"}"#),
            ("<b v=\"t\"/>", "true"),
            ("<b v='f'></b>", "false"),
            ("<un/>", "null"),
            ("<er/>", r#"{"$expr":"error"}"#),
            ("<e> A &lt; 1 &amp;&amp; B </e>", r#"{"$expr":"A < 1 && B"}"#),
            ("<t>2024-01-02T03:04:05</t>", r#""2024-01-02T03:04:05""#),
            ("<s></s>", r#""""#),
            ("<s/>", r#""""#),
            ("<s> a\n b </s>", r#"" a\n b ""#),
            (
                "\n<l>\n<i>1</i> <l/><s>x</s><c><a n=\"Y\"><i>2</i></a></c></l>\n",
                r#"[1,[],"x",{"Y":2}]"#,
            ),
        ] {
            assert_eq!(shown(element), json, "{element}");
        }
    }

    #[test]
    fn entities_are_characters_and_what_is_none_stays() {
        let text =
            "<s>&lt;h&gt; &amp; &quot;q&quot; &apos;&#65;&#x42;&#xe9; & &no; &#0; &#x110000;&</s>";
        assert_eq!(shown(text), "\"<h> & \\\"q\\\" 'AB\u{e9} & &no; &#0; &#x110000;&\"");
        let ad = parse(b"<c><a n=\"a&amp;b\"><i>1</i></a></c>").expect("an ad");
        assert_eq!(ad.i64("a&b"), Some(1));
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        let ad = parse(b"<c><a n=\"X\"><s>a\xff</s></a></c>").expect("an ad");
        assert_eq!(ad.str("X"), Some("a\u{fffd}"));
    }

    #[test]
    fn the_last_of_several_with_one_name_wins() {
        let ad = parse(b"<c><a n=\"X\"><i>1</i></a><a n=\"x\"><i>2</i></a></c>").expect("an ad");
        assert_eq!((ad.len(), ad.i64("X")), (1, Some(2)));
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        for (text, reason) in [
            ("", "isn't whole"),
            ("<c><a n=\"X\"><i>1</i>", "isn't whole"),
            ("<d></d>", "begins with no <c>"),
            ("<c><b v=\"t\"/></c>", "<b> is no attribute"),
            ("<c><a><i>1</i></a></c>", "<a> has no n"),
            ("<c><a n=\"X\"></a></c>", "\"X\" has no value"),
            ("<c><a n=\"X\"><i>1</i><i>2</i></a></c>", "\"X\" has two values"),
            ("<c><a n=\"X\"><i>one</i></a></c>", "\"one\" is no number"),
            ("<c><a n=\"X\"><b v=\"?\"/></a></c>", "\"?\" is no boolean"),
            ("<c><a n=\"X\"><q/></a></c>", "<q> is no value"),
            ("<c>text</c>", "is no element"),
            ("<c><a n=\"X\"><s><s/></s></a></c>", "is no text"),
            ("<c></d>", "`</c>`"),
        ] {
            let error = error(text);
            assert!(error.contains(reason) && error.contains(", at byte "), "{text}: {error}");
        }
        let deep = format!("<c><a n=\"X\">{}", "<l>".repeat(50));
        assert!(error(&deep).contains("too deep"));
    }
}
