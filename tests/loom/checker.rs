//! Runs models, and mutants of them that must fail, as the usual tests are run: a name as argument picks those that
//! contain it.
//!
//! Of the accesses to an object, loom remembers the last one to know what else could have come before it, and so misses
//! orders if its first execution is an unlucky one (a load, then a load and a store by another thread). Therefore each
//! model is checked with each of its sides in the first place: see [`race`].

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Wake;
use std::time::Instant;

use loom::sync::Notify;

use crate::base::sync::{Mutant, mutate};

/// A model, to be checked as the code is or as it is mutated.
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// How many preemptions of a thread are tried.
    pub(crate) preemptions: usize,
    pub(crate) run: fn(),
    pub(crate) mutant: Mutant,
    /// What a mutant's panic says; none for a model that must hold.
    pub(crate) fails_with: Option<&'static str>,
}

impl Model {
    /// A model that must hold.
    pub(crate) const fn holds(name: &'static str, preemptions: usize, run: fn()) -> Model {
        Model { name, preemptions, run, mutant: Mutant::None, fails_with: None }
    }

    /// A model that must fail with a message that has `message`.
    pub(crate) const fn fails(
        name: &'static str,
        message: &'static str,
        mutant: Mutant,
        run: fn(),
    ) -> Model {
        Model { name, preemptions: 3, run, mutant, fails_with: Some(message) }
    }

    /// The number of executions, or what the panic said.
    fn check(&self) -> Result<usize, String> {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(self.preemptions);
        builder.max_branches = 10_000;
        let run = self.run;
        mutate(self.mutant);
        EXECUTIONS.set(0);
        SIDES.set(1);
        EXPECTED.set(self.fails_with.is_some());
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let mut first = 0;
            while first < SIDES.get() {
                FIRST.set(first);
                builder.check(move || {
                    EXECUTIONS.set(EXECUTIONS.get() + 1);
                    run();
                });
                first += 1;
            }
        }));
        EXPECTED.set(false);
        mutate(Mutant::None);
        checked.map(|()| EXECUTIONS.get()).map_err(|payload| {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            text.unwrap_or_default().lines().collect::<Vec<_>>().join(", ")
        })
    }
}

/// One side of a race.
pub(crate) type Side = Box<dyn FnOnce()>;

/// Runs the sides against each other and waits for all of them. Each has its turn as the one that loom runs first.
pub(crate) fn race(mut sides: Vec<Side>) {
    SIDES.set(sides.len());
    sides.rotate_left(FIRST.get());
    let mut sides = sides.into_iter();
    let here = sides.next();
    let others: Vec<_> = sides.map(loom::thread::spawn).collect();
    here.into_iter().for_each(|side| side());
    others.into_iter().for_each(|other| other.join().unwrap());
}

/// loom's word for threads of which none can go on.
pub(crate) const ASLEEP: &str = "deadlock";

/// Wakes the one who waits for it.
pub(crate) struct Bell(Notify);

impl Bell {
    pub(crate) fn new() -> Arc<Bell> {
        Arc::new(Bell(Notify::new()))
    }

    /// Waits until it was rung since the last wait; may return without.
    pub(crate) fn wait(&self) {
        self.0.wait();
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

thread_local! {
    static SIDES: Cell<usize> = const { Cell::new(1) };
    static FIRST: Cell<usize> = const { Cell::new(0) };
    static EXECUTIONS: Cell<usize> = const { Cell::new(0) };
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn run(topics: &[&[Model]]) -> ExitCode {
    let (mut flags, mut names) = (Vec::new(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // What follows is for the usual tests.
            "--test-threads" | "--skip" | "--color" | "--format" | "--logfile" | "-Z" => {
                drop(arguments.next());
            }
            flag if flag.starts_with('-') => flags.push(argument),
            _ => names.push(argument),
        }
    }
    let picked = |model: &&Model| {
        names.is_empty() || names.iter().any(|name| model.name.contains(name.as_str()))
    };
    let models: Vec<_> = topics.iter().copied().flatten().filter(picked).collect();
    if flags.iter().any(|flag| flag == "--list") {
        models.iter().for_each(|model| println!("{}: test", model.name));
        return ExitCode::SUCCESS;
    }
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !EXPECTED.get() {
            usual(panic);
        }
    }));
    println!("\nrunning {} models", models.len());
    let mut failed = 0;
    for model in &models {
        #[allow(clippy::disallowed_methods, reason = "how long a check took")]
        let start = Instant::now();
        let result = model.check();
        let took = start.elapsed();
        let (good, found) = match (&result, model.fails_with) {
            (Ok(executions), None) => (true, format!("{executions} executions")),
            (Ok(executions), Some(_)) => (false, format!("no failure in {executions} executions")),
            (Err(said), None) => (false, said.clone()),
            (Err(said), Some(message)) => (said.contains(message), format!("as it must: {said}")),
        };
        failed += usize::from(!good);
        let verdict = if good { "ok" } else { "FAILED" };
        println!("model {} ... {verdict} ({found}; {took:.1?})", model.name);
    }
    println!("\nmodel result: {} held, {failed} did not\n", models.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
