//! [`Procs`]: a set of jobs, small if their numbers follow one another, as those of a cluster do. Knows no events.

use std::collections::BTreeMap;

/// Jobs by cluster and number in it, kept as ranges of numbers.
#[derive(Debug, Clone, Default)]
pub(in crate::condor) struct Procs(BTreeMap<(i64, i64), i64>);

impl Procs {
    /// Where the range begins that the number is in.
    fn range_of(&self, (cluster, number): (i64, i64)) -> Option<(i64, i64)> {
        let (first, last) = self.0.range(..=(cluster, number)).next_back()?;
        (first.0 == cluster && *last >= number).then_some(*first)
    }

    pub(in crate::condor) fn contains(&self, job: (i64, i64)) -> bool {
        self.range_of(job).is_some()
    }

    pub(in crate::condor) fn insert(&mut self, (cluster, number): (i64, i64)) {
        if self.contains((cluster, number)) {
            return;
        }
        let before = number.checked_sub(1).and_then(|before| self.range_of((cluster, before)));
        let after = number.checked_add(1).and_then(|after| self.0.remove(&(cluster, after)));
        self.0.insert(before.unwrap_or((cluster, number)), after.unwrap_or(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_in_it_in_whatever_order_it_came() {
        let mut procs = Procs::default();
        for number in [4, 0, 2, 1, 3, 2, 9, i64::MAX, i64::MIN] {
            procs.insert((114, number));
        }
        procs.insert((115, 5));
        let of = |cluster| (-1..12).filter(|n| procs.contains((cluster, *n))).collect::<Vec<_>>();
        assert_eq!(of(114), [0, 1, 2, 3, 4, 9]);
        assert_eq!((of(115), of(113)), (vec![5], vec![]));
        assert!(procs.contains((114, i64::MAX)) && procs.contains((114, i64::MIN)));
        assert_eq!(procs.0.len(), 5, "{procs:?}");
    }
}
