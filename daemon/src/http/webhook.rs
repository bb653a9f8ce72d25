//! `POST /webhooks/REPOSITORY`: a forge says that something happened.
//!
//! It only wakes: nothing of what it says is read, and everything is asked anew from the forge. So a delivery that comes twice, late,
//! or never does no harm, and none has to be kept. Who does not know the secret wakes nobody.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
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

pub(super) fn webhook_routes() -> Router<ApiState> {
    let limit = DefaultBodyLimit::max(MAX_PAYLOAD);
    Router::new().route("/webhooks/{repository}", post(receive)).layer(limit)
}

async fn receive(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refused> {
    // One answer for what is not there and what takes no webhooks: nobody learns names here.
    let nobody = || Refused::new(StatusCode::NOT_FOUND, REQUEST_REFUSED, "nothing takes webhooks here");
    let feed = state.heads.named(&name).ok_or_else(nobody)?;
    let secret = secret_of(feed).await.ok_or_else(nobody)?;
    if !is_signed(&secret, &headers, &body) {
        let message = "the webhook is not signed with the secret of this repository";
        return Err(Refused::new(StatusCode::UNAUTHORIZED, SIGNATURE_REFUSED, message)
            .hint("give the forge the secret that `forge.webhook_secret_file` names"));
    }
    debug!(repository = name, "webhook");
    feed.signal.poke();
    feed.stirred.send_modify(|times| *times += 1);
    Ok(StatusCode::ACCEPTED)
}

/// Nothing: no secret is configured, or it cannot be read.
async fn secret_of(feed: &Feed) -> Option<String> {
    let place = feed.config.forge.as_ref()?.webhook_secret().ok()??;
    match place.read().await {
        Ok(secret) => Some(secret.expose().to_owned()),
        Err(error) => {
            warn!(repository = %feed.name(), %error, "a webhook is refused: its secret cannot be read");
            None
        }
    }
}

/// Compared in constant time, over the bytes as they came.
fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let given = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let given = given.and_then(|text| hex::decode(text.strip_prefix("sha256=")?).ok());
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("should take a key of any length");
    mac.update(body);
    given.is_some_and(|given| mac.verify_slice(&given).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, signature.parse().unwrap());
        headers
    }

    /// The example of GitHub's documentation, "Validating webhook deliveries".
    #[test]
    fn a_signature_is_that_of_these_very_bytes() {
        let (secret, body) = ("It's a Secret to Everybody", b"Hello, World!");
        let digits = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(is_signed(secret, &headers(&format!("sha256={digits}")), body));
        for wrong in [digits, "sha256=", "sha256=zz", &format!("sha256={}", &digits[..62]), "sha1=757107ea"] {
            assert!(!is_signed(secret, &headers(wrong), body), "{wrong}");
        }
        assert!(!is_signed(secret, &headers(&format!("sha256={digits}")), b"Hello, World"));
        assert!(!is_signed("another", &headers(&format!("sha256={digits}")), body));
        assert!(!is_signed(secret, &HeaderMap::new(), body));
    }
}
