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

    /// Whether there is one of that cluster.
    pub(in crate::condor) fn has_cluster(&self, cluster: i64) -> bool {
        self.0.range((cluster, i64::MIN)..=(cluster, i64::MAX)).next().is_some()
    }

    /// Takes over all of another set.
    pub(in crate::condor) fn extend(&mut self, other: Procs) {
        for ((cluster, first), last) in other.0 {
            let before = first.checked_sub(1).and_then(|before| self.range_of((cluster, before)));
            let until =
                self.range_of((cluster, last)).and_then(|range| self.0.get(&range).copied());
            let inside = self.0.range((cluster, first)..=(cluster, last));
            for range in inside.map(|(range, _)| *range).collect::<Vec<_>>() {
                self.0.remove(&range);
            }
            let first =
                before.or_else(|| self.range_of((cluster, first))).unwrap_or((cluster, first));
            self.0.insert(first, until.unwrap_or(last).max(last));
        }
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
        let mut all = Procs::default();
        all.insert((7, 0));
        all.insert((114, 3));
        all.insert((114, 5));
        all.extend(procs);
        let of = (-1..12).filter(|n| all.contains((114, *n))).collect::<Vec<_>>();
        assert_eq!((of, all.contains((7, 0))), (vec![0, 1, 2, 3, 4, 5, 9], true));
        assert!(all.has_cluster(115) && !all.has_cluster(116));
    }
}
