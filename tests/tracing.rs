//! Every task runs in a span that says which it is. Alone in its process: what other tests log elsewhere at the same time
//! would have the subscriber of this one passed over.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::executor::block_on;
use milepost::{Job, Retry, Scheduler, TaskError, TaskQueue};
use parking_lot::Mutex;

/// Runs tasks where they are submitted.
#[derive(Clone)]
struct Inline;

impl Scheduler for Inline {
    fn ready(&self, queue: TaskQueue) {
        while let Some(run) = queue.next() {
            run.run_blocking();
        }
    }
}

/// Notes spans, and in which one each event is.
struct Spans {
    next: AtomicU64,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    spans: BTreeMap<u64, (String, BTreeMap<String, String>)>,
    entered: Vec<u64>,
    events: Vec<(Option<u64>, String)>,
}

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }
}

impl tracing::Subscriber for Spans {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let id = self.next.fetch_add(1, Ordering::SeqCst) + 1;
        let mut fields = BTreeMap::new();
        span.record(&mut Fields(&mut fields));
        self.seen.lock().spans.insert(id, (span.metadata().name().into(), fields));
        tracing::span::Id::from_u64(id)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let mut seen = self.seen.lock();
        let inside = seen.entered.last().copied();
        seen.events.push((inside, fields.remove("message").unwrap_or_default()));
    }

    fn enter(&self, span: &tracing::span::Id) {
        self.seen.lock().entered.push(span.into_u64());
    }

    fn exit(&self, span: &tracing::span::Id) {
        assert_eq!(self.seen.lock().entered.pop(), Some(span.into_u64()));
    }
}

#[test]
fn tasks_run_in_a_span_with_job_task_and_attempt() {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let spans = Spans { next: AtomicU64::new(0), seen: seen.clone() };
    let job = Job::new("traced");
    tracing::subscriber::with_default(spans, || {
        job.task("again")
            .retry(Retry::attempts(2))
            .add_blocking_with((), |cx, ()| {
                tracing::info!("blocking {}", cx.attempt());
                if cx.attempt() == 1 { Err(TaskError::msg("once more")) } else { Ok(()) }
            })
            .unwrap();
        job.add("waits", async |cx| {
            tracing::info!("before");
            cx.checkpoint().await?;
            tracing::info!("after");
            Ok(())
        })
        .unwrap();
        let reporter = job.reporter("reported").unwrap();
        reporter
            .run_blocking(|_cx| {
                tracing::info!("reported");
                Ok(())
            })
            .unwrap();
        block_on(job.run("driven", async |_cx| {
            tracing::info!("driven");
            Ok(())
        }))
        .unwrap();
        job.submit(&Inline).unwrap();
        tracing::info!("outside");
    });
    let seen = seen.lock();
    assert!(seen.entered.is_empty());
    let span_of = |text: &str| {
        let event = seen.events.iter().find(|(_, message)| message == text);
        let (span, _) = event.unwrap_or_else(|| panic!("no event {text}: {:?}", seen.events));
        span.map(|span| &seen.spans[&span])
    };
    assert!(span_of("outside").is_none());
    for (text, task, attempt, name) in [
        ("blocking 1", "0", "1", "again"),
        ("blocking 2", "0", "2", "again"),
        ("before", "1", "1", "waits"),
        ("after", "1", "1", "waits"),
        ("reported", "2", "1", "reported"),
        ("driven", "3", "1", "driven"),
    ] {
        let (span, fields) = span_of(text).unwrap_or_else(|| panic!("{text} is in no span"));
        assert_eq!(span, "task");
        assert_eq!(fields["job"], job.id().to_string(), "{text}");
        assert_eq!((&*fields["task"], &*fields["attempt"]), (task, attempt), "{text}");
        assert_eq!(fields["name"].trim_matches('"'), name);
    }
}
