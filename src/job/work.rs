//! What a task's code looks like from outside, once its types are erased. Knows no state.

use std::any::{Any, TypeId};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::environment::Recipe;
use super::{Task, TaskContext, TaskError};
use crate::model::Output;

/// What an attempt returns: the output, unless it is `()`.
pub(crate) type TaskResult = Result<Option<Output>, TaskError>;

pub(crate) type TaskFuture = Pin<Box<dyn Future<Output = TaskResult> + Send>>;

/// The code of a task. `start` is called once an attempt, and once in all if it is not repeatable.
pub(crate) trait Work: Send {
    fn is_repeatable(&self) -> bool;
    fn start(&mut self, cx: TaskContext) -> Started;
    fn is_blocking(&self) -> bool;

    /// What it needs to run in.
    fn environment(&self) -> Option<&Arc<Recipe>> {
        None
    }
}

/// An attempt that was begun.
pub(crate) enum Started {
    /// It has run, on this thread.
    Done(TaskResult),
    /// It is to be polled.
    Future(TaskFuture),
}

/// Keeps a `T` as an output; a `()` needs no keeping.
pub(crate) fn keep<T: Any + Send + Sync>(output: T) -> Option<Output> {
    (TypeId::of::<T>() != TypeId::of::<()>()).then(|| Arc::new(output) as Output)
}

/// What [`keep`] kept, if it was a `T`.
pub(crate) fn kept<T: Any + Send + Sync>(output: Option<Output>) -> Option<Arc<T>> {
    output.unwrap_or_else(|| Arc::new(())).downcast().ok()
}

fn erase<T, F>(future: F) -> Started
where
    T: Any + Send + Sync,
    F: Future<Output = Result<T, TaskError>> + Send + 'static,
{
    Started::Future(Box::pin(async move { future.await.map(keep) }))
}

/// Never called: a closure that can run only once is started only once.
fn spent() -> Started {
    Started::Done(Err(TaskError::msg("the task's closure has run before")))
}

pub(crate) struct Once<F>(pub(crate) Option<F>);

impl<T, F, Fut> Work for Once<F>
where
    T: Any + Send + Sync,
    F: FnOnce(TaskContext) -> Fut + Send,
    Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
{
    fn is_repeatable(&self) -> bool {
        false
    }

    fn is_blocking(&self) -> bool {
        false
    }

    fn start(&mut self, cx: TaskContext) -> Started {
        self.0.take().map_or_else(spent, |f| erase(f(cx)))
    }
}

pub(crate) struct BlockingOnce<F>(pub(crate) Option<F>);

impl<T, F> Work for BlockingOnce<F>
where
    T: Any + Send + Sync,
    F: FnOnce(TaskContext) -> Result<T, TaskError> + Send,
{
    fn is_repeatable(&self) -> bool {
        false
    }

    fn is_blocking(&self) -> bool {
        true
    }

    fn start(&mut self, cx: TaskContext) -> Started {
        self.0.take().map_or_else(spent, |f| Started::Done(f(cx).map(keep)))
    }
}

pub(crate) struct With<I, F>(pub(crate) I, pub(crate) F);

impl<T, I, F, Fut> Work for With<I, F>
where
    T: Any + Send + Sync,
    I: Clone + Send,
    F: Fn(TaskContext, I) -> Fut + Send,
    Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
{
    fn is_repeatable(&self) -> bool {
        true
    }

    fn is_blocking(&self) -> bool {
        false
    }

    fn start(&mut self, cx: TaskContext) -> Started {
        erase((self.1)(cx, self.0.clone()))
    }
}

pub(crate) struct BlockingWith<I, F>(pub(crate) I, pub(crate) F);

impl<T, I, F> Work for BlockingWith<I, F>
where
    T: Any + Send + Sync,
    I: Clone + Send,
    F: Fn(TaskContext, I) -> Result<T, TaskError> + Send,
{
    fn is_repeatable(&self) -> bool {
        true
    }

    fn is_blocking(&self) -> bool {
        true
    }

    fn start(&mut self, cx: TaskContext) -> Started {
        Started::Done((self.1)(cx, self.0.clone()).map(keep))
    }
}

pub(crate) struct Implemented<T>(pub(crate) Arc<T>);

impl<T: Task> Work for Implemented<T> {
    fn is_repeatable(&self) -> bool {
        true
    }

    fn is_blocking(&self) -> bool {
        false
    }

    fn start(&mut self, cx: TaskContext) -> Started {
        let task = self.0.clone();
        Started::Future(Box::pin(async move { task.run(cx).await.map(keep) }))
    }
}
