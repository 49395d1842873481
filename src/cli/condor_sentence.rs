//! HTCondor's events as lines for people. Makes text; prints nothing.

use std::borrow::Cow;
use std::time::SystemTime;

use crate::condor::{Body, Ended, Event};
use crate::view::terminal::{printable, shortened};

/// The longest text of an event, in characters.
const LONGEST: usize = 200;

/// When, of which job, what, and what more there is to say.
pub(super) fn sentence(event: &Event) -> String {
    let at = humantime::format_rfc3339_millis(SystemTime::from(event.at()));
    let (key, name) = (event.key().to_string(), event.event_type().name());
    let number = event.event_type().number();
    let told = told(event);
    let gap = if told.is_empty() { "" } else { "  " };
    let told = shortened(&told, LONGEST);
    format!("{at}  {key:<9}  {number:03} {name}{gap}{told}")
}

/// What more there is to say, if the name says not all.
fn told(event: &Event) -> Cow<'_, str> {
    let body = event.body();
    let text = |text: Option<&str>| Cow::Owned(printable(text.unwrap_or("")).into_owned());
    match &body {
        Body::Submit(submit) | Body::ClusterSubmit(submit) => {
            text(submit.log_notes.or(submit.user_notes))
        }
        Body::Execute(execute) | Body::NodeExecute { execute, .. } => {
            text(execute.slot.or(execute.host))
        }
        Body::Terminated(terminated) | Body::NodeTerminated { terminated, .. } => {
            ended(terminated.ended).into()
        }
        Body::PostScript { ended: script, .. } => ended(*script).into(),
        Body::Evicted(evicted) => match evicted.requeued {
            Some(how) => format!("{}; it is to run again", ended(how)).into(),
            None => text(evicted.reason),
        },
        Body::ImageSize(image) => match image.memory_usage {
            Some(memory) => format!("{memory} MiB").into(),
            None => format!("{} KiB", image.size).into(),
        },
        Body::ShadowException { message, .. } => text(Some(message)),
        Body::Generic { info } => text(Some(info)),
        Body::Aborted { reason } | Body::Released { reason } | Body::Held { reason, .. } => {
            text(*reason)
        }
        Body::Disconnected(connection) => text(connection.reason.or(connection.startd)),
        Body::Reconnected(connection) => text(connection.startd),
        Body::ReconnectFailed { reason, startd } => text(reason.or(*startd)),
        Body::AttributeUpdate { name, new, .. } => text(Some(&format!("{name} = {new}"))),
        Body::ClusterRemove(removed) => {
            format!("{} jobs from {} items", removed.jobs, removed.items).into()
        }
        Body::FactoryPaused { reason, .. } | Body::FactoryResumed { reason } => text(*reason),
        Body::FileTransfer(transfer) => Cow::Borrowed(match transfer.phase {
            1 => "input is queued",
            2 => "input has begun",
            3 => "input is done",
            4 => "output is queued",
            5 => "output has begun",
            6 => "output is done",
            _ => "",
        }),
        _ => "".into(),
    }
}

fn ended(ended: Ended) -> String {
    match ended {
        Ended::Exited(code) => format!("exit code {code}"),
        Ended::Signaled(signal) => format!("signal {signal}"),
        _ => String::new(),
    }
}
