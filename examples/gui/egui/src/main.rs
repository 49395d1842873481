//! A job in a window of egui: a bar for the job, one for each running task, and what has failed.
//!
//! ```sh
//! cd examples/gui && cargo run -p thumbnails-egui
//! ```
//!
//! egui draws a frame when something asks it to. Here that is the mouse, and the job's inbox when there is news: once a
//! window of progress, not once a report. While the job rests, and once it has ended, the program does nothing.

use std::error::Error;
use std::time::SystemTime;

use eframe::egui::{
    self, Align, CentralPanel, Color32, Frame, Grid, Label, Layout, Panel, ProgressBar, RichText,
    ScrollArea, TextStyle, Ui,
};
use milepost::Job;
use milepost::view::{Group, Inbox, Rows};

/// How wide the columns of names and messages are, in points.
const COLUMN: f32 = 96.0;
const GAP: f32 = 10.0;
const RED: Color32 = Color32::from_rgb(214, 72, 60);

struct Window {
    job: Job,
    inbox: Inbox,
    rows: Rows,
    close_when_done: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let job = thumbnails::start()?;
    let _guard = job.cancel_on_drop(); // when the window is closed
    let close_when_done = std::env::args().any(|argument| argument == "--close-when-done");
    let viewport = egui::ViewportBuilder::default().with_inner_size([560.0, 460.0]);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native(
        "Thumbnails",
        options,
        Box::new(move |creation| {
            let context = creation.egui_ctx.clone();
            let inbox = job.inbox(move || context.request_repaint());
            Ok(Box::new(Window { job, inbox, rows: Rows::new(), close_when_done }))
        }),
    )?;
    Ok(())
}

impl eframe::App for Window {
    /// Comes before each frame, and also without one while the window can't be seen.
    fn logic(&mut self, context: &egui::Context, _frame: &mut eframe::Frame) {
        self.rows.update(&mut self.inbox);
        if self.close_when_done && self.inbox.is_ended() {
            context.send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let now = SystemTime::now();
        let frame = Frame::central_panel(ui.style()).inner_margin(14);
        let (top, bottom) = (Panel::top("job").frame(frame), Panel::bottom("failed").frame(frame));
        top.show(ui, |ui| self.show_job(ui, now));
        bottom.exact_size(150.0).show(ui, |ui| self.show_failed(ui, now));
        CentralPanel::default().frame(frame).show(ui, |ui| self.show_running(ui, now));
    }
}

impl Window {
    fn show_job(&self, ui: &mut Ui, now: SystemTime) {
        let row = self.rows.job(now);
        ui.spacing_mut().item_spacing.y = 8.0;
        ui.horizontal(|ui| {
            ui.heading(row.name.as_deref().unwrap_or_default());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let cancel = egui::Button::new("Cancel");
                if ui.add_enabled(!row.state.is_terminal(), cancel).clicked() {
                    self.job.cancel("the user pressed Cancel");
                }
                ui.label(row.state.to_string());
            });
        });
        ui.add(ProgressBar::new(row.fraction.unwrap_or(0.0) as f32).show_percentage());
        ui.label(thumbnails::status(&row));
    }

    fn show_running(&self, ui: &mut Ui, now: SystemTime) {
        let width = ui.available_width() - 2.0 * (COLUMN + GAP);
        let grid = Grid::new("running").min_col_width(COLUMN).spacing([GAP, 8.0]);
        grid.show(ui, |ui| {
            for task in self.rows.running(now).take(thumbnails::AT_A_TIME) {
                ui.label(&**task.name);
                let bar = ProgressBar::new(task.fraction.unwrap_or(0.0) as f32);
                ui.add(bar.desired_width(width).show_percentage());
                ui.label(task.message.map_or("", |message| message));
                ui.end_row();
            }
        });
    }

    /// Draws the rows that are seen, however many there are.
    fn show_failed(&self, ui: &mut Ui, now: SystemTime) {
        ui.label(RichText::new("Failed").strong());
        ui.add_space(4.0);
        let height = ui.text_style_height(&TextStyle::Body);
        let list = ScrollArea::vertical().auto_shrink(false);
        list.show_rows(ui, height, self.rows.count(Group::Failed), |ui, places| {
            for task in self.rows.page_of(Group::Failed, places, now) {
                ui.horizontal(|ui| {
                    ui.label(&**task.name);
                    let error = task.error.map_or("", |error| &error.message);
                    ui.add(Label::new(RichText::new(error).color(RED)).truncate());
                });
            }
        });
    }
}
