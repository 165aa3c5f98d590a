//! The system's allocator, which counts what it is asked for. A bench installs it with `#[global_allocator]`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Counts all threads' allocations within [`allocated_by`]. Whoever allocates outside of it, where time may be measured,
/// does not pay for that.
#[derive(Debug)]
pub struct CountingAllocator;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicI64 = AtomicI64::new(0);
static MOST_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: all is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            count(layout.size() as i64);
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNTS.load(Ordering::Relaxed) {
            BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        }
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            count(size as i64 - layout.size() as i64);
        }
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count(bytes: i64) {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    let now = BYTES.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST_BYTES.fetch_max(now, Ordering::Relaxed);
}

/// What something allocated.
#[derive(Debug, Clone, Copy)]
pub struct Allocated {
    pub allocations: u64,
    /// That are still held.
    pub bytes: i64,
    /// That were held at the same time at most.
    pub most_bytes: i64,
}

/// Counts what all threads allocate in the meantime.
pub fn allocated_by<T>(work: impl FnOnce() -> T) -> (T, Allocated) {
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    let bytes = BYTES.load(Ordering::Relaxed);
    MOST_BYTES.store(bytes, Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    let result = work();
    COUNTS.store(false, Ordering::Relaxed);
    let allocated = Allocated {
        allocations: ALLOCATIONS.load(Ordering::Relaxed) - allocations,
        bytes: BYTES.load(Ordering::Relaxed) - bytes,
        most_bytes: MOST_BYTES.load(Ordering::Relaxed) - bytes,
    };
    (result, allocated)
}
