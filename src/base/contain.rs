//! Containment of user code: a panic is logged and goes no further (G12). Knows not whose code it runs.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `code`; a panic in it is logged as one in `what`.
pub(crate) fn contain<R>(what: &str, code: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(result) => Some(result),
        Err(payload) => {
            // Taken here: if nobody listens, the fields of what is logged are not looked at.
            let message = panic_message(payload);
            tracing::error!(panic = message, "a panic in {what} was contained");
            None
        }
    }
}

/// Drops what may hold user code, with its panics contained.
pub(crate) fn drop_contained<T>(what: &str, value: T) {
    if std::mem::needs_drop::<T>() {
        contain(what, move || drop(value));
    }
}

/// The message of a panic's payload, which it consumes.
pub(crate) fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let message = if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    };
    // A payload of the user's own type may panic as it is dropped, for ever anew: then it is leaked.
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(second);
    }
    message
}
