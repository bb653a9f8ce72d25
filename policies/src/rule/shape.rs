//! What secrets look like: private keys, passwords in URLs, issued tokens, and values behind telling names.
//!
//! Stricter than masking: a mask too many costs nothing, a false error costs trust. What depends on a name needs a
//! value that could be one; what depends on the value alone needs a shape that nothing else has.

use naksha_environments::wire::is_sensitive_name;

/// What was recognised, for sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    PrivateKey,
    UrlPassword,
    Token(&'static str),
    /// A value behind a name such as `DB_PASSWORD`.
    Named,
    /// One of two keys of an object store, side by side.
    KeyPair,
}

impl Shape {
    pub(super) fn words(self) -> String {
        match self {
            Self::PrivateKey => "a private key".to_owned(),
            Self::UrlPassword => "a URL with its password".to_owned(),
            Self::Token(whose) => format!("a token of {whose}"),
            Self::Named => "a secret".to_owned(),
            Self::KeyPair => "one half of a key pair".to_owned(),
        }
    }
}

/// Prefixes of issued tokens, how many characters follow at least, and whose they are.
const TOKENS: &[(&str, usize, &str)] = &[
    ("ghp_", 30, "GitHub"),
    ("gho_", 30, "GitHub"),
    ("ghu_", 30, "GitHub"),
    ("ghs_", 30, "GitHub"),
    ("ghr_", 30, "GitHub"),
    ("github_pat_", 40, "GitHub"),
    ("glpat-", 18, "GitLab"),
    ("xoxb-", 20, "Slack"),
    ("xoxp-", 20, "Slack"),
    ("xapp-", 20, "Slack"),
    ("AKIA", 16, "AWS"),
    ("ASIA", 16, "AWS"),
    ("AIza", 35, "Google"),
    ("ya29.", 20, "Google"),
    ("sk-", 32, "a model provider"),
    ("sk_live_", 20, "Stripe"),
    ("rk_live_", 20, "Stripe"),
    ("hvs.", 20, "Vault"),
    ("hvb.", 20, "Vault"),
    ("npm_", 36, "npm"),
    ("pypi-", 40, "PyPI"),
    ("dop_v1_", 40, "DigitalOcean"),
    ("SG.", 40, "SendGrid"),
];

/// Characters per token below which it is no random text: `sk-learn-pipeline-with-standard-scaler` repeats
/// itself more than a key does.
const MIN_ENTROPY: f64 = 3.0;

/// The two names of a key pair, in lower case without `_` and `-`.
const PAIR: [&[&str]; 2] = [&["accesskey", "accesskeyid"], &["secretkey", "secretaccesskey"]];

/// Ends of names that charts give to the name of a Secret: `auth.existingSecret: db-credentials`.
const POINTERS: &[&str] = &["existingsecret", "pullsecret", "tlssecret", "certsecret"];

/// Words that stand where a secret could and are none.
const WORDS: &[&str] =
    &["true", "false", "yes", "no", "on", "off", "null", "none", "enabled", "disabled", "required"];

/// A secret by its shape alone.
pub(super) fn in_text(text: &str) -> Option<Shape> {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Some(Shape::PrivateKey);
    }
    if has_url_password(text) {
        return Some(Shape::UrlPassword);
    }
    token(text).map(Shape::Token)
}

/// A secret by its shape, or because of the name it stands behind.
pub(super) fn behind(name: &str, value: &str) -> Option<Shape> {
    in_text(value).or_else(|| (is_sensitive_name(name) && is_value(name, value)).then_some(Shape::Named))
}

/// A secret among the entries of one mapping. Alone, `secretKey: s3-secret` may name a key of a Secret; beside an
/// `accessKey` it is the secret, unless the mapping names a Secret too.
pub(super) fn beside(entries: &[(&str, &str)], name: &str, value: &str) -> Option<Shape> {
    let half = |name: &str| PAIR.iter().position(|names| names.contains(&plain_name(name).as_str()));
    let has = |wanted: usize| {
        entries.iter().any(|(name, value)| half(name) == Some(wanted) && is_own_value(name, value))
    };
    let points = entries.iter().any(|(name, _)| half(name).is_none() && plain_name(name).contains("secret"));
    let pair = half(name).is_some() && has(0) && has(1) && !points && is_own_value(name, value);
    behind(name, value).or_else(|| pair.then_some(Shape::KeyPair))
}

/// A value that could be the secret and does not only repeat its name, as `secretKey: secret-key` does.
fn is_own_value(name: &str, value: &str) -> bool {
    could_be_secret(value) && !plain_name(name).contains(&plain_name(value))
}

fn plain_name(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

/// A secret anywhere in a text of many lines: an `.env` file, a configuration.
pub(super) fn in_lines(text: &str) -> Option<Shape> {
    in_text(text).or_else(|| text.lines().find_map(assignment))
}

/// `name = value` or `name: value`, where both look like it.
fn assignment(line: &str) -> Option<Shape> {
    let line = line.trim();
    if line.starts_with(['#', ';']) || line.starts_with("//") {
        return None;
    }
    let (name, value) = line.split_once(['=', ':'])?;
    let name = name.trim().trim_matches(['"', '\'']).trim_start_matches("export ");
    let value = value.trim().trim_end_matches([',', ';']).trim_matches(['"', '\'']);
    let one_word = !name.contains(char::is_whitespace) && !value.contains(char::is_whitespace);
    let code = value.contains(['(', '$', '{', '<', '%', '[', '|']);
    // Words of prose and code follow such names too; a secret has digits, or is long.
    let random = value.len() >= 8 && (value.bytes().any(|b| b.is_ascii_digit()) || value.len() >= 16);
    (one_word && !code && random && is_sensitive_name(name) && is_value(name, value)).then_some(Shape::Named)
}

/// Whether a value could be the secret itself, and not where it is or how long.
fn is_value(name: &str, value: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || matches!(c, '-' | '_' | '.');
    // `secretKey: password` names a key of a Secret.
    let names_a_key = name.to_ascii_lowercase().ends_with("key") && value.trim().chars().all(plain);
    let names_a_secret = POINTERS.iter().any(|end| plain_name(name).ends_with(end));
    could_be_secret(value) && !names_a_key && !names_a_secret
}

fn could_be_secret(value: &str) -> bool {
    let value = value.trim();
    let elsewhere = ["${", "$(", "{{", "vault:", "ref:", "mark:", "file:", "/", "(secret)", "<", "*"];
    value.len() >= 4
        && !elsewhere.iter().any(|start| value.starts_with(start))
        && !value.contains("://")
        && !WORDS.contains(&value.to_ascii_lowercase().as_str())
}

/// `scheme://user:password@host`.
fn has_url_password(text: &str) -> bool {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '|' | ',');
    text.match_indices("://").any(|(at, mark)| {
        let after = &text[at + mark.len()..];
        let token = &after[..after.find(ends).unwrap_or(after.len())];
        let authority = &token[..token.find(['/', '?', '#']).unwrap_or(token.len())];
        let user_info = authority.rsplit_once('@').map(|(user_info, _)| user_info);
        let password =
            user_info.and_then(|user_info| user_info.split_once(':')).map(|(_, password)| password);
        password.is_some_and(|password| {
            !password.is_empty()
                && !["$", "{", "%s", "*", "<", "(secret)"].iter().any(|p| password.starts_with(p))
        })
    })
}

fn token(text: &str) -> Option<&'static str> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.split(|c: char| !inner(c)).find_map(|word| {
        let (prefix, _, whose) = TOKENS
            .iter()
            .find(|(prefix, least, _)| word.len() >= prefix.len() + least && word.starts_with(prefix))?;
        let rest = &word[prefix.len()..];
        let mixed = rest.bytes().any(|b| b.is_ascii_digit()) && rest.bytes().any(|b| b.is_ascii_alphabetic());
        (mixed && entropy(rest) >= MIN_ENTROPY).then_some(*whose)
    })
}

/// Shannon's, in bits per character.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 128];
    for byte in text.bytes().filter(u8::is_ascii) {
        counts[usize::from(byte)] += 1;
    }
    let all = f64::from(counts.iter().sum::<u32>());
    let share = |count: &u32| f64::from(*count) / all;
    counts.iter().filter(|count| **count > 0).map(|count| -share(count) * share(count).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
        assert_eq!(in_text(key), Some(Shape::PrivateKey));
        assert_eq!(in_text("-----BEGIN CERTIFICATE-----\nMIIE"), None);
        assert_eq!(in_text("postgres://app:hunter2@db:5432/x"), Some(Shape::UrlPassword));
        assert_eq!(in_text("see redis://:pa55@cache/0"), Some(Shape::UrlPassword));
        assert_eq!(in_text("postgres://app@db/x"), None);
        assert_eq!(in_text("postgres://app:$(PASSWORD)@db/x"), None);
        assert_eq!(in_text("http://host:8080/a@b"), None);
        assert_eq!(in_text("AKIAIOSFODNN7EXAMPLE"), Some(Shape::Token("AWS")));
        assert_eq!(in_text("token ghp_16C7e42F292c6912E7710c838347Ae178B4a"), Some(Shape::Token("GitHub")));
        assert_eq!(in_text("sk-learn-pipeline-with-standard-scaler-and-more"), None);
    }

    #[test]
    fn names_need_a_value() {
        assert_eq!(behind("DB_PASSWORD", "changeme"), Some(Shape::Named));
        assert_eq!(behind("apiKey", "0a1b2c3d"), Some(Shape::Named));
        for (name, value) in [
            ("DB_PASSWORD", "${{ units.x.outputs.y }}"),
            ("DB_PASSWORD", "vault:kv/db#password"),
            ("DB_PASSWORD", ""),
            ("DB_PASSWORD_FILE", "/run/secrets/db"),
            ("DB_PASSWORD", "/run/secrets/db"),
            ("secretName", "db-credentials"),
            ("existingSecret", "db-credentials"),
            ("secretKey", "password"),
            ("requirePassword", "true"),
            ("TOKEN_URL", "https://id.example/token"),
            ("replicas", "hunter2"),
        ] {
            assert_eq!(behind(name, value), None, "{name}={value}");
        }
    }

    #[test]
    fn pairs() {
        let shapes = |entries: &[(&str, &str)]| -> Vec<_> {
            entries.iter().map(|(name, value)| beside(entries, name, value)).collect()
        };
        let pair = Some(Shape::KeyPair);
        assert_eq!(shapes(&[("accessKey", "minio-user"), ("secretKey", "minio-pass")]), [pair, pair]);
        let written = [("access_key", "minio-user"), ("secret_access_key", "minio-pass"), ("size", "5Gi")];
        assert_eq!(shapes(&written), [pair, pair, None]);
        let named = [("existingSecret", "s3"), ("accessKey", "minio-user"), ("secretKey", "minio-pass")];
        assert_eq!(shapes(&named), [None; 3]);
        assert_eq!(shapes(&[("accessKey", "access-key"), ("secretKey", "secret-key")]), [None; 2]);
        assert_eq!(shapes(&[("secretKey", "password"), ("remoteRef", "kv/db")]), [None; 2]);
        assert_eq!(shapes(&[("accessKey", "${A}"), ("secretKey", "minio-pass")]), [None; 2]);
    }

    #[test]
    fn lines() {
        assert_eq!(in_lines("a=1\nexport DB_PASSWORD=s3cr3t-value\n"), Some(Shape::Named));
        assert_eq!(in_lines("client_secret: \"abcdefgh12345678\""), Some(Shape::Named));
        assert_eq!(in_lines("# password = abcdefgh12345678"), None);
        assert_eq!(in_lines("password_encryption = scram-sha-256"), None);
        assert_eq!(in_lines("token: see below for how to get one"), None);
        assert_eq!(in_lines("password = os.environ['PASSWORD_1']"), None);
    }
}
