//! What HTTP clients want to have even where they speak without TLS.

use rustls::crypto::ring;

/// Clients of a build with rustls and no provider of its own panic without one. It is there already if another stack was
/// before.
pub fn install_provider() {
    let _ = ring::default_provider().install_default();
}
