//! XML events: where one ends. Only what HTCondor writes is looked for; what is in an element is `xml_ad`'s matter.

pub(in crate::condor) use super::xml_ad::parse;

/// How many elements may be open: more than what is parsed.
const DEEPEST: usize = 128;

/// How far the search for an element's end has come.
#[derive(Debug, Clone, Default)]
pub(in crate::condor) struct Search {
    pub(in crate::condor) at: usize,
    open: Vec<Element>,
    /// Where the tag begins that it is in.
    tag: Option<usize>,
    /// The quote of the attribute's value that it is in.
    quote: Option<u8>,
}

/// What kinds of elements there are, by what may be in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    /// `<c>` has attributes.
    Ad,
    /// `<a>` has a value.
    Attribute,
    /// `<l>` has values.
    List,
    /// All others have text.
    Text,
}

impl Element {
    fn of(name: &[u8]) -> Element {
        match name {
            b"c" => Element::Ad,
            b"a" => Element::Attribute,
            b"l" => Element::List,
            _ => Element::Text,
        }
    }
}

/// Where the `<c>` that `bytes` begin with ends, behind its `</c>`; elements in it may be `<c>` as well. `searched` is how far the
/// search has come, so that it goes on there if not all is there yet; `bytes` are then the same with more behind them.
///
/// An element that breaks off ends where it can't go on, and can't be parsed: what another writer wrote behind it is not lost
/// with it.
pub(in crate::condor) fn end(bytes: &[u8], searched: &mut Search) -> Option<usize> {
    while let Some(&byte) = bytes.get(searched.at) {
        match searched.step(bytes, byte) {
            Ok(false) => searched.at += 1,
            Ok(true) => return Some(searched.at + 1),
            Err(Broken { at }) => return Some(at.max(1)),
        }
    }
    None
}

/// The element can't go on there.
struct Broken {
    at: usize,
}

impl Search {
    /// Whether the element ends with that byte.
    fn step(&mut self, bytes: &[u8], byte: u8) -> Result<bool, Broken> {
        let at = self.at;
        let broken = Err(Broken { at });
        let Some(tag) = self.tag else {
            match (byte, self.open.last()) {
                (b'<', _) => self.tag = Some(at),
                (_, Some(Element::Text)) => {}
                (byte, Some(_)) if byte.is_ascii_whitespace() => {}
                _ => return broken,
            }
            return Ok(false);
        };
        let is_first = at == tag + 1;
        match (byte, self.quote) {
            // All tags are within a line, so that no line is looked at which is behind the end.
            (b'<' | b'\n', _) => return broken,
            (quote, Some(open)) if quote == open => self.quote = None,
            (_, Some(_)) => {}
            (b'"' | b'\'', None) => self.quote = Some(byte),
            (b'>', None) => {
                self.tag = None;
                let content = bytes.get(tag + 1..at).unwrap_or_default();
                return self.element(content).ok_or(Broken { at: tag });
            }
            // Not even a tag: text that follows an element which breaks off.
            (byte, None) if is_first && byte != b'/' && !byte.is_ascii_alphabetic() => {
                return Err(Broken { at: tag });
            }
            _ => {}
        }
        Ok(false)
    }

    /// Takes a tag: whether the outermost element has ended; none if it can't be here.
    fn element(&mut self, tag: &[u8]) -> Option<bool> {
        if let Some(name) = tag.strip_prefix(b"/") {
            if self.open.pop()? != Element::of(name.trim_ascii()) {
                return None;
            }
            return Some(self.open.is_empty());
        }
        let (tag, ended) = match tag.strip_suffix(b"/") {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let name = tag.split(u8::is_ascii_whitespace).next()?;
        let element = Element::of(name);
        let may_be = match self.open.last() {
            None => element == Element::Ad && !ended,
            Some(Element::Ad) => element == Element::Attribute,
            Some(Element::Attribute | Element::List) => element != Element::Attribute,
            Some(Element::Text) => false,
        };
        if !may_be || self.open.len() == DEEPEST {
            return None;
        }
        if !ended {
            self.open.push(element);
        }
        Some(false)
    }
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
    fn an_element_ends_with_its_tag() {
        for whole in [
            "<c></c>",
            "<c>\n  <a n=\"X\"><s>&lt;/c&gt; > </s></a>\r\n</c>",
            "<c><a n=\"X\"><c><a n=\"Y\"><i>1</i></a></c></a><a n=\"Z\"><b v=\"t\"/></a></c >",
            "<c><a n='/>'><l><i>1</i><l></l><un/><c></c></l></a></c>",
        ] {
            for behind in ["", " ", "</c>", "<c></c>", "\n</classads>"] {
                assert_eq!(
                    found(format!("{whole}{behind}").as_bytes()),
                    Some(whole.len()),
                    "{whole}"
                );
            }
            assert!(parse(whole.as_bytes()).is_ok(), "{whole}: {:?}", parse(whole.as_bytes()));
            for cut in 1..whole.len() {
                assert_eq!(found(&whole.as_bytes()[..cut]), None, "{cut} of {whole}");
            }
        }
    }

    #[test]
    fn an_element_that_breaks_off_ends_where_the_next_begins() {
        for (torn, next) in [
            ("<c>", "<c>"),
            ("<", "<c>"),
            ("<c>\n  <a n=\"X", "<c></c>"),
            ("<c>\n  <a n=\"X\"><s>text", "<c></c>"),
            ("<c>\n  <a n=\"X\"><i>1</i></a>\n", "<c></c>"),
            ("<c>\n  <a n=\"X\"><i>1</i></a>\n", "000 (1.0.0) "),
            ("<c>\n  <a n=\"X\"><i>1</i></a>\n", "{\"a\":1}"),
            ("<c>\n  <a n=\"X\"><i>1</i></a>\n", "</classads>"),
            ("<c>\n  <a n=\"X\"><i>1", "<a>"),
            ("<c><a n=\"X\"><s>text\n000 (1.0.0) Job submitted from host: ", "<127.0.0.1:9618>\n"),
            ("<c><a n=\"X\">", "</c>"),
            ("<c><a n=\"X000 (1.0.0) 2024-01-02 03:04:05 Job", "\n001 (1.0.0)"),
        ] {
            let text = format!("{torn}{next}");
            assert_eq!(found(text.as_bytes()), Some(torn.len()), "{text}");
            assert!(parse(torn.as_bytes()).is_err(), "{torn}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_ends_and_is_no_ad() {
        let deep = "<c><a n=\"X\">".repeat(50_000);
        let there = found(deep.as_bytes()).expect("an end");
        assert!(there < 2000);
        assert!(parse(&deep.as_bytes()[..there]).is_err());
    }

    #[test]
    fn whatever_it_is_something_of_it_is_taken() {
        for text in ["x", "<?xml?>", "</c>", "<classads>", "<c/>", "<>", "< c>"] {
            assert!(found(text.as_bytes()).is_some_and(|end| end > 0), "{text}");
        }
    }
}
