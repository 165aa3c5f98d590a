//! What threads share; under `--cfg loom`, what loom can see of it.

#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(super) use std::sync::{Mutex, MutexGuard};

#[cfg(not(loom))]
pub(super) use arc_swap::ArcSwapOption;
#[cfg(not(loom))]
pub(super) type Loaded<T> = arc_swap::Guard<Option<std::sync::Arc<T>>>;
#[cfg(loom)]
pub(super) type Loaded<T> = Option<std::sync::Arc<T>>;
#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
#[cfg(loom)]
pub(super) use loom::sync::{Mutex, MutexGuard};

#[cfg(loom)]
pub(super) use cell::ArcSwapOption;

/// arc-swap has no loom mode: the models have its promise, a value that is loaded and swapped as a whole.
#[cfg(loom)]
mod cell {
    use std::sync::{Arc, PoisonError};

    use loom::sync::{Mutex, MutexGuard};

    #[derive(Debug)]
    pub(in super::super) struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

    impl<T> ArcSwapOption<T> {
        pub(in super::super) fn empty() -> Self {
            Self(Mutex::new(None))
        }

        pub(in super::super) fn load(&self) -> Option<Arc<T>> {
            self.value().clone()
        }

        pub(in super::super) fn load_full(&self) -> Option<Arc<T>> {
            self.load()
        }

        pub(in super::super) fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
            std::mem::replace(&mut *self.value(), value)
        }

        pub(in super::super) fn store(&self, value: Option<Arc<T>>) {
            drop(self.swap(value));
        }

        fn value(&self) -> MutexGuard<'_, Option<Arc<T>>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}
