//! What a bench was asked for.

/// Whether to run once and briefly, and to hold what must be true on any machine: `--quick`, or `--test` as criterion
/// has it.
#[must_use]
pub fn is_quick() -> bool {
    std::env::args().any(|argument| argument == "--quick" || argument == "--test")
}
