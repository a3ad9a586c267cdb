//! The name of a place of files, which lies in it, so that hosts which should share a place can tell whether they do.
//! Does not say what the name has to be: a store for several hosts remembers it.

use object_store::{Error, PutMode, PutOptions};

use crate::{FilesError, SessionFiles};

/// Where the name lies.
const PATH: &str = ".place";
/// The longest name that is believed.
const MAX_BYTES: usize = 128;

impl SessionFiles {
    /// The name of this place, if it has one.
    ///
    /// # Errors
    /// `Unusable`.
    pub async fn place_name(&self) -> Result<Option<String>, FilesError> {
        let bytes = match self.read(PATH).await {
            Ok(bytes) => bytes,
            Err(FilesError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let text = std::str::from_utf8(&bytes).ok().map(str::trim);
        let name = text.filter(|text| !text.is_empty() && text.len() <= MAX_BYTES && !text.contains(char::is_control));
        name.map(|name| Some(name.to_owned())).ok_or_else(|| {
            self.unusable(format!("{PATH} there holds no name; it is one line of {MAX_BYTES} bytes at most"))
        })
    }

    /// The name of this place, which gets this one if it has none. Of several hosts that name it at once, one is first.
    ///
    /// # Errors
    /// `Unusable`.
    pub async fn name_place(&self, name: &str) -> Result<String, FilesError> {
        if let Some(name) = self.place_name().await? {
            return Ok(name);
        }
        match self.put_new(PATH, format!("{name}\n").into_bytes()).await {
            Ok(()) | Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
            // A service that knows no such condition. Who is first matters only while a place has no name yet.
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                self.put(PATH, format!("{name}\n").into_bytes()).await?;
            }
            Err(error) => return Err(self.not_written(&error)),
        }
        let gone = || self.unusable(format!("{PATH} was written there, and is not there"));
        self.place_name().await?.ok_or_else(gone)
    }

    async fn put_new(&self, path: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.objects().put_opts(&crate::session_files::key(path), bytes.into(), options).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_keeps_the_name_that_it_got_first() {
        let folder = tempfile::tempdir().unwrap();
        for files in [SessionFiles::in_memory(), SessionFiles::folder(folder.path()).unwrap()] {
            assert_eq!(files.place_name().await.unwrap(), None);
            assert_eq!(files.name_place("one").await.unwrap(), "one");
            assert_eq!(files.name_place("two").await.unwrap(), "one");
            assert_eq!(files.place_name().await.unwrap().as_deref(), Some("one"));
            files.put(PATH, b"\n".to_vec()).await.unwrap();
            assert!(files.place_name().await.is_err());
        }
    }
}
