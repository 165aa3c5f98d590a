//! Threads that do the same work at the same time.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Does so many operations.
pub type Worker = Box<dyn FnMut(u64) + Send>;

/// A number of threads that wait for work. They end when it is dropped.
#[derive(Debug)]
pub struct Crew {
    orders: Vec<Sender<u64>>,
    reports: Receiver<Shift>,
}

/// What one thread did in one round.
#[derive(Debug)]
struct Shift {
    begin: Instant,
    end: Instant,
    on_cpu: Duration,
}

/// What all of them did.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// From the first one's begin to the last one's end.
    pub operations_per_second: f64,
    /// Whether each had a core of its own all the time: on a machine with other work to do, they may as well have taken
    /// turns, and a round of those tells nothing.
    pub undisturbed: bool,
}

impl Crew {
    /// One thread for each worker.
    #[must_use]
    pub fn new(workers: Vec<Worker>) -> Self {
        let threads = workers.len();
        let arrived = Arc::new(AtomicUsize::new(0));
        let (report, reports) = channel();
        let hire = |mut worker: Worker| {
            let (order, orders) = channel();
            let (arrived, report) = (Arc::clone(&arrived), report.clone());
            thread::spawn(move || {
                while let Ok(operations) = orders.recv() {
                    together(&arrived, threads);
                    report.send(Shift::of(|| worker(operations))).unwrap();
                }
            });
            order
        };
        let orders = workers.into_iter().map(hire).collect();
        Self { orders, reports }
    }

    /// Has each thread do so many operations.
    #[must_use]
    pub fn work(&self, each: u64) -> Round {
        for order in &self.orders {
            order.send(each).unwrap();
        }
        let threads = self.orders.len();
        let shifts: Vec<_> = self.reports.iter().take(threads).collect();
        let begin = shifts.iter().map(|shift| shift.begin).min().unwrap();
        let end = shifts.iter().map(|shift| shift.end).max().unwrap();
        let took = (end - begin).as_secs_f64();
        let on_cpu = shifts.iter().map(|shift| shift.on_cpu).min().unwrap();
        Round {
            operations_per_second: each as f64 * threads as f64 / took,
            undisturbed: on_cpu.as_secs_f64() >= 0.95 * took,
        }
    }
}

impl Shift {
    fn of(work: impl FnOnce()) -> Self {
        let (cpu, begin) = (cpu_time_of_this_thread(), Instant::now());
        work();
        let (end, on_cpu) = (Instant::now(), cpu_time_of_this_thread() - cpu);
        Self { begin, end, on_cpu }
    }
}

fn cpu_time_of_this_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// Returns on all threads at once. Nobody sleeps: a thread that is woken late would work alone for a while.
fn together(arrived: &AtomicUsize, threads: usize) {
    let round = arrived.fetch_add(1, Ordering::AcqRel) / threads;
    while arrived.load(Ordering::Acquire) < (round + 1) * threads {
        spin_loop();
    }
}
