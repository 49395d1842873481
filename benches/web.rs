//! What clients of the web server cost the job that they follow: a job of 20,000 tasks that compute, on two workers, with and
//! without a thousand clients of its events, which are another process on the same machine. Asserts nothing about time, but that
//! each client has each event once.
//!
//! ```sh
//! cargo bench --bench web --features web [-- [--clients N] [--rounds N] [--late] [--brief]]
//! ```
//!
//! With `--brief`, nobody waits until the clients have all. With `--late` the clients begin with the job's first event, and else with the submission of its tasks.

#![allow(clippy::disallowed_methods, reason = "a bench measures time")]
#![allow(clippy::unwrap_used, reason = "what unwraps none is a bench that is wrong")]

#[path = "harness/mod.rs"]
mod harness;

use std::hint::black_box;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use memchr::memmem;
use milepost::view::web::Web;
use milepost::{Job, LocalScheduler, Tracker};

const TASKS: usize = 20_000;
const TASK_MICROS: f64 = 100.0;

fn number(name: &str, or: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().and_then(|number| number.parse().ok()).unwrap_or(or)
}

fn main() {
    if harness::flag("--follow") {
        return follow();
    }
    let (clients, rounds) = (number("--clients", 1_000), number("--rounds", 5));
    let work = calibrate();
    // What it knows of ended jobs would count as memory.
    let tracker = Tracker::builder().max_jobs(1).build();
    let web = Web::new(&tracker);
    let address = serve(&web);
    let (mut alone, mut followed, mut all_had) = (Vec::new(), Vec::new(), 0.0);
    let (mut server_share, mut client_share) = (Vec::new(), Vec::new());
    let mut memory = Vec::new();
    for round in 0..=rounds {
        let alone_ran = run(&tracker, work, None, false);
        let without = alone_ran.seconds;
        let with =
            run(&tracker, work, Some((address, clients)), round == 0 && !harness::flag("--brief"));
        // The first round warms up, and takes until all clients have had all.
        if round == 0 {
            all_had = with.all_had;
        } else {
            alone.push(without);
            followed.push(with.seconds);
            server_share.push(with.server / with.seconds / 2.0);
            client_share.push(with.client / with.seconds / 2.0);
            memory.push(with.memory);
        }
        for (what, ran) in [("alone", &alone_ran), ("followed", &with)] {
            let others = ran.machine - ran.job - ran.server - ran.client;
            println!(
                "  {what}: {:.2} processor seconds for the job, {others:.2} for other processes",
                ran.job
            );
        }
        let share = 100.0 / with.seconds / 2.0;
        println!(
            "round {round}: {without:.3} s alone, {:.3} s followed ({:.1} % of the machine for the server, {:.1} % for the \
             clients), all had after {:.1} s; resident {:.0} MiB",
            with.seconds,
            with.server * share,
            with.client * share,
            with.all_had,
            with.memory
        );
    }
    let ratios: Vec<f64> = alone.iter().zip(&followed).map(|(alone, with)| with / alone).collect();
    let median = |samples: &[f64]| harness::quantile(samples, 0.5);
    let rows = [
        ("tasks a second alone", format!("{:.0}", TASKS as f64 / median(&alone))),
        ("tasks a second followed", format!("{:.0}", TASKS as f64 / median(&followed))),
        ("ratio of times, median", format!("{:.3}", median(&ratios))),
        (
            "of the machine while the job ran: server",
            format!("{:.1} %", 100.0 * median(&server_share)),
        ),
        (
            "of the machine while the job ran: clients",
            format!("{:.1} %", 100.0 * median(&client_share)),
        ),
        ("until all clients had all", format!("{:.1} s", all_had)),
        (
            "resident at the most: first round, last",
            format!("{:.0}, {:.0} MiB", memory[0], memory[memory.len() - 1]),
        ),
    ];
    let rows: Vec<Vec<String>> = rows.map(|(what, value)| vec![what.to_owned(), value]).into();
    println!("{}", harness::table(&format!("{clients} clients of a job of {TASKS} tasks"), &rows));
}

/// What came of one job.
#[derive(Default)]
struct Ran {
    seconds: f64,
    all_had: f64,
    /// Processor seconds while the job ran.
    server: f64,
    client: f64,
    job: f64,
    /// Of all processes on the machine.
    machine: f64,
    /// In MiB, when all had all.
    memory: f64,
}

fn run(
    tracker: &Tracker,
    work: u64,
    clients: Option<(SocketAddr, usize)>,
    to_the_end: bool,
) -> Ran {
    let scheduler = tracker.scheduler(LocalScheduler::new(2).unwrap());
    let job = Job::new("computes");
    tracker.track(&job);
    for n in 0..TASKS {
        job.add_blocking("task", move |_cx| {
            black_box(compute(work ^ (n as u64 & 1)));
            Ok(())
        })
        .unwrap();
    }
    let begin = job.last_seq();
    let after = if harness::flag("--late") { 0 } else { begin };
    let mut followers =
        clients.map(|(address, clients)| Followers::start(address, &job, after, clients));
    let used = |followers: &Option<Followers>| {
        let client = followers
            .as_ref()
            .map_or(0.0, |followers| cpu_of(&format!("/proc/{}/stat", followers.child.id())));
        (server_cpu(), client)
    };
    let before = used(&followers);
    let (own, machine) = (cpu_of("/proc/self/stat"), machine_cpu());
    let start = Instant::now();
    job.submit(&scheduler).unwrap();
    job.wait_until_done().blocking().unwrap();
    let mut ran = Ran { seconds: start.elapsed().as_secs_f64(), ..Ran::default() };
    let then = used(&followers);
    (ran.server, ran.client) = (then.0 - before.0, then.1 - before.1);
    ran.job = cpu_of("/proc/self/stat") - own - ran.server;
    ran.machine = machine_cpu() - machine;
    if let Some(followers) = followers.as_mut().filter(|_| to_the_end) {
        let had = followers.line();
        ran.all_had = start.elapsed().as_secs_f64();
        let events = (job.last_seq() - after).to_string();
        assert!(had.split(' ').all(|each| each == events), "lost or doubled, of {events}: {had}");
        assert!(followers.child.wait().unwrap().success());
    }
    ran.memory = resident();
    if let Some(followers) = &mut followers {
        // Those who have not had all by now are gone.
        let _ = followers.child.kill();
        followers.child.wait().unwrap();
    }
    ran
}

/// The clients' process.
struct Followers {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Followers {
    fn start(address: SocketAddr, job: &Job, after: u64, clients: usize) -> Followers {
        let path = format!("/jobs/{}/events?after={after}", job.id());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--follow", &address.to_string(), &path, &clients.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut followers = Followers { child, lines };
        assert_eq!(followers.line(), "connected");
        followers
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// Follows a job with many clients, each of which counts its events; prints the counts that there are.
fn follow() {
    let arguments: Vec<String> =
        std::env::args().skip_while(|argument| argument != "--follow").collect();
    let [_, address, path, clients] = &arguments[..4] else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..clients.parse::<usize>().unwrap() {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            // The head is there: the client is.
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            streams.push(stream);
        }
        println!("connected");
        std::io::stdout().flush().unwrap();
        let clients: Vec<_> =
            streams.into_iter().map(|stream| tokio::spawn(count(stream))).collect();
        let mut counts = Vec::new();
        for client in clients {
            counts.push(client.await.unwrap());
        }
        counts.sort_unstable();
        counts.dedup();
        let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
        println!("{}", counts.join(" "));
    });
}

/// How many events there are until the end of the stream.
async fn count(stream: tokio::net::TcpStream) -> u64 {
    const ID: &[u8] = b"\nid: ";
    let finder = memmem::Finder::new(ID);
    let mut buffer = vec![0; 64 << 10];
    let (mut count, mut kept) = (0, 0);
    loop {
        stream.readable().await.unwrap();
        let read = match stream.try_read(&mut buffer[kept..]) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => panic!("{error}"),
        };
        if read == 0 {
            return count;
        }
        let there = kept + read;
        count += finder.find_iter(&buffer[..there]).count() as u64;
        // What may be the beginning of one is looked at again.
        kept = (ID.len() - 1).min(there);
        let ends = buffer[there - kept..there].to_vec();
        buffer[..kept].copy_from_slice(&ends);
    }
}

fn serve(web: &Web) -> SocketAddr {
    let (send, receive) = std::sync::mpsc::channel();
    let web = web.clone();
    let serve = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let server = web.bind("127.0.0.1:0").await.unwrap();
            send.send(server.local_addr()).unwrap();
            server.run().await.unwrap();
        });
    };
    std::thread::Builder::new().name("server".into()).spawn(serve).unwrap();
    receive.recv().unwrap()
}

fn compute(rounds: u64) -> u64 {
    (0..rounds).fold(1, |sum, n| black_box(sum ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// How many rounds take as long as a task should.
fn calibrate() -> u64 {
    let times = (0..20).map(|_| {
        let start = Instant::now();
        black_box(compute(1_000_000));
        start.elapsed().as_secs_f64() * 1e6
    });
    let fastest = times.fold(f64::INFINITY, f64::min);
    (1e6 / fastest * TASK_MICROS) as u64
}

/// The processor seconds of a process or thread, by its file.
fn cpu_of(stat: &str) -> f64 {
    let text = std::fs::read_to_string(stat).unwrap_or_default();
    let fields: Vec<&str> =
        text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// The processor seconds of all processes.
fn machine_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    // User, nice, system, then idle and waiting, then interrupts.
    (ticks.iter().take(3).sum::<f64>() + ticks.iter().skip(5).take(3).sum::<f64>()) / 100.0
}

fn server_cpu() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let server = threads.filter(|thread| {
        std::fs::read_to_string(thread.path().join("comm"))
            .is_ok_and(|name| name.trim() == "server")
    });
    server.map(|thread| cpu_of(&thread.path().join("stat").display().to_string())).sum()
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
