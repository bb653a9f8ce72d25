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

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    /// Keys that open nothing.
    const PKCS1: &str = include_str!("../../../../tests/fixtures/github/app-for-tests-only.pem");
    const PKCS8: &str = include_str!("../../../../tests/fixtures/github/app-for-tests-only-second.pem");

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    /// The claims of a JWT whose signature is that of a key.
    fn verified(jwt: &str, pem: &str) -> serde_json::Value {
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        let key = parsed(pem).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().as_ref());
        public.verify(message.as_bytes(), &decoded(signature)).expect("should be signed with the key");
        let (header, claims) = message.split_once('.').unwrap();
        assert_eq!(decoded(header), br#"{"alg":"RS256","typ":"JWT"}"#);
        serde_json::from_slice(&decoded(claims)).unwrap()
    }

    #[test]
    fn a_jwt_is_dated_back_and_lasts_no_longer_than_github_takes() {
        let claims = verified(&signed("Iv1.abc", PKCS1, now()).unwrap(), PKCS1);
        assert_eq!(claims, json!({"iat": 1_699_999_940, "exp": 1_700_000_540, "iss": "Iv1.abc"}));
    }

    #[test]
    fn a_key_is_taken_however_it_is_written_down() {
        let in_one_line = PKCS1.replace('\n', "\\n");
        let with_a_word_before = format!("made on Monday\n{PKCS8}");
        for pem in [PKCS1, PKCS8, &in_one_line, &with_a_word_before, &PKCS1.replace('\n', "\r\n")] {
            assert_eq!(verified(&signed("1", pem, now()).unwrap(), pem)["iss"], "1");
        }
    }

    #[test]
    fn what_is_no_key_is_told_apart_and_not_shown() {
        let refused = |pem: &str| signed("1", pem, now()).unwrap_err();
        let encrypted = PKCS8.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        assert_eq!(refused(&encrypted), KeyError::Encrypted);
        let encrypted =
            PKCS1.replace("RSA PRIVATE KEY-----\n", "RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n");
        assert_eq!(refused(&encrypted), KeyError::Encrypted);
        assert_eq!(refused("ghp_token"), KeyError::NotPem);
        assert_eq!(refused(PKCS1.split_once("-----END").unwrap().0), KeyError::NotPem);
        assert_eq!(refused(&PKCS1.replace("RSA PRIVATE KEY", "PUBLIC KEY")), KeyError::NotPem);
        let broken = refused(&PKCS1.replace("RSA PRIVATE KEY", "PRIVATE KEY"));
        assert!(matches!(broken, KeyError::Unusable(_)), "{broken}");
        let secret = PKCS1.lines().rev().nth(5).unwrap();
        assert!(!broken.to_string().contains(secret), "{broken}");
    }
}
