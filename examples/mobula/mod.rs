//! Where an example finds Mobula: the emulator in this process, or the real service where a key is given.

use std::error::Error;
use std::time::Duration;

use mobula_auth::emulator::{Emulator, Server};
use mobula_auth::{ApiKey, Origins, ReqwestTransport, TokenClient};

pub(crate) type AnyError = Box<dyn Error + Send + Sync>;

/// Mobula, emulated or real.
pub(crate) struct Mobula {
    pub(crate) base_url: String,
    pub(crate) key: ApiKey,
    emulated: Option<(Emulator, Server)>,
}

impl Mobula {
    /// The real service at `MOBULA_BASE_URL` if `MOBULA_API_KEY` is set, else an emulator on loopback.
    pub(crate) async fn from_env() -> Result<Self, AnyError> {
        if std::env::var_os("MOBULA_API_KEY").is_some() {
            let base_url = std::env::var("MOBULA_BASE_URL")
                .unwrap_or_else(|_| "https://api.mobula.io".to_owned());
            return Ok(Self {
                base_url,
                key: ApiKey::from_env()?,
                emulated: None,
            });
        }
        let emulator = Emulator::new();
        let server = emulator.serve().await?;
        let key = ApiKey::new(emulator.api_key())?;
        Ok(Self {
            base_url: server.url(),
            key,
            emulated: Some((emulator, server)),
        })
    }

    /// A client of the token API. A base URL that is none is refused here.
    pub(crate) fn tokens(&self) -> Result<TokenClient<ReqwestTransport>, AnyError> {
        Ok(
            TokenClient::with_reqwest(self.http_builder(), self.key.clone())?
                .base_url(&self.base_url)?,
        )
    }

    pub(crate) fn http_builder(&self) -> reqwest::ClientBuilder {
        let builder = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .redirect(Origins::default().redirect_policy());
        // A proxy of the environment has no way to this machine's loopback.
        if self.emulated.is_some() {
            builder.no_proxy()
        } else {
            builder
        }
    }

    pub(crate) fn emulator(&self) -> Option<&Emulator> {
        self.emulated.as_ref().map(|(emulator, _)| emulator)
    }
}

/// An error and its causes as one sentence, each said once.
pub(crate) fn sentence(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}
