//! Where a secret of the daemon's own is: in a file, in an environment variable, or in the source of secrets.

use std::path::PathBuf;
use std::sync::Arc;

use naksha_environments::secret::SecretRef;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor_forge::Place;

use super::Wrong;

/// One of three keys, as they are written.
#[derive(Debug)]
pub(super) struct Written<'a> {
    /// What the three are called.
    pub(super) keys: [&'static str; 3],
    pub(super) file: Option<&'a PathBuf>,
    pub(super) variable: Option<&'a String>,
    pub(super) secret: Option<&'a String>,
}

impl Written<'_> {
    /// The one that is written; nothing: none is.
    pub(super) fn place(self, secrets: &Arc<dyn SecretSource>) -> Result<Option<Place>, Wrong> {
        let Self { keys, file, variable, secret } = self;
        let [file_key, variable_key, secret_key] = keys;
        let both = |one, other| Err((other, format!("both {one} and {other} are set; keep one")));
        match (file, variable, secret) {
            (None, None, None) => Ok(None),
            (Some(file), None, None) => Ok(Some(Place::File(file.clone()))),
            (None, Some(name), None) => Ok(Some(Place::Variable(name.clone()))),
            (None, None, Some(reference)) => match SecretRef::parse(reference) {
                Ok(reference) => Ok(Some(Place::Secret(Arc::clone(secrets), reference))),
                Err(reason) => Err((secret_key, format!("it is no reference `vault:PATH#FIELD`: {reason}"))),
            },
            (Some(_), Some(_), _) => both(file_key, variable_key),
            (Some(_), None, Some(_)) => both(file_key, secret_key),
            (None, Some(_), Some(_)) => both(variable_key, secret_key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    #[test]
    fn what_stands_in_the_place_of_a_reference_is_not_repeated() {
        let config = "
            [[repository]]
            name = 'shop'
            url = 'https://git.example/shop.git'
            credentials = {token_secret = 'hunter2'}
            forge = {kind = 'github', repository = 'o/r', webhook_secret = 'hunter2', \
                app = {id = '1', key_secret = 'vault:kv/naksha/app#key'}}
            [clusters.prod]
            kubeconfig_secret = 'hunter2'";
        let config: Config = toml::from_str(config).unwrap();
        let printed = toml::to_string(&config.effective()).unwrap();
        assert!(!printed.contains("hunter2") && printed.contains("vault:kv/naksha/app#key"), "{printed}");
        assert_eq!(printed.matches("(secret)").count(), 3, "{printed}");
    }
}
