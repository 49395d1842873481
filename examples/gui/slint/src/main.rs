//! A job in a window of Slint: a bar for the job, one for each running task, and what has failed.
//!
//! ```sh
//! cd examples/gui && cargo run -p thumbnails-slint
//! ```
//!
//! Slint draws what has changed. The job's events come in batches, one a window of progress. They are folded on the thread
//! that forwards them, and the window's thread is given what is to be seen; it changes the rows that differ. While the job rests,
//! and once it has ended, the program does nothing.
//!
//! Slint itself comes under the GPL, a royalty-free licence or a commercial one: whoever ships a program with it chooses.

use std::error::Error;
use std::rc::Rc;
use std::time::SystemTime;

use milepost::view::{JobRow, Rows};
use slint::{Model, ModelRc, VecModel};

slint::slint! {
    import { Button, ListView, Palette, ProgressIndicator, VerticalBox } from "std-widgets.slint";

    export struct TaskItem { name: string, fraction: float, text: string }

    export component MainWindow inherits Window {
        title: "Thumbnails";
        preferred-width: 560px;
        preferred-height: 460px;
        default-font-size: 14px;

        in property <string> name;
        in property <string> state;
        in property <string> status;
        in property <float> fraction;
        in property <bool> may-cancel;
        in property <[TaskItem]> running;
        in property <[TaskItem]> failed;
        callback cancel();

        VerticalBox {
            padding: 16px;
            spacing: 10px;
            HorizontalLayout {
                spacing: 12px;
                Text { text: root.name; font-size: 20px; vertical-alignment: center; horizontal-stretch: 1; }
                Text { text: root.state; vertical-alignment: center; }
                Button { text: "Cancel"; enabled: root.may-cancel; clicked => { root.cancel(); } }
            }
            ProgressIndicator { progress: root.fraction; height: 14px; }
            Text { text: root.status; }
            VerticalLayout {
                vertical-stretch: 1;
                alignment: start;
                spacing: 8px;
                for task in root.running: HorizontalLayout {
                    spacing: 10px;
                    Text { text: task.name; width: 110px; overflow: elide; }
                    VerticalLayout {
                        alignment: center;
                        horizontal-stretch: 1;
                        ProgressIndicator { progress: task.fraction; height: 8px; }
                    }
                    Text { text: task.text; width: 90px; overflow: elide; }
                }
            }
            Rectangle { height: 1px; background: Palette.border; }
            Text { text: "Failed"; font-weight: 700; }
            ListView {
                height: 110px;
                for task in root.failed: HorizontalLayout {
                    padding-bottom: 4px;
                    spacing: 10px;
                    Text { text: task.name; width: 110px; overflow: elide; }
                    Text { text: task.text; color: #d6483c; wrap: word-wrap; horizontal-stretch: 1; }
                }
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let job = thumbnails::start()?;
    let window = MainWindow::new()?;
    window.set_running(ModelRc::from(Rc::new(VecModel::<TaskItem>::default())));
    window.set_failed(ModelRc::from(Rc::new(VecModel::<TaskItem>::default())));

    let (shown, mut rows) = (window.as_weak(), Rows::new());
    job.forward(move |batch| {
        rows.take(&batch);
        let now = SystemTime::now();
        let (job, running, failed) = (rows.job(now), running(&rows, now), failed(&rows, now));
        shown.upgrade_in_event_loop(move |window| show(&window, &job, running, failed)).is_ok()
    });

    let _guard = job.cancel_on_drop(); // when the window is closed
    window.on_cancel(move || job.cancel("the user pressed Cancel"));
    window.run()?;
    Ok(())
}

fn running(rows: &Rows, now: SystemTime) -> Vec<TaskItem> {
    let running = rows.running(now).take(thumbnails::AT_A_TIME).map(|task| TaskItem {
        name: (&**task.name).into(),
        fraction: task.fraction.unwrap_or(0.0) as f32,
        text: task.message.map_or("", |message| message).into(),
    });
    running.collect()
}

fn failed(rows: &Rows, now: SystemTime) -> Vec<TaskItem> {
    let failed = rows.failed(now).map(|task| TaskItem {
        name: (&**task.name).into(),
        text: task.error.map_or("", |error| &*error.message).into(),
        ..TaskItem::default()
    });
    failed.collect()
}

/// Called on the window's thread.
fn show(window: &MainWindow, job: &JobRow, running: Vec<TaskItem>, failed: Vec<TaskItem>) {
    window.set_name(job.name.as_deref().unwrap_or_default().into());
    window.set_state(job.state.as_str().into());
    window.set_status(thumbnails::status(job).into());
    window.set_fraction(job.fraction.unwrap_or(0.0) as f32);
    window.set_may_cancel(!job.state.is_terminal());
    set_rows(&window.get_running(), running);
    set_rows(&window.get_failed(), failed);
}

/// Gives a model other rows. What is drawn again is those that differ.
fn set_rows(model: &ModelRc<TaskItem>, rows: Vec<TaskItem>) {
    let model = model.as_any().downcast_ref::<VecModel<TaskItem>>().expect("`main` has set it");
    (rows.len()..model.row_count()).rev().for_each(|row| drop(model.remove(row)));
    for (row, item) in rows.into_iter().enumerate() {
        match model.row_data(row) {
            None => model.push(item),
            Some(old) if old != item => model.set_row_data(row, item),
            Some(_) => {}
        }
    }
}
