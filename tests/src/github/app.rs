//! The GitHub App: its keys, the proof that it gives, and the tokens of its installation.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, refusal};
use super::call::Call;
use super::caller::Permissions;
use super::state::{Owner, State, Token};

/// Keys for tests only: nothing else was ever signed with them.
const FIRST_KEY: &str = include_str!("../../fixtures/github/app-for-tests-only.pem");
const SECOND_KEY: &str = include_str!("../../fixtures/github/app-for-tests-only-second.pem");
/// GitHub, "Generating a JSON Web Token (JWT) for a GitHub App": at most ten minutes from now.
const LONGEST_PROOF: SignedDuration = SignedDuration::from_mins(10);

/// Which of the App's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKey {
    /// PKCS#1, as GitHub gives them out. The App begins with it.
    First,
    /// PKCS#8. The App knows it once [`super::GitHub::replace_app_key`] was called.
    Second,
}

impl AppKey {
    pub fn pem(self) -> &'static str {
        match self {
            Self::First => FIRST_KEY,
            Self::Second => SECOND_KEY,
        }
    }

    fn public(self) -> Vec<u8> {
        let (lines, kind) = (self.pem().lines(), self);
        let text: String =
            lines.filter(|line| !line.starts_with("-----") && !line.starts_with('#')).collect();
        let key = BASE64_STANDARD.decode(text).expect("should be a key");
        let pair = match kind {
            Self::First => RsaKeyPair::from_der(&key),
            Self::Second => RsaKeyPair::from_pkcs8(&key),
        };
        pair.expect("should be a key").public_key().as_ref().to_vec()
    }
}

#[derive(Debug)]
pub(super) struct App {
    pub(super) id: u64,
    pub(super) client_id: String,
    pub(super) slug: String,
    pub(super) installation: u64,
    pub(super) permissions: Permissions,
    pub(super) key: AppKey,
    /// Nobody installed it, or somebody removed it.
    pub(super) is_installed: bool,
    /// How long a token of the installation lives.
    pub(super) token_life: SignedDuration,
}

impl App {
    pub(super) fn new(id: u64, installation: u64) -> Self {
        let permission = |name: &str, level: &str| (name.to_owned(), level.to_owned());
        let write = ["checks", "contents", "deployments", "issues", "pull_requests", "statuses"];
        let write = write.into_iter().map(|name| permission(name, "write"));
        let read = ["members", "metadata"].into_iter().map(|name| permission(name, "read"));
        Self {
            id,
            client_id: format!("Iv23li{id:014}"),
            slug: "naksha-of-tests".to_owned(),
            installation,
            permissions: write.chain(read).collect(),
            key: AppKey::First,
            is_installed: true,
            token_life: SignedDuration::from_hours(1),
        }
    }

    /// As whom it writes.
    pub(super) fn login(&self) -> String {
        format!("{}[bot]", self.slug)
    }

    /// Whether a web token proves that the App asks, at this moment.
    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<(), Answer> {
        let refuse = |words: &str| refusal(401, words);
        let undecodable = || refuse("A JSON web token could not be decoded");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(undecodable)?;
        let (header, claims) = signed.split_once('.').ok_or_else(undecodable)?;
        let bytes = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| undecodable());
        let read = |part: &str| serde_json::from_slice::<Value>(&bytes(part)?).map_err(|_| undecodable());
        let (header, claims) = (read(header)?, read(claims)?);
        if header["alg"] != "RS256" {
            return Err(undecodable());
        }
        let public = self.key.public();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        key.verify(signed.as_bytes(), &bytes(signature)?).map_err(|_| undecodable())?;
        let named = claims["iss"].as_str().map_or_else(|| claims["iss"].to_string(), str::to_owned);
        if named != self.id.to_string() && named != self.client_id {
            return Err(refuse("'Issuer' claim ('iss') must be an Integer or a client ID of the App"));
        }
        let moment = |name: &str| claims[name].as_i64();
        let (Some(issued), Some(expires)) = (moment("iat"), moment("exp")) else {
            return Err(refuse("Missing 'issued at' claim ('iat') or 'expiration time' claim ('exp')"));
        };
        if issued > now.as_second() {
            return Err(refuse(
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
            ));
        }
        if expires <= now.as_second() {
            return Err(refuse(
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
            ));
        }
        if expires > now.as_second() + LONGEST_PROOF.as_secs() {
            return Err(refuse("'Expiration time' claim ('exp') is too far in the future"));
        }
        Ok(())
    }
}

pub(super) fn get(state: &State) -> Answer {
    Answer::ok(state.shapes().app())
}

pub(super) fn installation(state: &mut State, _: &Call) -> Outcome {
    if !state.app.is_installed {
        return Err(super::answer::not_found());
    }
    Ok(Answer::ok(state.shapes().installation()))
}

/// A token, narrowed to what is asked for.
pub(super) fn make_token(state: &mut State, call: &Call) -> Outcome {
    if call.number("installation_id") != state.app.installation || !state.app.is_installed {
        return Err(super::answer::not_found());
    }
    let repositories = call.body["repositories"].as_array();
    let is_ours =
        |name: &Value| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(&state.repository.name));
    let ids = call.body["repository_ids"].as_array();
    let wrong = repositories.is_some_and(|names| !names.iter().all(is_ours))
        || ids.is_some_and(|ids| !ids.iter().all(|id| *id == state.repository.id));
    if wrong {
        return Err(refusal(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        ));
    }
    let mut permissions = state.app.permissions.clone();
    if let Some(asked) = call.body["permissions"].as_object() {
        let has = |name: &str, level: &Value| match (state.app.permissions.get(name), level.as_str()) {
            (Some(held), Some(level)) => held == "write" || level == "read",
            _ => false,
        };
        if !asked.iter().all(|(name, level)| has(name, level)) {
            return Err(refusal(422, "The permissions requested are not granted to this installation."));
        }
        let level = |level: &Value| level.as_str().unwrap_or_default().to_owned();
        permissions = asked.iter().map(|(name, value)| (name.clone(), level(value))).collect();
        permissions.insert("metadata".to_owned(), "read".to_owned());
    }
    let text = format!("ghs_{}", uuid::Uuid::new_v4().simple());
    let expires = state.now() + state.app.token_life;
    let token = Token { owner: Owner::Installation(permissions.clone()), expires: Some(expires) };
    state.tokens.insert(text.clone(), token);
    let mut made = json!({"token": text, "expires_at": super::state::moment(expires),
        "permissions": permissions, "repository_selection": "selected"});
    if repositories.is_some() || ids.is_some() {
        made["repositories"] = json!([state.shapes().repository(&call.caller)]);
    }
    Ok(Answer::created(made))
}
