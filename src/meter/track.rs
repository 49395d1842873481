//! Wrappers that count what goes through them.

use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use super::Progress;
use crate::model::Canceled;

/// An iterator that counts its items; made by [`Progress::track`].
#[derive(Debug, Clone)]
pub struct Track<I> {
    progress: Progress,
    iter: I,
}

impl<I: Iterator> Track<I> {
    pub(super) fn new(progress: Progress, iter: I) -> Self {
        if let (least, Some(most)) = iter.size_hint()
            && least == most
        {
            progress.set_total(most);
        }
        Track { progress, iter }
    }
}

impl<I: Iterator> Iterator for Track<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let item = self.iter.next()?;
        self.progress.advance(1u64);
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for Track<I> {}

/// A reader that counts its bytes; made by [`Progress::track_read`].
#[derive(Debug)]
pub struct TrackRead<R> {
    progress: Progress,
    inner: R,
}

impl<R> TrackRead<R> {
    pub(super) fn new(progress: Progress, inner: R) -> Self {
        TrackRead { progress, inner }
    }

    /// The reader itself.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for TrackRead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check(&self.progress)?;
        let n = self.inner.read(buffer)?;
        self.progress.advance(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for TrackRead<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        check(&self.progress)?;
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.inner.consume(n);
        self.progress.advance(n);
    }
}

impl<R: Seek> Seek for TrackRead<R> {
    /// Moves the reader; progress then is the position.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = self.inner.seek(to)?;
        self.progress.set_progress(position);
        Ok(position)
    }
}

/// A writer that counts its bytes; made by [`Progress::track_write`].
#[derive(Debug)]
pub struct TrackWrite<W> {
    progress: Progress,
    inner: W,
}

impl<W> TrackWrite<W> {
    pub(super) fn new(progress: Progress, inner: W) -> Self {
        TrackWrite { progress, inner }
    }

    /// The writer itself.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: Write> Write for TrackWrite<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        check(&self.progress)?;
        let n = self.inner.write(buffer)?;
        self.progress.advance(n);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn check(progress: &Progress) -> io::Result<()> {
    progress.check().map_err(|Canceled| io::Error::other(Canceled))
}
