//! The last bytes of an output, whatever its length. Knows not where they come from.

/// Keeps the last `most` bytes of what is pushed, in at most twice the memory.
pub(super) struct Tail {
    most: usize,
    kept: Vec<u8>,
    pushed: u64,
}

impl Tail {
    pub(super) fn new(most: usize) -> Tail {
        Tail { most, kept: Vec::new(), pushed: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pushed += bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(self.most)..];
        // Moved seldom, so that a byte is copied twice at most on average.
        if self.kept.len() + bytes.len() > self.most.saturating_mul(2) {
            let surplus = self.kept.len() + bytes.len() - self.most;
            self.kept.drain(..surplus);
        }
        self.kept.extend_from_slice(bytes);
    }

    /// The last bytes, and how many came before them.
    pub(super) fn finish(mut self) -> (Vec<u8>, u64) {
        self.kept.drain(..self.kept.len().saturating_sub(self.most));
        self.kept.shrink_to_fit();
        let cut = self.pushed - self.kept.len() as u64;
        (self.kept, cut)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_keeps_the_end(
            most in 0usize..20,
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 0..10),
        ) {
            let mut tail = Tail::new(most);
            for chunk in &chunks {
                tail.push(chunk);
                prop_assert!(tail.kept.len() <= 2 * most);
            }
            let all = chunks.concat();
            let cut = all.len().saturating_sub(most);
            prop_assert_eq!(tail.finish(), (all[cut..].to_vec(), cut as u64));
        }
    }
}
