//! Whose components are loaded: signatures by minisign, and the keys that the operator trusts.
//! Does not say what a component may do: a signature tells who made it, and nothing more.

use std::fmt;

use anyhow::Result;
use minisign_verify::{Error, PublicKey, Signature};
use serde::de::{Deserialize, Deserializer, Error as _};
use taskwright_registry::clean_line;

use crate::exit_code::refused;

/// What a signature's file is called, behind the component's own name.
pub(crate) const SIGNATURE: &str = "minisig";

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustedKey {
    text: String,
    key: PublicKey,
}

impl fmt::Display for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for TrustedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match PublicKey::from_base64(&text) {
            Ok(key) => Ok(Self { text, key }),
            Err(error) => Err(D::Error::custom(format!(
                "`{}` is no public key of minisign: {error}; expected the second line of its .pub file",
                clean_line(&text, 80)
            ))),
        }
    }
}

/// Who vouches for a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is part of this program.
    Shipped,
    /// The holder of this key, whom the operator trusts.
    Signed(String),
    /// Nobody whom the operator trusts.
    Unsigned,
}

impl Standing {
    /// For a table.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Standing::Shipped => "shipped",
            Standing::Signed(_) => "yes",
            Standing::Unsigned => "no",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Shipped => f.write_str("part of this program"),
            Standing::Signed(key) => write!(f, "signed by {key}"),
            Standing::Unsigned => f.write_str("not signed by a key in `trusted_keys`"),
        }
    }
}

/// What the operator demands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// Whether what is not signed by a trusted key is refused.
    pub(crate) required: bool,
    /// The keys.
    pub(crate) keys: Vec<TrustedKey>,
}

impl Trust {
    /// Looks at a component that does not ship, with the text of its signature if there is one. A signature that claims to be
    /// of a trusted key and is not is refused whatever is demanded.
    pub(crate) fn judge(&self, origin: &str, wasm: &[u8], signature: Option<&str>) -> Result<Standing> {
        let wrong = |problem: &str| refused(format!("{}: {problem}", clean_line(origin, 400)));
        let unsigned = |why: &str| {
            if self.required {
                Err(wrong(&format!("{why}, and the configuration has require_signature = true")))
            } else {
                Ok(Standing::Unsigned)
            }
        };
        let Some(text) = signature else { return unsigned("it is not signed") };
        if self.keys.is_empty() {
            return Ok(Standing::Unsigned);
        }
        let signature = Signature::decode(text).map_err(|error| {
            wrong(&format!("its signature is none of minisign's: {error}; take it away or replace it"))
        })?;
        for trusted in &self.keys {
            match trusted.key.verify(wasm, &signature, false) {
                Ok(()) => return Ok(Standing::Signed(trusted.text.clone())),
                Err(Error::UnexpectedKeyId) => {}
                Err(error) => {
                    return Err(wrong(&format!(
                        "its signature claims to be of {trusted} and is not: {error}. The file is not what was signed; get it anew"
                    )));
                }
            }
        }
        unsigned("it is signed by a key that is not in `trusted_keys`")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use minisign::KeyPair;

    use super::*;

    fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
        minisign::sign(Some(&pair.pk), &pair.sk, Cursor::new(bytes), None, None).unwrap().into_string()
    }

    fn trust(pair: &KeyPair, required: bool) -> Trust {
        let text = pair.pk.to_base64();
        let key = PublicKey::from_base64(&text).unwrap();
        Trust { required, keys: vec![TrustedKey { text, key }] }
    }

    #[test]
    fn the_signature_of_a_trusted_key_counts_for_these_bytes_alone() {
        let (mine, other) =
            (KeyPair::generate_unencrypted_keypair().unwrap(), KeyPair::generate_unencrypted_keypair().unwrap());
        let (signed, foreign) = (sign(&mine, b"kind"), sign(&other, b"kind"));
        for required in [false, true] {
            let trust = trust(&mine, required);
            let key = mine.pk.to_base64();
            assert_eq!(trust.judge("x", b"kind", Some(&signed)).unwrap(), Standing::Signed(key));
            let tampered = trust.judge("x", b"kinD", Some(&signed)).unwrap_err().to_string();
            assert!(tampered.contains("claims to be of") && tampered.contains("is not"), "{tampered}");
            assert!(trust.judge("x", b"kind", Some("nonsense")).is_err());
            assert_eq!(trust.judge("x", b"kind", Some(&foreign)).is_err(), required);
            assert_eq!(trust.judge("x", b"kind", None).is_err(), required);
        }
        assert_eq!(Trust::default().judge("x", b"kind", Some(&signed)).unwrap(), Standing::Unsigned);
    }
}
