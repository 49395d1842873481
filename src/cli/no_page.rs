//! What stands in place of the page where the feature `web` is left out: refuses.

use super::args::PageArgs;
use super::exit::UsageError;
use crate::job::Job;

/// There is none.
pub(super) enum Page {}

impl Page {
    /// # Errors
    /// A page is asked for.
    pub(super) fn open(args: &PageArgs, _job: &Job) -> Result<Option<Page>, UsageError> {
        match args.web {
            Some(_) => Err(UsageError(
                "--web: this milepost was built without pages; build it with `--features cli,web`"
                    .to_owned(),
            )),
            None => Ok(None),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        match *self {}
    }

    pub(super) fn close(self) {
        match self {}
    }
}
