//! The floor: one server-side apply per object over HTTP/2, so many at a time, and nothing else.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use futures::StreamExt as _;
use reqwest::header::CONTENT_TYPE;
use tokio::runtime::Runtime;

pub(super) struct Floor {
    client: reqwest::Client,
    server: String,
    token: String,
    runtime: Runtime,
}

impl Floor {
    pub(super) fn new(kubeconfig: &Path) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let text = std::fs::read_to_string(kubeconfig)?;
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(name));
            value
                .map(|value| value.trim().trim_matches('"').to_owned())
                .with_context(|| format!("it has {name}"))
        };
        let authority = field("certificate-authority-data:")?;
        let authority = base64::engine::general_purpose::STANDARD.decode(authority)?;
        let roots = reqwest::Certificate::from_pem_bundle(&authority)?;
        let client = reqwest::Client::builder().no_proxy().tls_certs_only(roots).build()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Self { client, server: field("server:")?, token: field("token:")?, runtime })
    }

    /// Seconds that it takes.
    pub(super) fn apply(&self, bodies: Vec<(String, Vec<u8>)>, at_a_time: usize) -> anyhow::Result<f64> {
        let started = Instant::now();
        let requests = bodies.into_iter().map(|(path, body)| {
            let url = format!("{}{path}?fieldManager=floor&force=true", self.server);
            let request = self.client.patch(url).bearer_auth(&self.token);
            let request = request.header(CONTENT_TYPE, "application/apply-patch+yaml").body(body);
            async move {
                let response = request.send().await?;
                let status = response.status();
                let body = response.bytes().await?;
                ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
                Ok(())
            }
        });
        let all =
            futures::stream::iter(requests).buffer_unordered(at_a_time).collect::<Vec<anyhow::Result<()>>>();
        let answers = self.runtime.block_on(all);
        answers.into_iter().collect::<anyhow::Result<()>>()?;
        Ok(started.elapsed().as_secs_f64())
    }
}
