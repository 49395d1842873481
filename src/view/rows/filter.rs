//! [`Filter`]: which rows are shown. Remembers what it found, so that it looks at each name once.

use super::fold::{Names, Rows};
use super::group::{Group, Groups, TaskSet};
use super::list::List;

/// Which tasks are shown: those of some groups, with some text in their names. One that asks for nothing shows all.
///
/// It keeps what it found: after a change of the rows it looks at the names of tasks that have come since, and at no other.
/// So it costs little to have one, also while a million tasks run. To change its text costs a look at all names, or where it has
/// become longer, at those that had what there was of it.
///
/// ```
/// use std::time::SystemTime;
/// use milepost::{Job, view::{Filter, Group, Rows}};
///
/// let job = Job::new("thumbnails");
/// let mut inbox = job.inbox(|| {});
/// let mut rows = Rows::new();
/// let tasks = ["a.png", "b.PNG", "c.jpg"].map(|name| job.reporter(name).unwrap());
/// tasks[1].running()?;
/// rows.update(&mut inbox);
///
/// let names = |filter: &mut Filter| -> Vec<String> {
///     rows.find(filter).page(0..20, SystemTime::now()).map(|row| row.name.to_string()).collect()
/// };
/// let mut filter = Filter::new();
/// assert_eq!(names(&mut filter), ["b.PNG", "a.png", "c.jpg"]);
/// filter.set_text("png");
/// assert_eq!(names(&mut filter), ["b.PNG", "a.png"]);
/// filter.set_groups([Group::Waiting]);
/// assert_eq!(names(&mut filter), ["a.png"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Filter {
    groups: Vec<Group>,
    /// In lower case.
    text: String,
    /// Tasks whose names were looked at, and those of them with the text.
    seen: TaskSet,
    matching: TaskSet,
    found: Groups,
    /// Of which rows that is, and as of when it was found; none if something else is asked for by now.
    names: Option<Names>,
    version: Option<u64>,
}

impl Filter {
    /// A filter that asks for nothing.
    pub fn new() -> Filter {
        Filter::default()
    }

    /// Shows tasks of these groups only; of all if there is none.
    pub fn set_groups(&mut self, groups: impl IntoIterator<Item = Group>) {
        self.groups = groups.into_iter().collect();
        self.version = None;
    }

    /// The groups whose tasks are shown; all if there is none.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Shows tasks only whose names contain this text, in whatever case.
    pub fn set_text(&mut self, text: &str) {
        let text = text.to_lowercase();
        if text == self.text {
            return;
        }
        // A name that had not the shorter text has not the longer one.
        let seen = if !self.text.is_empty() && text.contains(&self.text) {
            self.seen.without(&self.matching)
        } else {
            TaskSet::default()
        };
        self.forget();
        (self.text, self.seen) = (text, seen);
    }

    /// The text that names must contain, in lower case; empty if any will do.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.text.is_empty()
    }

    fn forget(&mut self) {
        (self.seen, self.matching, self.version) = Default::default();
    }

    /// Finds what is asked for, unless that is known.
    fn look(&mut self, rows: &Rows) {
        if self.names != Some(rows.names()) {
            self.forget();
            self.names = Some(rows.names());
        }
        if self.version == Some(rows.version()) {
            return;
        }
        self.version = Some(rows.version());
        for group in Group::ALL {
            let found = if self.groups.is_empty() || self.groups.contains(&group) {
                self.matching_of(rows, group)
            } else {
                TaskSet::default()
            };
            *self.found.of_mut(group) = found;
        }
    }

    fn matching_of(&mut self, rows: &Rows, group: Group) -> TaskSet {
        let tasks = rows.groups.of(group);
        if self.text.is_empty() {
            return tasks.clone();
        }
        let unseen = tasks.without(&self.seen);
        for task in unseen.iter(0) {
            if rows.name_of(task).is_some_and(|name| contains(name, &self.text)) {
                self.matching.insert(task);
            }
        }
        self.seen.extend(unseen);
        tasks.and(&self.matching)
    }
}

impl Rows {
    /// The list of all rows.
    pub fn all(&self) -> List<'_> {
        List::new(self, &self.groups)
    }

    /// The list of the rows that a filter leaves.
    pub fn find<'a>(&'a self, filter: &'a mut Filter) -> List<'a> {
        if filter.is_empty() {
            return self.all();
        }
        filter.look(self);
        List::new(self, &filter.found)
    }
}

/// Whether a name contains a text that is in lower case.
fn contains(name: &str, text: &str) -> bool {
    if !name.is_ascii() {
        return name.to_lowercase().contains(text);
    }
    let (name, text) = (name.as_bytes(), text.as_bytes());
    let Some(first) = text.first() else { return true };
    let is_here =
        |part: &[u8]| part[0].to_ascii_lowercase() == *first && part.eq_ignore_ascii_case(text);
    name.windows(text.len()).any(is_here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Job, TaskReporter};
    use crate::model::{Event, TaskId, Timestamp};
    use crate::view::Keep;

    fn add(job: &Job, name: &str) -> TaskReporter {
        job.reporter(name).expect("the job takes tasks")
    }

    fn names(rows: &Rows, filter: &mut Filter) -> Vec<String> {
        let list = rows.find(filter);
        let page = list.page(0..usize::MAX, Timestamp::from_micros(0));
        let names: Vec<String> = page.map(|row| row.name.to_string()).collect();
        assert_eq!(names.len(), list.len());
        names
    }

    #[test]
    fn tasks_that_come_and_move_are_found_where_they_are() {
        let job = Job::new("pictures");
        let mut inbox = job.inbox(|| {});
        let mut rows = Rows::new();
        let mut filter = Filter::new();
        filter.set_text("PNG");
        let (a, b) = (add(&job, "a.png"), add(&job, "b.jpg"));
        rows.update(&mut inbox);
        assert_eq!(names(&rows, &mut filter), ["a.png"]);

        let (c, _d) = (add(&job, "C.Png"), add(&job, "d.gif"));
        c.running().expect("it can");
        b.running().expect("it can");
        rows.update(&mut inbox);
        assert_eq!(names(&rows, &mut filter), ["C.Png", "a.png"]);
        let list = rows.find(&mut filter);
        assert_eq!(list.place_of(a.id()), Some(1));
        assert_eq!(list.place_of(b.id()), None);
        assert_eq!(list.task_at(0), Some(c.id()));
        assert_eq!(list.task_at(2), None);

        filter.set_groups([Group::Running]);
        assert_eq!(names(&rows, &mut filter), ["C.Png"]);
        filter.set_text("");
        assert_eq!(names(&rows, &mut filter), ["b.jpg", "C.Png"]);
        filter.set_groups([]);
        assert!(filter.is_empty());
        assert_eq!(names(&rows, &mut filter).len(), 4);
    }

    #[test]
    fn names_are_looked_at_once() {
        let job = Job::new("pictures");
        let mut inbox = job.inbox(|| {});
        let mut rows = Rows::new();
        let tasks = ["a.png", "b.png"].map(|name| add(&job, name));
        rows.update(&mut inbox);
        let mut filter = Filter::new();
        filter.set_text("png");
        assert_eq!(rows.find(&mut filter).len(), 2);
        // It is told something else of a task that it has seen, which it believes for as long as it doesn't look again.
        filter.matching.remove(tasks[0].id());
        tasks[1].running().expect("it can");
        let _c = add(&job, "c.png");
        rows.update(&mut inbox);
        assert_eq!(names(&rows, &mut filter), ["b.png", "c.png"]);
    }

    #[test]
    fn of_a_longer_text_those_are_looked_at_that_had_the_shorter() {
        let job = Job::new("pictures");
        let mut inbox = job.inbox(|| {});
        let mut rows = Rows::new();
        let tasks = ["a.png", "b.png", "c.pdf"].map(|name| add(&job, name));
        rows.update(&mut inbox);
        let mut filter = Filter::new();
        filter.set_text("p");
        assert_eq!(rows.find(&mut filter).len(), 3);
        filter.matching.remove(tasks[0].id());
        filter.set_text("PN");
        assert_eq!(names(&rows, &mut filter), ["b.png"]);
        filter.set_text("png");
        assert_eq!(names(&rows, &mut filter), ["b.png"]);
        filter.set_text("p");
        assert_eq!(names(&rows, &mut filter).len(), 3);
    }

    #[test]
    fn what_is_no_row_any_more_is_not_found_and_another_job_is_looked_at_anew() {
        let mut filter = Filter::new();
        filter.set_text("a");
        for name in ["first", "last"] {
            let job = Job::new(name);
            let mut inbox = job.inbox(|| {});
            let mut rows = Rows::new().keep(Keep::Live);
            let task = add(&job, name);
            task.running().expect("it can");
            let other = add(&job, "a");
            rows.update(&mut inbox);
            assert_eq!(rows.find(&mut filter).len(), if name == "last" { 2 } else { 1 });
            task.complete(()).expect("it can");
            rows.update(&mut inbox);
            assert_eq!(names(&rows, &mut filter), ["a"]);
            assert_eq!(rows.all().place_of(other.id()), Some(0));
            assert_eq!(rows.all().place_of(TaskId::new(0)), None);
        }
    }

    #[test]
    fn rows_of_another_job_are_looked_at_anew_also_after_the_filter_was_changed() {
        let rows_of = |name: &str| {
            let job = Job::new("pictures");
            let mut rows = Rows::new();
            let task = add(&job, name);
            rows.update(&mut job.inbox(|| {}));
            drop(task);
            rows
        };
        let (one, other) = (rows_of("a.jpg"), rows_of("b.png"));
        let changes: [fn(&mut Filter); 3] = [
            |_filter| {},
            |filter| filter.set_text("pn"),
            |filter| filter.set_groups([Group::Waiting]),
        ];
        for change in changes {
            let mut filter = Filter::new();
            filter.set_text(".p");
            assert_eq!(names(&one, &mut filter), [""; 0]);
            change(&mut filter);
            assert_eq!(names(&other, &mut filter), ["b.png"]);
        }
    }

    #[test]
    fn rows_that_know_something_else_of_the_same_job_are_others() {
        let job = Job::new("pictures");
        let _tasks = ["a.png", "b.png"].map(|name| add(&job, name));
        let (mut one, mut other) = (Rows::new(), Rows::new());
        let mut added = job.task_added();
        for rows in [&mut one, &mut other] {
            rows.apply(&Event::TaskAdded(added.try_recv().expect("it was added")));
        }
        assert_eq!(one.version(), other.version());
        let mut filter = Filter::new();
        filter.set_text("png");
        assert_eq!(names(&one, &mut filter), ["a.png"]);
        assert_eq!(names(&other, &mut filter), ["b.png"]);
    }

    #[test]
    fn a_task_is_found_by_the_name_that_only_its_end_tells() {
        let job = Job::new("pictures");
        let task = add(&job, "late.png");
        let mut rest = job.events().after(job.last_seq());
        task.running().expect("it can");
        let mut rows = Rows::new();
        rest.drain(|event| rows.apply(&event));
        let mut filter = Filter::new();
        filter.set_text("late");
        assert_eq!(names(&rows, &mut filter), [""; 0]);
        task.complete(()).expect("it can");
        rest.drain(|event| rows.apply(&event));
        assert_eq!(names(&rows, &mut filter), ["late.png"]);
    }

    #[test]
    fn text_is_found_in_any_case_and_script() {
        for (name, text, is_in) in [
            ("IMG_1.PNG", "img", true),
            ("short", "shorter", false),
            ("größe", "ÖSS", false),
            ("GRÖSSE", "öss", true),
            ("", "a", false),
        ] {
            assert_eq!(contains(name, &text.to_lowercase()), is_in, "{name} {text}");
        }
    }
}
