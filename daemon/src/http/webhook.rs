//! `POST /webhooks/REPOSITORY`: a forge says that something happened.
//!
//! It only wakes: nothing of what it says is read, and everything is asked anew from the forge. So a delivery that comes twice, late,
//! or never does no harm, and none has to be kept. Who does not know the secret wakes nobody.

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use naksha_environments::codes::daemon::{REQUEST_REFUSED, SIGNATURE_REFUSED};
use sha2::Sha256;
use tracing::{debug, warn};

use super::refusal::Refused;
use super::routes::ApiState;
use crate::task::Feed;

/// GitHub's are at most this large, and the others' are smaller.
const MAX_PAYLOAD: usize = 25 << 20;
/// With `sha256=` before the digits; Gitea sends it for GitHub's sake.
const SIGNATURE: &str = "x-hub-signature-256";
/// SHA-256.
const SIGNATURE_BYTES: usize = 32;

pub(super) fn webhook_routes() -> Router<ApiState> {
    let limit = DefaultBodyLimit::max(MAX_PAYLOAD);
    Router::new().route("/webhooks/{repository}", post(receive)).layer(limit)
}

async fn receive(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refused> {
    // One answer for what is not there and what takes no webhooks: nobody learns names here.
    let nobody = || Refused::new(StatusCode::NOT_FOUND, REQUEST_REFUSED, "nothing takes webhooks here");
    let feed = state.heads.named(&name).ok_or_else(nobody)?;
    feed.hook_secret().ok_or_else(nobody)?;
    let refused = || {
        let message = "the webhook is not signed with the secret of this repository";
        Refused::new(StatusCode::UNAUTHORIZED, SIGNATURE_REFUSED, message)
            .hint("give the forge the secret that `forge` in the configuration names")
    };
    // Before anybody is asked for the secret.
    let given = signature(&headers).ok_or_else(refused)?;
    let secret = secret_of(feed).await.ok_or_else(nobody)?;
    if !is_signed(&secret, &given, body).await {
        return Err(refused());
    }
    debug!(repository = name, "webhook");
    feed.signal.poke();
    feed.stirred.send_modify(|times| *times += 1);
    Ok(StatusCode::ACCEPTED)
}

/// Nothing: no secret is configured, or it cannot be read.
async fn secret_of(feed: &Feed) -> Option<String> {
    match feed.hook_secret()?.read().await {
        Ok(secret) => Some(secret.expose().to_owned()),
        Err(error) => {
            warn!(repository = %feed.name(), %error, "a webhook is refused: its secret cannot be read");
            None
        }
    }
}

fn signature(headers: &HeaderMap) -> Option<Vec<u8>> {
    let given = headers.get(SIGNATURE)?.to_str().ok()?;
    hex::decode(given.strip_prefix("sha256=")?).ok().filter(|given| given.len() == SIGNATURE_BYTES)
}

/// Compared in constant time, over the bytes as they came. They are not kept: who does not know the secret takes no memory.
async fn is_signed(secret: &str, given: &[u8], body: Body) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("should take a key of any length");
    let (mut chunks, mut length) = (body.into_data_stream(), 0);
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return false };
        length += chunk.len();
        if length > MAX_PAYLOAD {
            return false;
        }
        mac.update(&chunk);
    }
    mac.verify_slice(given).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation, "Validating webhook deliveries".
    #[tokio::test]
    async fn a_signature_is_that_of_these_very_bytes() {
        let secret = "It's a Secret to Everybody";
        let digits = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let check = async |secret: &str, given: &str, body: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(SIGNATURE, given.parse().unwrap());
            let Some(given) = signature(&headers) else { return false };
            is_signed(secret, &given, Body::from(body)).await
        };
        let right = format!("sha256={digits}");
        assert!(check(secret, &right, "Hello, World!").await);
        for wrong in [digits, "sha256=", "sha256=zz", &right[..69], "sha1=757107ea"] {
            assert!(!check(secret, wrong, "Hello, World!").await, "{wrong}");
        }
        assert!(!check(secret, &right, "Hello, World").await);
        assert!(!check("another", &right, "Hello, World!").await);
        assert_eq!(signature(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn what_is_too_long_is_not_read_to_its_end() {
        let chunk = axum::body::Bytes::from(vec![0; 1 << 20]);
        let endless = futures::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
        assert!(!is_signed("secret", &[0; 32], Body::from_stream(endless)).await);
    }
}
