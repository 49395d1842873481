//! [`Columns`]: what a line has room for. Knows no row and no text.

/// How wide each part of a line is; none if it has no room. Between two parts is a blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) name: u16,
    pub(super) bar: Option<u16>,
    pub(super) share: Option<u16>,
    pub(super) amount: Option<u16>,
    pub(super) rate: Option<u16>,
    pub(super) time: Option<u16>,
    /// A message.
    pub(super) text: Option<u16>,
}

/// The sign and the blank behind it.
pub(super) const SIGN: u16 = 2;
const SHARE: u16 = 4;
/// Of bytes, the longest is `1023.9/1023.9 MiB`.
pub(super) const AMOUNT: u16 = 17;
pub(super) const RATE: u16 = 12;
const TIME: u16 = 6;

/// Of this and more, bars are longer.
const WIDE: u16 = 100;

impl Columns {
    /// Those of a line of this width. It depends on nothing else, so that nothing moves while a task goes on.
    pub(super) fn of(width: u16) -> Columns {
        let mut columns = Columns {
            name: 0,
            bar: None,
            share: None,
            amount: None,
            rate: None,
            time: None,
            text: None,
        };
        let bar = if width >= WIDE { 12 } else { 8 };
        // What matters most comes first, with the room that the name is to have beside it.
        let parts = [
            (&mut columns.share, SHARE, 12),
            (&mut columns.bar, bar, 12),
            (&mut columns.time, TIME, 14),
            (&mut columns.text, 14, 16),
            (&mut columns.amount, AMOUNT, 20),
            (&mut columns.rate, RATE, 20),
        ];
        let mut room = width.saturating_sub(SIGN);
        for (part, wanted, name) in parts {
            if room < name + 1 + wanted {
                break;
            }
            *part = Some(wanted);
            room -= 1 + wanted;
        }
        columns.name = room;
        if let Some(text) = &mut columns.text {
            let both = room + *text;
            columns.name = (both * 2 / 5).clamp(16, 40);
            *text = both - columns.name;
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(columns: Columns) -> [Option<u16>; 6] {
        let Columns { bar, share, amount, rate, time, text, .. } = columns;
        [share, bar, time, text, amount, rate]
    }

    #[test]
    fn a_line_is_filled_and_parts_give_way_in_order() {
        for width in 0..=300 {
            let columns = Columns::of(width);
            let all: u16 = parts(columns).into_iter().flatten().map(|part| part + 1).sum();
            assert_eq!(SIGN + columns.name + all, width.max(SIGN), "{width}: {columns:?}");
            let there = parts(columns).map(|part| part.is_some());
            assert!(there.is_sorted_by(|a, b| a >= b), "{width}: {columns:?}");
        }
    }

    #[test]
    fn widths_have_room_for() {
        let count = |width| parts(Columns::of(width)).iter().flatten().count();
        assert_eq!([10, 20, 40, 60, 80, 100, 120].map(count), [0, 1, 3, 4, 5, 6, 6]);
    }
}
