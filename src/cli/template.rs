//! A command with places for arguments, and the combinations of lists of arguments. Knows no files and no jobs.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use super::exit::UsageError;

/// What begins a list of arguments.
const LIST: &str = ":::";

/// A program and its words, with places for arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    words: Vec<OsString>,
    /// No word has a place: arguments are appended.
    appends: bool,
}

/// A part of a word.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a [u8]),
    /// `{}`: all arguments.
    All,
    /// `{1}`: the argument of that list, from 1.
    Of(usize),
}

impl Template {
    /// Takes the words of a command line apart. Without `:::` there are no lists.
    pub(super) fn parse(
        words: Vec<OsString>,
    ) -> Result<(Template, Vec<Vec<OsString>>), UsageError> {
        let mut parts = words.split(|word| word == LIST).map(<[OsString]>::to_vec);
        let words = parts.next().unwrap_or_default();
        if words.is_empty() {
            return Err(UsageError(format!(
                "there is no command before {LIST}: give one, as in `-- echo {{}} {LIST} a b`"
            )));
        }
        let lists: Vec<_> = parts.collect();
        let pieces = words.iter().flat_map(|word| pieces(word.as_bytes()));
        let (mut appends, given) = (true, lists.len().max(1));
        for piece in pieces {
            match piece {
                Piece::Text(_) => continue,
                Piece::Of(n) if n > given => {
                    return Err(UsageError(format!(
                        "{{{n}}} has no list of arguments: there are {given}; give another one after {LIST}"
                    )));
                }
                Piece::All | Piece::Of(_) => appends = false,
            }
        }
        Ok((Template { words, appends }, lists))
    }

    /// The program's name, as it was given.
    pub(super) fn program(&self) -> &OsStr {
        self.words.first().map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// The words of the command with these arguments in place.
    pub(super) fn fill(&self, arguments: &[&OsStr]) -> Vec<OsString> {
        let fill = |word: &OsString| {
            let mut filled = Vec::with_capacity(word.len());
            for piece in pieces(word.as_bytes()) {
                match piece {
                    Piece::Text(text) => filled.extend_from_slice(text),
                    Piece::All => {
                        filled.extend_from_slice(arguments.join(OsStr::new(" ")).as_bytes())
                    }
                    Piece::Of(n) => {
                        filled.extend(arguments.get(n - 1).map_or(&[][..], |word| word.as_bytes()))
                    }
                }
            }
            OsString::from_vec(filled)
        };
        let mut words: Vec<_> = self.words.iter().map(fill).collect();
        if self.appends {
            words.extend(arguments.iter().map(|&argument| argument.to_owned()));
        }
        words
    }
}

fn pieces(word: &[u8]) -> Vec<Piece<'_>> {
    let (mut pieces, mut text, mut at) = (Vec::new(), 0, 0);
    while at < word.len() {
        match place(&word[at..]) {
            Some((piece, length)) => {
                if text < at {
                    pieces.push(Piece::Text(&word[text..at]));
                }
                pieces.push(piece);
                at += length;
                text = at;
            }
            None => at += 1,
        }
    }
    if text < word.len() {
        pieces.push(Piece::Text(&word[text..]));
    }
    pieces
}

/// The place at the beginning of `text`, with its length. `{0}` and `{name}` are none.
fn place(text: &[u8]) -> Option<(Piece<'static>, usize)> {
    let rest = text.strip_prefix(b"{")?;
    let end = rest.iter().position(|&byte| byte == b'}')?;
    let inside = &rest[..end];
    if inside.is_empty() {
        return Some((Piece::All, 2));
    }
    if !inside.iter().all(u8::is_ascii_digit) || inside[0] == b'0' {
        return None;
    }
    let n = std::str::from_utf8(inside).ok()?.parse().ok()?;
    Some((Piece::Of(n), end + 2))
}

/// All combinations of the lists' arguments; the last list changes fastest.
#[derive(Debug)]
pub(super) struct Combinations {
    lists: Vec<Vec<OsString>>,
    next: usize,
    count: usize,
}

impl Combinations {
    pub(super) fn new(lists: Vec<Vec<OsString>>) -> Result<Combinations, UsageError> {
        let count = lists.iter().try_fold(1usize, |product, list| product.checked_mul(list.len()));
        let count = count.ok_or_else(|| {
            UsageError("the lists have too many combinations: give shorter ones".into())
        })?;
        Ok(Combinations { lists, next: 0, count })
    }

    /// How many there are in all.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The next one, with its places filled.
    pub(super) fn fill_next(&mut self, template: &Template) -> Option<Vec<OsString>> {
        if self.next == self.count {
            return None;
        }
        let mut rest = self.next;
        self.next += 1;
        let mut arguments = Vec::with_capacity(self.lists.len());
        for list in self.lists.iter().rev() {
            arguments.push(list[rest % list.len()].as_os_str());
            rest /= list.len();
        }
        arguments.reverse();
        Some(template.fill(&arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &str) -> Vec<String> {
        let (template, lists) =
            Template::parse(line.split(' ').map(OsString::from).collect()).expect("it makes sense");
        let mut combinations = Combinations::new(lists).expect("not too many");
        let filled = std::iter::from_fn(|| combinations.fill_next(&template));
        filled.map(|words| words.join(OsStr::new("|")).into_string().expect("text")).collect()
    }

    #[test]
    fn places_are_filled_in_each_word() {
        assert_eq!(all("cp {} {}.bak ::: a b"), ["cp|a|a.bak", "cp|b|b.bak"]);
        assert_eq!(all("echo x ::: a b"), ["echo|x|a", "echo|x|b"]);
        assert_eq!(all("{} -v ::: ls"), ["ls|-v"]);
        assert_eq!(all("echo {0} {x} { } {1 ::: a"), ["echo|{0}|{x}|{|}|{1|a"]);
        assert_eq!(all("echo :::"), Vec::<String>::new());
    }

    #[test]
    fn lists_are_combined() {
        assert_eq!(
            all("echo {1}-{2} ::: a b ::: 1 2"),
            ["echo|a-1", "echo|a-2", "echo|b-1", "echo|b-2"]
        );
        assert_eq!(all("echo {2} ::: a ::: 1"), ["echo|1"]);
        assert_eq!(all("echo {} ::: a ::: 1 2"), ["echo|a 1", "echo|a 2"]);
        assert_eq!(all("echo ::: a ::: 1 2"), ["echo|a|1", "echo|a|2"]);
        assert_eq!(all("echo ::: a ::: "), ["echo|a|"]);
    }

    #[test]
    fn what_is_no_text_is_passed_on() {
        let odd = OsString::from_vec(b"\xff".to_vec());
        let (template, lists) =
            Template::parse(vec!["x{}".into(), ":::".into(), odd]).expect("it makes sense");
        let words = Combinations::new(lists).expect("one").fill_next(&template).expect("one");
        assert_eq!(words[0].as_bytes(), b"x\xff");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let parse = |line: &str| {
            Template::parse(line.split(' ').map(OsString::from).collect()).unwrap_err().0
        };
        assert!(parse("::: a").contains("no command"));
        assert!(parse("echo {3} ::: a ::: b").contains("{3}"));
        assert!(Combinations::new(vec![vec!["x".into(); 1 << 20]; 4]).is_err());
    }
}
