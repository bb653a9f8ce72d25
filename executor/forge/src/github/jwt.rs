//! The JWT by which an App shows that it holds its key (RFC 7519, RS256; GitHub, "Generating a JSON Web Token (JWT) for a GitHub
//! App"). Pure.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;

/// GitHub's clock may be behind ours, and refuses what is from its future.
const BACK_SECONDS: i64 = 60;
/// Together with what it is dated back these are the ten minutes that GitHub takes at most.
const LASTS_SECONDS: i64 = 9 * 60;

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("it is no PEM file with a private key")]
    NotPem,
    #[error("it is encrypted; give the key as GitHub made it")]
    Encrypted,
    #[error("it is no RSA key that signs: {0}")]
    Unusable(String),
}

/// A JWT of the App with this id, or client id, as of now.
pub(super) fn signed(id: &str, pem: &str, now: Timestamp) -> Result<String, KeyError> {
    let now = now.as_second();
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let claims = json!({"iat": now - BACK_SECONDS, "exp": now + LASTS_SECONDS, "iss": id});
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = parsed(pem)?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .map_err(|_| KeyError::Unusable("it does not sign".to_owned()))?;
    Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

/// PKCS#1, as GitHub gives it, or PKCS#8, as other tools make of it (RFC 7468).
fn parsed(pem: &str) -> Result<RsaKeyPair, KeyError> {
    // In a variable a key often stands in one line.
    let pem = pem.replace("\\n", "\n");
    let begins = pem.find("-----BEGIN ").ok_or(KeyError::NotPem)?;
    let (label, rest) = pem[begins + "-----BEGIN ".len()..].split_once("-----").ok_or(KeyError::NotPem)?;
    let (body, _) = rest.split_once("-----END ").ok_or(KeyError::NotPem)?;
    if label == "ENCRYPTED PRIVATE KEY" || body.contains("ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    let body: String = body.chars().filter(|sign| !sign.is_whitespace()).collect();
    let der = BASE64_STANDARD.decode(body).map_err(|_| KeyError::NotPem)?;
    let key = match label {
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der),
        _ => return Err(KeyError::NotPem),
    };
    key.map_err(|error| KeyError::Unusable(error.to_string()))
}
