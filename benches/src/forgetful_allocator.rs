//! The system's allocator, which is never given anything back: what it costs to free depends on what else is on the heap,
//! and is nobody's of those compared. Dropping itself is theirs.

use std::alloc::{GlobalAlloc, Layout, System};

/// A bench installs it with `#[global_allocator]`.
#[derive(Debug)]
pub struct ForgetfulAllocator;

// SAFETY: what is handed out is the system's, and stays valid for ever.
unsafe impl GlobalAlloc for ForgetfulAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
